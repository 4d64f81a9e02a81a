"""The whole application in this process, over a real database: members under sessions and tokens of every kind, and what is stored."""

import secrets
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID, uuid4

import msgspec
from litestar import Litestar

from newcomers import hashed, join
from sealdesk.access.actor import CONFIRMED_FOR, Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.app import application
from sealdesk.core.db import Connection
from sealdesk.core.settings import Settings
from sealdesk.web.checks import routes_of
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.outer import Outer
from sealdesk.web.route import Route
from sealdesk.web.tokens import SESSION_COOKIE, new_token, token_hash
from world import World

SECRET = b"s" * 32
ROLES = (Role.REQUESTER, Role.AGENT, Role.ADMIN, Role.AUDITOR)
_SESSION = """insert into sec.session
(hash, kind, org_id, member_id, idle_for, hard_until, confirmed_at, weak, scopes, label, ended_at, held_until)
values ($1, $2, $3, $4, interval '1 day', now() + interval '1 day', now() - $5::interval, $6, $7, $8,
  case when $9 then now() end, case when $10 then now() + interval '1 day' end) returning session_id"""
_NEWCOMER = """with p as (insert into sec.person (person_id, email, email_norm, password_hash)
values (gen_random_uuid(), $1, $1, $2) returning person_id)
insert into app.member (org_id, member_id, person_id, role, name) select $3, gen_random_uuid(), person_id, $4, 'Newcomer' from p
returning member_id"""
# Being seen is no change.
_SEEN = {
    "sec.session": "(t.hash, t.member_id, t.ended_at, t.hard_until, t.idle_for, t.confirmed_at, t.weak, t.scopes, t.held_until)::text",
    "sec.device": "(t.device_hash, t.person_id)::text",
}
# What a refused request may leave: its own traces of who was there and what was refused.
_TRACES = {"sec.refusal", "sec.refusal_window", "sec.bucket", "sec.counter", "sec.day_key"}


class Kind(StrEnum):
    """Under what somebody sends a request."""

    SESSION = "session"
    UNCONFIRMED = "session whose holder showed no factor lately"
    MOVED = "session that turns up in another browser"
    HELD = "session that is held back"
    WEAK = "session without the second factor that the rules demand"
    TOKEN = "token that carries just what is demanded"
    VISITOR = "visit through the widget"
    NARROW = "token that carries all but what is demanded"
    ENDED = "session that was ended"
    DEACTIVATED = "session of a deactivated member"
    DEACTIVATED_TOKEN = "token of a deactivated member"
    INVITATION = "token of an invitation"


DEAD = (Kind.ENDED, Kind.DEACTIVATED, Kind.DEACTIVATED_TOKEN, Kind.INVITATION)
TOKENS = (Kind.TOKEN, Kind.NARROW, Kind.DEACTIVATED_TOKEN, Kind.INVITATION)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in one organisation, whose password is PASSWORD."""

    org: UUID
    id: UUID
    role: Role
    email: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """A member with the token under which they send."""

    member: Member
    token: str
    bearer: bool


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int = 0
    fields: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    content: bytes = b""

    @property
    def slug(self) -> str:
        """The type of a problem; empty for any other answer."""
        problem = self.fields.get(b"content-type", b"").startswith(b"application/problem+json")
        return str(msgspec.json.decode(self.content)["type"]) if problem else ""


@dataclass
class Stage:
    """The application and its database. `demanded` and `looked` are what the last request asked `Actor` for."""

    world: World
    app: Outer
    admin: Connection
    settings: Settings
    demanded: list[Permission] = field(default_factory=list[Permission])
    looked: list[Permission] = field(default_factory=list[Permission])

    @property
    def routes(self) -> list[Route]:
        """All that the application serves."""
        return list(routes_of(cast("Litestar", self.app.inner)))

    def cast(self, role: Role) -> Member:
        """The member of the first organisation who has this role from the beginning."""
        actor: Actor = getattr(self.world.acme, str(role))
        return Member(actor.org, actor.member, role, f"{role}@acme.test")

    async def newcomer(self, role: Role) -> Member:
        """Somebody new in the first organisation, in one statement: there are many of them."""
        email, org = f"{secrets.token_hex(8)}@matrix.test", self.world.acme.org
        member = await self.admin.fetchval(_NEWCOMER, email, hashed(), org, str(role))
        return Member(org, member, role, email)

    async def joined(self, role: Role, org: UUID | None = None, *, email: str = "", name: str = "Joined") -> Member:
        """A new member on record."""
        org, email = org or self.world.acme.org, email or f"{secrets.token_hex(8)}@matrix.test"
        return Member(org, await join(self.world.desk, org, role, email, name), role, email)

    async def mint(
        self,
        member: Member,
        kind: str = "session",
        *,
        scopes: Iterable[str] | None = None,
        unconfirmed: bool = False,
        moved: bool = False,
        held: bool = False,
        weak: bool = False,
        ended: bool = False,
    ) -> tuple[Holder, UUID]:
        """A session or token of a member, as issuing it leaves it, and its id."""
        token = new_token()
        since = CONFIRMED_FOR + timedelta(minutes=1) if unconfirmed else timedelta()
        listed = None if scopes is None else sorted(scopes)
        label = "Firefox on Linux" if moved else ""
        row = (token_hash(token), kind, member.org, member.id, since, weak, listed, label, ended, held)
        number = await self.admin.fetchval(_SESSION, *row)
        return Holder(member, token, bearer=kind != "session"), number

    async def actor(self, member: Member) -> Actor:
        """A member as the commands know one."""
        holder, _ = await self.mint(member)
        found = await self.world.desk.peek(token_hash(holder.token))
        assert found is not None
        return found

    async def ask(self, holder: Holder, method: str, path: str, sent: dict[str, Any]) -> Answer:
        """One request. `sent` has `json` or `form`, and `headers`, as the route takes them."""
        headers = {"accept": "application/problem+json", "origin": self.settings.origins[0], **sent.get("headers", {})}
        csrf = AntiCsrf(SECRET).for_session(token_hash(holder.token))
        if holder.bearer:
            headers["authorization"] = f"Bearer {holder.token}"
        else:
            headers |= {"cookie": f"{SESSION_COOKIE}={holder.token}", "x-csrf-token": csrf}
        body = b""
        if "json" in sent:
            body, headers["content-type"] = msgspec.json.encode(sent["json"]), "application/json"
        if "form" in sent:
            body = urlencode({"csrf": csrf, **sent["form"]}).encode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        self.demanded.clear()
        self.looked.clear()
        return await self._send(method, path, headers, body)

    async def _send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Straight to the application: a client library takes as long as the application does."""
        host = self.settings.origins[0].partition("//")[2]
        if body:
            headers["content-length"] = str(len(body))
        fields = [(name.encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
        plain, _, query = path.partition("?")
        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": plain,
            "raw_path": plain.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": fields,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        answer = Answer()

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.fields = message["status"], dict(message["headers"])
            else:
                answer.content += message.get("body", b"")

        await self.app(scope, receive, send)
        return answer

    async def stored(self) -> dict[str, str]:
        """A digest of each table, but for what is not written in anybody's name."""
        tables = await self.admin.fetch(
            "select schemaname || '.' || tablename as name from pg_tables where schemaname in ('app', 'ledger', 'sec') order by 1"
        )
        names = [row["name"] for row in tables if row["name"] not in _TRACES]
        digests = " union all ".join(
            f"select '{name}' as name, {_digest(name)} as digest from {name} t" for name in names
        )
        return {row["name"]: row["digest"] for row in await self.admin.fetch(digests)}


@contextmanager
def observed(stage: Stage) -> Generator[None]:
    """While the block lasts, `stage` keeps what any `Actor` is asked for; what it answers is its own."""
    demand, may = Actor.demand, Actor.may

    def demanding(self: Actor, permission: Permission) -> None:
        stage.demanded.append(permission)
        demand(self, permission)

    def looking(self: Actor, permission: Permission) -> bool:
        stage.looked.append(permission)
        return may(self, permission)

    Actor.demand, Actor.may = demanding, looking
    try:
        yield
    finally:
        Actor.demand, Actor.may = demand, may


@asynccontextmanager
async def opened(world: World) -> AsyncGenerator[Stage]:
    """The application over a world, without a socket and without limits."""
    environ = {"SEALDESK_DATA": str(world.folder), "SEALDESK_ENV": "development", "SEALDESK_LIMITS": "off"}
    settings = Settings.load(environ)
    app = application(settings, world.desk, world.signer, SECRET)
    admin = await world.superuser()
    try:
        stage = Stage(world, app, admin, settings)
        with observed(stage):
            yield stage
    finally:
        await admin.close()


def _digest(table: str) -> str:
    if table.startswith("ledger.") and table != "ledger.stream":
        return "count(*)::text"  # what stands there can only become more
    return f"count(*) || ' ' || coalesce(sum(hashtextextended({_SEEN.get(table, 't::text')}, 0)), 0)"


def nobodys() -> str:
    """An id that nothing has."""
    return str(uuid4())
