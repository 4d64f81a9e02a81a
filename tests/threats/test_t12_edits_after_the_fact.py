"""T12: messages and entries are append-only, for every login, for the owner, and over HTTP.

The full list of attempts is `tests/spine/access/test_immutability.py`; here each mitigation is taken away in turn, and the edit succeeds.
"""

from pathlib import Path

import pytest

from intruder import attempt, entered
from scene import Scene
from sealdesk.app import application
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.settings import Settings
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.unit import Desk
from sealdesk.web.checks import routes_of
from world import World

EDITS = (
    "update app.message set body_commit = sha256(body_commit)",
    "delete from app.message",
    "update ledger.entry set type = 'message.redacted'",
    "delete from ledger.entry",
)


@pytest.mark.parametrize("statement", EDITS)
@pytest.mark.parametrize("role", ["requester", "agent", "admin", "auditor"])
async def test_no_role_edits(drill: World, role: str, statement: str) -> None:
    async with entered(drill, getattr(drill.acme, role)) as connection:
        assert await attempt(connection, statement) == "42501"


async def test_without_the_missing_grant_the_trigger_still_stops_it(drill: World) -> None:
    superuser = await drill.superuser()
    await superuser.execute(
        "grant update, delete on app.message to desk_agent; create policy hole on app.message for all to desk_agent using (true)"
    )
    async with entered(drill, drill.acme.agent) as connection:
        assert await attempt(connection, "delete from app.message") == "SD010"
    assert await superuser.fetch("select from app.lint where breach like '%app.message%'")
    await superuser.close()


async def test_without_grant_and_trigger_the_edit_succeeds(drill: World) -> None:
    """So the tests above can fail."""
    superuser = await drill.superuser()
    await superuser.execute(
        "grant update, delete on app.message to desk_agent; create policy hole on app.message for all to desk_agent using (true)"
    )
    await superuser.execute("drop trigger append_only on app.message")
    for table in ("redaction", "erasure"):
        await superuser.execute(f"alter table app.{table} drop constraint {table}_org_id_message_id_fkey")
    async with entered(drill, drill.acme.agent) as connection:
        assert (await attempt(connection, "delete from app.message")).startswith("DELETE ")
        assert await attempt(connection, "delete from app.message") != "DELETE 0"
    await superuser.close()


def test_no_route_edits_or_deletes_a_message() -> None:
    settings = Settings.load({"SEALDESK_DATA": "/nonexistent", "SEALDESK_ENV": "development"})
    desk = Desk(Database(Whereabouts("/nonexistent", 5432, "none"), {}), Sealer(bytes(32)), "desk.test")
    outer = application(settings, desk, SignerClient(Path("/nonexistent/signer.sock")), bytes(32))
    about = [route for route in routes_of(outer.inner) if "message" in route.path or "ledger" in route.path]  # type: ignore[arg-type]
    assert about
    assert [route.path for route in about if not route.methods <= {"GET", "HEAD", "POST"}] == []


async def test_an_edit_that_got_through_all_the_same_is_found(drill: World, scene: Scene) -> None:
    from sealdesk.verification.timers import verify

    superuser = await drill.superuser()
    await superuser.execute("alter table app.message disable trigger all")
    await superuser.execute(
        "update app.message set author_id = $1 where seq = 7 and thread_id = $2",
        drill.acme.admin.member,
        scene.threads[0],
    )
    await superuser.close()
    (outcome,) = await verify(drill.desk, drill.signer, drill.acme.org, ["state"])
    assert outcome.difference
    assert outcome.difference.finding == "state.message.author_id"
