"""What was flagged in conversations, people who were, and what an organisation looks for."""

from datetime import datetime
from uuid import UUID

from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.read import Stored
from sealdesk.verification.state.rows import Table, chunks


def apply(table: Table, entry: Stored) -> None:
    """Let an entry have its effect on `app.flag`."""
    told, flag = entry.body, UUID(entry.body["flag"])
    match entry.type:
        case "abuse.flagged":
            kinds = list(dict.fromkeys(rule["lexicon"] for rule in told["rules"]))
            author = told["author_kind"], UUID(told["author"])
            table.rows[flag,] = _row(entry, told["about"], entry.stream_id, author, kinds) | {"last_at": entry.at}
        case "actor.escalated":
            member = told["member_kind"], UUID(told["member"])
            last = datetime.fromisoformat(told["last_at"])
            table.rows[flag,] = _row(entry, "person", None, member, [told["violation"]]) | {"last_at": last}
        case _:
            table.rows.setdefault((flag,), {})["standing"] = entry.type.removeprefix("abuse.")


def _row(
    entry: Stored, about: str, thread: UUID | None, author: tuple[str, UUID], kinds: list[str]
) -> dict[str, object]:
    return {
        "about": about,
        "thread_id": thread,
        "author_kind": author[0],
        "author_id": author[1],
        "kinds": kinds,
        "at": entry.at,
        "entry_id": entry.entry_id,
        "evidence": entry.refs[0] if thread else entry.refs[-1],
        "standing": "open",
    }


async def judge(view: View) -> None:
    """`Differs` at the first lexicon, or flag of a person, that the organisation's own stream does not account for."""
    people, lexicons = Table("app.flag", ("flag_id",)), Table("app.lexicon", ("name",))
    async for _, entries in chunks(view, ("org",), "app.org", "org_id"):
        for entry in entries:
            match entry.type:
                case "actor.escalated" | "abuse.confirmed" | "abuse.dismissed":
                    apply(people, entry)
                case "lexicon.changed":
                    lexicons.rows[entry.body["lexicon"],] = {
                        "enabled": entry.body["enabled"] == "yes",
                        "version": entry.body["version"],
                        "commit": entry.commits["details"],
                    }
                case _:
                    pass
    of_people = "select * from app.flag where org_id = $1 and thread_id is null"
    people.compare(view, await view.connection.fetch(of_people, view.org))
    lexicons.compare(view, await view.connection.fetch("select * from app.lexicon where org_id = $1", view.org))
