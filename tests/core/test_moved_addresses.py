"""Revision 0011 over what earlier ones stored: addresses under a norm that made one of two, and visitors under what was an address."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command

from sealdesk.core import migrate
from sealdesk.core.postgres import Cluster
from sealdesk.migrations.moved_addresses import exact
from sealdesk.people.emails import normalise_email

FORMER = "sealdesk_former"
ACME, GLOBEX = uuid4(), uuid4()


@pytest.fixture(scope="module")
def former(cluster: Cluster, template: str) -> Iterator[str]:
    """The administrator's connection string of a database as it was before."""
    del template  # the roles are there
    cluster.ensure_database(FORMER)
    dsn = cluster.superuser_dsn(FORMER)
    command.upgrade(migrate.alembic_config(dsn), "0010")
    yield dsn
    cluster.sql(f'drop database "{FORMER}" with (force)')


class Past:
    """People as they stood, by a word for each."""

    connection: "asyncpg.Connection[asyncpg.Record]"

    def __init__(self) -> None:
        self.people: dict[str, UUID] = {}

    async def person(self, word: str, email: str, norm: str, password: str | None = "x", org: UUID = ACME) -> None:
        """Somebody with a session in one organisation."""
        self.people[word] = person = uuid4()
        await self.connection.execute(
            "insert into sec.person (person_id, email, email_norm, password_hash) values ($1, $2, $3, $4)",
            person,
            email,
            norm,
            password,
        )
        await self.join(word, org)

    async def join(self, word: str, org: UUID, kind: str = "session") -> None:
        """Their membership, and something open in it."""
        member, person = uuid4(), self.people[word]
        await self.connection.execute(
            "insert into app.member (org_id, member_id, person_id, role, name) values ($1, $2, $3, 'requester', 'x')",
            org,
            member,
            person,
        )
        await self.connection.execute(
            "insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until)"
            " values (sha256($1), $2, $3, $4, '1 h', now() + interval '1 h')",
            member.bytes, kind, org, member,
        )  # fmt: skip

    async def now(self, word: str) -> dict[str, Any]:
        """How they stand."""
        row = await self.connection.fetchrow(
            "select p.email, p.email_norm, p.password_hash, (select count(*) from app.member m join sec.session s using (org_id, member_id)"
            " where m.person_id = p.person_id and s.ended_at is null) as open from sec.person p where p.person_id = $1",
            self.people[word],
        )
        assert row is not None
        return dict(row)


async def before(past: Past) -> None:
    """What a desk may hold by then."""
    for org, slug in ((ACME, "acme"), (GLOBEX, "globex")):
        await past.connection.execute("insert into app.org (org_id, slug, name) values ($1, $2, $2)", org, slug)
    await past.person("plain", "Ann@acme.test", "ann@acme.test")
    await past.person("sharp", "anna@straße.test", "anna@strasse.test")
    await past.person("alike", "ſam@acme.test", "sam@acme.test")
    await past.person("apart", "rene\u0301@acme.test", "rene\u0301@acme.test", password=None)
    await past.person("whole", "ren\u00e9@acme.test", "ren\u00e9@acme.test")
    await past.person("own", "zoe\u0308@acme.test", "zoe\u0308@acme.test")
    await past.person("planted", "zo\u00eb@acme.test", "zo\u00eb@acme.test", password=None, org=GLOBEX)
    await past.person("visitor", "vera@visitor.test", f"visitor/{ACME}/vera@visitor.test", None)
    await past.person("reset", "otto@visitor.test", f"visitor/{ACME}/otto@visitor.test")
    await past.person("straying", "max@straße.test", f"visitor/{ACME}/max@strasse.test", None)
    await past.person("taken", f"visitor/{ACME}/eve@victim.test", f"visitor/{ACME}/eve@victim.test", org=GLOBEX)
    await past.join("taken", ACME, "visitor")
    await past.person("odd", f"visitor/{ACME}/new@victim.test", f"visitor/{ACME}/new@victim.test", org=GLOBEX)
    await past.connection.execute(
        "insert into sec.link (hash, purpose, person_id, email, email_norm, until)"
        " select sha256('l'), 'email', $1, 'ä@x.test', 'ä@x.test', now() + interval '1 h'",
        past.people["plain"],
    )


async def after(past: Past) -> None:
    """What it holds then."""
    rows = {word: await past.now(word) for word in past.people}
    norms = {word: row["email_norm"] for word, row in rows.items()}
    assert norms == {
        "plain": "ann@acme.test",
        "sharp": "anna@straße.test",
        "alike": f"nobody/{past.people['alike']}",
        "apart": f"nobody/{past.people['apart']}",
        "whole": "ren\u00e9@acme.test",
        "own": "zo\u00eb@acme.test",
        "planted": f"nobody/{past.people['planted']}",
        "visitor": f"visitor {ACME} vera@visitor.test",
        "reset": f"visitor {ACME} otto@visitor.test",
        "straying": f"visitor {ACME} max@straße.test",
        "taken": f"visitor/{ACME}/eve@victim.test",
        "odd": f"visitor/{ACME}/new@victim.test",
    }
    assert {word for word, row in rows.items() if row["open"]} == {"plain", "whole", "odd"}
    assert {word for word, row in rows.items() if row["password_hash"] is None} == {
        "apart",
        "planted",
        "visitor",
        "reset",
        "straying",
    }
    (victim,) = await past.connection.fetch(
        "select p.email, p.password_hash, m.org_id, s.ended_at from sec.person p join app.member m using (person_id)"
        " join sec.session s using (org_id, member_id) where p.email_norm = $1", f"visitor {ACME} eve@victim.test",
    )  # fmt: skip
    assert tuple(victim) == ("eve@victim.test", None, ACME, None)
    assert await past.connection.fetchval("select used_at is not null from sec.link")
    assert await past.connection.fetch("select breach from app.lint") == []


def test_it_works(former: str) -> None:
    """Each comes to stand under their own exact address; what was reached by another's is shut; who comes second keeps no address."""

    past = Past()
    asyncio.run(at(former, past, before))
    command.upgrade(migrate.alembic_config(former), "head")
    asyncio.run(at(former, past, after))


async def at(dsn: str, past: Past, work: Callable[[Past], Awaitable[None]]) -> None:
    """Do it over a connection of its own."""
    past.connection = await asyncpg.connect(dsn)
    try:
        await work(past)
    finally:
        await past.connection.close()


def test_the_step_knows_the_norm_as_it_was_then() -> None:
    for email in (
        "Anna@Straße.TEST",
        "ΝΙΚΟΣ@acme.test",
        "İda@acme.test",
        "Rene\u0301@acme.test",
        "J\u030c@acme.test",
        "\u212a@acme.test",
    ):
        assert exact(email) == normalise_email(email)
    assert exact("ſam@acme.test") is None
