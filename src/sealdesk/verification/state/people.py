"""Organisations, members and contacts."""

from uuid import UUID

from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.read import Stored
from sealdesk.verification.state.rows import Table, chunks, stored


async def judge(view: View) -> None:
    """`Differs` at the first person or organisation that entries do not account for."""
    async for ids, entries in chunks(view, ("org",), "app.org", "org_id"):
        orgs = Table("app.org", ("org_id",), {(e.stream_id,): {} for e in entries if e.type == "org.created"})
        orgs.compare(view, await stored(view, orgs, "org_id", ids))
    for table, column in (("app.member", "member_id"), ("app.contact", "contact_id")):
        async for ids, entries in chunks(view, ("user",), table, column):
            people = Table(table, (column,))
            for entry in entries:
                _apply(people, column, entry)
            people.compare(view, await stored(view, people, column, ids))


def _apply(people: Table, column: str, entry: Stored) -> None:
    match entry.type, column:
        case "member.added", "member_id":
            # Nothing that is recorded ends a membership yet, so none may have ended.
            people.rows[UUID(entry.body["member"]),] = {"role": entry.body["role"], "active": True}
        case "role.changed", "member_id":
            people.rows.setdefault((UUID(entry.body["member"]),), {})["role"] = entry.body["new"]
        case "contact.added", "contact_id":
            people.rows[UUID(entry.body["contact"]),] = {"role": entry.body["role"]}
        case _:
            pass  # sessions and refusals leave no row that is compared
