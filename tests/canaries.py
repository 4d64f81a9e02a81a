"""Two organisations full of strings that would be known again anywhere, their people's callers, and every id that they have."""

import base64
import json
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pyotp.totp import TOTP

from direct import Application, Caller, seat
from evidence import builder
from sealdesk.core.db import Connection
from sealdesk.imports.commands import import_conversations
from sealdesk.imports.lines import read
from world import Cast

ROLES = ("requester", "stranger", "agent", "admin", "auditor")
NO_ADDRESS = frozenset({"person_id", "source", "sys_entry", "family_id"})
"""Columns whose ids open nothing: people are global, and an import's source, an entry of `sys` and a family of sessions are no address."""
ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KINDS = re.compile(rb"canary-[0-9a-f]{12}-([a-z]+)")


@dataclass(slots=True)
class Tenant:
    """One organisation: who is in it, its mark, who can call for it, its ids by the column that holds them, and its requester's ticket."""

    cast: Cast
    mark: str = field(default_factory=lambda: f"canary-{secrets.token_hex(6)}")
    callers: dict[str, Caller] = field(default_factory=dict[str, Caller])
    ids: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    thread: str = ""

    def word(self, kind: str) -> str:
        """A canary that says what it stands for."""
        return f"{self.mark}-{kind}"

    def ids_for(self, name: str) -> list[str]:
        """Ids that a parameter of this name could mean; all, where no column has such a name."""
        column = {"token": "session_id", "organisation": "org_id"}.get(name, f"{name.removesuffix('s')}_id")
        return self.ids.get(column) or [each for ids in self.ids.values() for each in ids]

    def everything(self) -> set[bytes]:
        """All ids."""
        return {each.encode() for ids in self.ids.values() for each in ids}


def kinds_in(sent: bytes, mark: str) -> set[str]:
    """Which kinds of a mark's canaries are among these bytes."""
    return {found[1].decode() for found in _KINDS.finditer(sent) if found[0].startswith(mark.encode())}


def traces(mark: str) -> tuple[bytes, ...]:
    """The mark as it is and as base64 and hex would carry it."""
    plain = mark.encode()
    shifted = (base64.b64encode(bytes(lead) + plain)[4 if lead else 0 : -4] for lead in range(3))
    return (plain, plain.hex().encode(), *shifted)


def leaked(sent: bytes, marks: Iterable[bytes], ids: set[bytes]) -> set[bytes]:
    """What is among the bytes of an answer and should not be: traces of a mark, or ids."""
    return {mark for mark in marks if mark in sent} | (set(ID.findall(sent)) & ids)


async def settle_in(application: Application, tenant: Tenant, folder: Path) -> None:
    """Fill an organisation with canaries: by its people over HTTP, by an import, and by hand where only sign-ins leave any."""
    await _rename(application, tenant)
    for role in ROLES:
        tenant.callers[role] = await seat(application, getattr(tenant.cast, role))
    tenant.callers["token"] = await seat(
        application, tenant.cast.agent, scopes=["thread.read", "note.read", "ledger.read"]
    )
    await _converse(tenant)
    await _keep(application, tenant)
    await _bring_history(application, tenant, folder)
    world = application.world
    superuser = await world.superuser()
    await name_browsers(superuser, tenant)
    await superuser.close()
    await world.seal()
    while await builder(world).step():
        pass
    tenant.ids = await ids_of(application, tenant)


async def name_browsers(superuser: Connection, tenant: Tenant) -> None:
    """Give the sessions that the cast signed in with the name of a browser that tells whose they are; no walker goes on with these."""
    hashes = [actor.session_hash for actor in tenant.cast.everybody()]
    await superuser.execute("update sec.session set label = $1 where hash = any ($2)", tenant.word("device"), hashes)


async def _rename(application: Application, tenant: Tenant) -> None:
    superuser = await application.world.superuser()
    await superuser.execute(
        "update app.org set name = $2 where org_id = $1", tenant.cast.org, tenant.word("organisation")
    )
    await superuser.execute(
        "update app.member set name = $2 || '-' || role where org_id = $1", tenant.cast.org, tenant.word("member")
    )
    await superuser.execute(
        "update sec.person p set email = $2 || '.' || m.member_id || '@home.test', email_norm = $2 || '.' || m.member_id || '@home.test'"
        " from app.member m where m.person_id = p.person_id and m.org_id = $1",
        tenant.cast.org,
        tenant.word("email"),
    )
    await superuser.close()


async def _converse(tenant: Tenant) -> None:
    for role, kind in (("requester", "subject"), ("stranger", "other")):
        document = {"subject": tenant.word(kind), "body": tenant.word("body")}
        opened = await tenant.callers[role].ask("POST", "/api/v1/tickets", document=document)
        assert opened.status == 201, opened.text
        thread = opened.json()["id"]
        tenant.thread = tenant.thread or thread
        for author, word, visibility in (("agent", "answer", "public"), ("agent", "note", "internal")):
            document = {"body": tenant.word(word), "visibility": visibility}
            said = await tenant.callers[author].ask("POST", f"/api/v1/threads/{thread}/messages", document=document)
            assert said.status == 201, said.text
        ticket = {"assignee": str(tenant.cast.agent.member), "priority": "high"}
        taken = await tenant.callers["agent"].ask("PATCH", f"/api/v1/threads/{thread}/ticket", document=ticket)
        assert taken.status == 200, taken.text
        wanted = {"purpose": tenant.word("purpose"), "scope": {"threads": [thread]}}
        for asker in (role, "agent", "admin"):
            asked = await tenant.callers[asker].ask("POST", "/api/v1/exports", document=wanted)
            assert asked.status == 202, asked.text


async def _keep(application: Application, tenant: Tenant) -> None:
    """Tokens, a second factor, an invitation."""
    for role in ("agent", "admin"):
        wanted = {"name": tenant.word("token"), "permissions": ["thread.read"], "days": 1}
        made = await tenant.callers[role].ask("POST", "/api/v1/account/tokens", document=wanted)
        assert made.status == 201, made.text
    for role in ("requester", "admin", "auditor"):
        begun = (await tenant.callers[role].ask("POST", "/api/v1/account/totp/options")).json()
        code = TOTP(begun["secret"]).now()
        factor = {"challenge": begun["challenge"], "code": code, "name": tenant.word("factor")}
        added = await tenant.callers[role].ask("POST", "/api/v1/account/totp", document=factor)
        assert added.status == 200, added.text
    newcomer = {"email": f"{tenant.word('invited')}@home.test", "name": tenant.word("newcomer"), "role": "agent"}
    invited = await tenant.callers["admin"].ask("POST", "/api/v1/members", document=newcomer)
    assert invited.status == 201, invited.text


async def _bring_history(application: Application, tenant: Tenant, folder: Path) -> None:
    line = {
        "thread": "t1",
        "channel": "chat",
        "author": {"id": "c1", "role": "requester", "name": tenant.word("contact")},
        "at": "2020-04-01T17:31:32.000Z",
        "body": tenant.word("history"),
        "subject": tenant.word("past"),
    }
    file = folder / f"{tenant.mark}.jsonl"
    file.write_text(json.dumps(line) + "\n")
    await import_conversations(
        application.world.desk, tenant.cast.org, tenant.word("source"), read(file), lambda _: None
    )


async def ids_of(application: Application, tenant: Tenant) -> dict[str, list[str]]:
    """Every id in every column of every table that belongs to an organisation, by column; tables to come are there by themselves."""
    superuser = await application.world.superuser()
    columns = await superuser.fetch(
        "select c.table_schema || '.' || c.table_name as name, c.column_name from information_schema.columns c"
        " join information_schema.columns o using (table_schema, table_name) join pg_class r on r.relname = c.table_name"
        " and r.relnamespace = c.table_schema::regnamespace and r.relkind = 'r'"
        " where o.column_name = 'org_id' and c.data_type = 'uuid' and c.table_schema in ('app', 'ledger', 'sec')"
        " and c.table_name <> 'refusal'"
    )
    found: defaultdict[str, set[str]] = defaultdict(set)
    for column in columns:
        rows = await superuser.fetch(
            f"select distinct {column['column_name']}::text as id from {column['name']} where org_id = $1 limit 500",
            tenant.cast.org,
        )
        found[column["column_name"]] |= {row["id"] for row in rows if row["id"]}
    factors = await superuser.fetch(
        "select f.factor_id::text as id from sec.factor f join app.member m using (person_id) where m.org_id = $1",
        tenant.cast.org,
    )
    found["factor_id"] = {row["id"] for row in factors}
    await superuser.close()
    return {column: sorted(ids) for column, ids in found.items() if ids}
