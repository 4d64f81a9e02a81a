"""T24: whoever ends others' sessions is told of to the operator, once that stands, and nobody is where there was nothing to end."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from members.test_members import whatever
from sealdesk.members import commands, rules
from world import World


async def test_it_works(world: World) -> None:
    """How many, whose and by whom: of one member, of everybody else."""
    admin, agent = world.acme.admin, world.acme.agent
    with capture_logs() as logs:
        await commands.end_sessions(world.desk, admin, agent.member)
        await commands.end_sessions(world.desk, admin, agent.member)
        await commands.end_all_sessions(world.desk, admin)
        await commands.end_all_sessions(world.desk, admin)
    who = {"event": "sessions_revoked", "owasp": "session_expired", "org": str(admin.org), "by": str(admin.member)}
    assert _told(logs) == [{**who, "member": str(agent.member), "count": 1}, {**who, "count": 3}]


async def test_what_is_undone_is_not_told(world: World) -> None:
    superuser = await world.superuser()
    await superuser.execute(
        "alter table ledger.entry add constraint is_full check (type not in ('session.revoked', 'config.changed')) not valid"
    )
    await superuser.close()
    admin = world.acme.admin
    with capture_logs() as logs:
        for work in (
            commands.end_sessions(world.desk, admin, world.acme.agent.member),
            commands.end_all_sessions(world.desk, admin),
            rules.set_sign_in_rules(world.desk, admin, rules.SignInRules((), 61, 24), whatever),
        ):
            with pytest.raises(Exception, match="is_full"):
                await work
    assert _told(logs) == []


def _told(logs: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "log_level"} for each in logs if "owasp" in each]
