"""Organisations, what their admins set, members and contacts."""

import json
from uuid import UUID

from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.read import Stored
from sealdesk.ledger.seal import Unopenable
from sealdesk.verification.state.rows import Table, chunks, column_of, stored

SETTINGS = ("sign_in", "allowed_origins", "widget")


async def judge(view: View) -> None:
    """`Differs` at the first person, organisation or setting that entries do not account for."""
    async for ids, entries in chunks(view, ("org",), "app.org", "org_id"):
        orgs = Table("app.org", ("org_id",), {(e.stream_id,): {} for e in entries if e.type == "org.created"})
        orgs.compare(view, await stored(view, orgs, "org_id", ids))
    await _judge_settings(view)
    for table, column in (("app.member", "member_id"), ("app.contact", "contact_id")):
        async for ids, entries in chunks(view, ("user",), table, column):
            people = Table(table, (column,))
            for entry in entries:
                _apply(people, column, entry)
            people.compare(view, await stored(view, people, column, ids))


async def _judge_settings(view: View) -> None:
    settings = Table("app.setting", ("org_id", "name"))
    async for _, entries in chunks(view, ("org",), "app.org", "org_id"):
        for entry in entries:
            if entry.type == "config.changed" and entry.body["setting"] in SETTINGS:
                row = settings.rows.setdefault((entry.stream_id, entry.body["setting"]), {"version": 0})
                row["version"] = _counted(row) + 1
                row["commit"] = column_of(entry, "new")
    rows = await stored(view, settings, "org_id", [view.org])
    settings.compare(view, rows)
    for row in rows:
        # The entry binds the text; the value has to be that text.
        text = await _opened(view, row["commit"])
        if text is not None and json.loads(text) != json.loads(row["value"]):
            raise view.differs(
                "app.setting", row["name"], "state.setting.value", expected="what its entry says", found="another value"
            )


async def _opened(view: View, commit: bytes) -> bytes | None:
    row = await view.connection.fetchrow(
        "select c.sealed, k.wrapped from ledger.content c join ledger.content_key k using (org_id, commit)"
        " where c.org_id = $1 and c.commit = $2",
        view.org,
        commit,
    )
    if view.sealer is None or row is None:
        return None
    try:
        return view.sealer.open(view.org, commit, row["sealed"], row["wrapped"]).content
    except Unopenable:
        return None  # named where content itself is judged


def _apply(people: Table, column: str, entry: Stored) -> None:
    match entry.type, column:
        case "member.added", "member_id":
            people.rows[UUID(entry.body["member"]),] = {
                "role": entry.body["role"],
                "active": True,
                "invited": False,
                "version": 1,
            }
        case (
            ("member.invited" | "member.joined" | "member.deactivated" | "member.reactivated" | "role.changed"),
            "member_id",
        ):
            row = people.rows.setdefault((UUID(entry.body["member"]),), {"version": 0})
            row |= _STEPS[entry.type] | {"version": _counted(row) + 1}
            row["role"] = entry.body.get("new") or entry.body.get("role") or row["role"]
        case "contact.added", "contact_id":
            people.rows[UUID(entry.body["contact"]),] = {"role": entry.body["role"]}
        case _:
            pass  # sessions and refusals leave no row that is compared


_STEPS: dict[str, dict[str, object]] = {
    "member.invited": {"active": False, "invited": True},
    "member.joined": {"active": True, "invited": False},
    "member.deactivated": {"active": False, "invited": False},
    "member.reactivated": {"active": True, "invited": False},
    "role.changed": {},
}


def _counted(row: dict[str, object]) -> int:
    version = row["version"]
    assert isinstance(version, int)
    return version
