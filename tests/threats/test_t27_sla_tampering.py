"""T27, the ledger's side: what an entry about a service level says is frozen, and a ticket's fields can't be changed past the record.

The clock that writes these entries comes with service levels; their format is fixed now, so that no old entry has to be read anew.
"""

from typing import Any

import pytest

import forger
from sealdesk.ledger.fsck import fsck
from sealdesk.verification.timers import verify
from sealproof import entry as entries
from sealproof.entry import EntryError
from world import World

ACTS = ("due", "paused", "resumed", "warned", "breached")
BODY = {
    "metric": "first_response",
    "policy": "018f0000-0000-7000-8000-000000000001",
    "calendar": "018f0000-0000-7000-8000-000000000002",
    "calendar_version": 3,
    "due_at": "2026-11-22T10:00:00.000000Z",
}
FROZEN = {
    "due": "0c8b44bfe7f38ba377139ff312f15502fe7f2bd6367d24f604d2df5a18ba564a",
    "paused": "18bc2d3cc7d2f3d84e76205c8d14cb9e8079d1e80d96bb00f0383614bfd3621d",
    "resumed": "807149cf46509cfb8c8f6c4a8e1643e038e79630958c792f46a12f37896b0535",
    "warned": "a70049abd1b15ca3601549f79353992792bd131e9b95d8f6953747f9ef1bc02d",
    "breached": "bfa5e10b88e6b16c17f5cee2aa76977703197d81c77636a784146f4d93097f04",
}


def build(act: str, **changes: Any) -> bytes:
    body = {name: value for name, value in {**BODY, **changes}.items() if value is not ...}
    return entries.build(
        log="desk.example.org/ledger/org/018f0000-0000-7000-8000-0000000000aa",
        id="018f0000-0000-7000-8000-0000000000bb",
        type=f"sla.{act}",
        at="2026-11-22T09:00:00.000000Z",
        nonce="00112233445566778899aabbccddeeff",
        actor=("system", "sla"),
        stream=("ticket", "018f0000-0000-7000-8000-0000000000cc", 2, "ab" * 32),
        body=body,
    )


@pytest.mark.parametrize("act", ACTS)
def test_the_format_is_frozen(act: str) -> None:
    assert entries.leaf_hash(build(act)).hex() == FROZEN[act]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", BODY)
def test_every_part_is_due(act: str, name: str) -> None:
    """Without its policy, calendar or version a due time could later be said to have meant another."""
    with pytest.raises(EntryError):
        build(act, **{name: ...})


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "third_response"},
        {"calendar_version": 0},
        {"calendar_version": "3"},
        {"due_at": "2026-11-22T10:00:00Z"},
        {"due_at": "tomorrow"},
        {"note": "a person typed this"},
    ],
)
def test_nothing_else_is_said(changes: dict[str, Any]) -> None:
    with pytest.raises(EntryError):
        build("due", **changes)


EDITS = {
    "status": "update app.ticket set status = 'solved', version = version",
    "priority": "update app.ticket set priority = 'low'",
    "assignee_id": "update app.ticket set assignee_id = null where assignee_id is not null",
}


@pytest.mark.parametrize("field", EDITS)
async def test_sql_behind_the_record_is_found(drill: World, field: str) -> None:
    connection = await drill.superuser()
    await forger.unguard(connection)
    await connection.execute(f"{EDITS[field]}")
    await connection.close()
    (outcome,) = await verify(drill.desk, drill.signer, drill.acme.org, ["state"])
    assert outcome.difference
    assert (outcome.difference.table, outcome.difference.finding) == ("app.ticket", f"state.ticket.{field}")
    # Without the state job nobody would know: the ledger itself is whole.
    assert (await fsck(drill.desk.database, drill.signer)).clean
