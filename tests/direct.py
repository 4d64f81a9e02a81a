"""The whole application, called directly over a real database: no socket and no server between, so that thousands of requests take seconds.

What a request brings and what comes back are the same bytes as with a server; what the server itself does is tested where it runs.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlencode
from uuid import UUID, uuid4

from litestar import Litestar

from sealdesk.access.actor import Actor
from sealdesk.app import application
from sealdesk.core.settings import Settings
from sealdesk.web.checks import routes_of
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.exchange import Exchange, current
from sealdesk.web.outer import Outer
from sealdesk.web.route import Route
from sealdesk.web.tokens import new_token, token_hash
from world import World

SECRET = b"s" * 32
ORIGIN = "http://127.0.0.1:8000"
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and what the application knew of the request."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    exchange: Exchange

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()

    @property
    def sent(self) -> bytes:
        """Every byte that left: header fields and body."""
        return "\n".join(f"{name}: {value}" for name, value in self.fields).encode() + b"\n\n" + self.body

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    def field(self, name: str) -> str:
        """A header field; empty where there is none."""
        return next((value for key, value in self.fields if key == name), "")

    def cookie(self, name: str) -> str:
        """The value of a cookie that was set."""
        found = [value for key, value in self.fields if key == "set-cookie" and value.startswith(f"{name}=")]
        return found[-1].partition("=")[2].partition(";")[0] if found else ""


@dataclass(frozen=True, slots=True)
class Application:
    """One web process's application over the world's database; nothing limits how often it is asked."""

    outer: Outer
    world: World

    @property
    def routes(self) -> list[tuple[str, Route]]:
        """Method and route of all that is served: the live route table."""
        found = routes_of(cast("Litestar", self.outer.inner))
        return [(method, route) for route in found for method in sorted(route.methods)]

    async def ask(self, method: str, target: str, fields: Mapping[str, str], body: bytes = b"") -> Reply:
        """One request, and all of its answer."""
        path, _, query = target.partition("?")
        given = {"host": ORIGIN.removeprefix("http://"), "accept": PROBLEM, **fields}
        if body:
            given["content-length"] = str(len(body))
        incoming = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
        outgoing: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return incoming.pop(0) if len(incoming) > 1 else incoming[0]

        async def send(message: dict[str, Any]) -> None:
            outgoing.append(message)

        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": ("127.0.0.9", 1),
            "server": ("127.0.0.1", 8000),
        }
        await self.outer(cast("Any", scope), cast("Any", receive), cast("Any", send))
        start = next(each for each in outgoing if each["type"] == "http.response.start")
        sent = b"".join(each.get("body", b"") for each in outgoing if each["type"] == "http.response.body")
        fields_sent = tuple((name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"])
        return Reply(start["status"], fields_sent, sent, current.get())


@dataclass(slots=True)
class Caller:
    """Somebody with a session cookie, with a bearer token, or with nothing."""

    application: Application
    token: str | None = None
    bearer: bool = False
    actor: Actor | None = None
    presession: str = field(default_factory=new_token)

    @property
    def csrf(self) -> str:
        """The anti-CSRF token that a page would have given."""
        csrf = AntiCsrf(SECRET)
        return csrf.for_presession(self.presession) if self.token is None else csrf.for_session(token_hash(self.token))

    @property
    def fields(self) -> dict[str, str]:
        """The header fields that say who it is."""
        cookies = f"__Host-pre={self.presession}"
        if self.token and not self.bearer:
            cookies += f"; __Host-sid={self.token}"
        return {"cookie": cookies, **({"authorization": f"Bearer {self.token}"} if self.bearer else {})}

    async def ask(
        self,
        method: str,
        target: str,
        *,
        document: object = None,
        form: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Reply:
        """A request as a browser of this desk sends it, with a JSON `document` or a `form`; `fields` replace header fields or drop them."""
        given, body = self.fields, b""
        if method not in ("GET", "HEAD"):
            given |= {"origin": ORIGIN, "x-csrf-token": self.csrf, "if-match": "*"}
            given["idempotency-key"] = uuid4().hex
        if form is not None:
            body = urlencode(form).encode()
            given["content-type"] = "application/x-www-form-urlencoded"
        elif document is not None:
            body = json.dumps(document).encode()
            given["content-type"] = "application/json"
        given |= fields or {}
        return await self.application.ask(method, target, {name: each for name, each in given.items() if each}, body)


def serve(world: World, folder: Path) -> Application:
    """The application as the web process composes it; `folder` is its data folder."""
    settings = Settings.load({"SEALDESK_DATA": str(folder), "SEALDESK_ENV": "development", "SEALDESK_LIMITS": "off"})
    return Application(application(settings, world.desk, world.signer, SECRET), world)


async def seat(application: Application, actor: Actor, *, scopes: list[str] | None = None) -> Caller:
    """A caller with a session of the actor's own, or with an API token of these `scopes`."""
    token = secrets.token_urlsafe(32)
    await seat_token(application.world, actor.org, actor.member, token, scopes)
    found = await application.world.desk.peek(hashlib.sha256(token.encode()).digest())
    assert found is not None
    return Caller(application, token, scopes is not None, found)


async def seat_token(world: World, org: UUID, member: UUID, token: str, scopes: list[str] | None = None) -> None:
    """Put a session into the database: signing in by password takes a tenth of a second."""
    superuser = await world.superuser()
    try:
        await superuser.execute(
            "insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, scopes)"
            " values ($1, $2, $3, $4, interval '12 hours', now() + interval '1 day', $5)",
            token_hash(token),
            "session" if scopes is None else "token",
            org,
            member,
            scopes,
        )
    finally:
        await superuser.close()


# Who asks for a link gets a row whether or not there is such an account: the void ones are no more than that.
_KEPT = {
    "sec.person": "true",
    "sec.session": "true",
    "sec.factor": "true",
    "sec.device": "true",
    "sec.recovery_code": "true",
    "sec.link": "person_id is not null",
    "sec.mail": "not void",
}


async def stored(world: World) -> dict[str, str]:
    """A digest of every table that a refused request must leave as it was: all but the spool of refusals and what counts tries."""
    superuser = await world.superuser()
    tables = await superuser.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('app', 'ledger')"
    )
    row = "md5((to_jsonb(t) - 'seen_at')::text)"
    digest = f"select md5(string_agg({row}, '' order by {row})) from {{}} t where {{}}"
    wanted = {**{each["name"]: "true" for each in tables}, **_KEPT}
    digests = {name: str(await superuser.fetchval(digest.format(name, where))) for name, where in wanted.items()}
    await superuser.close()
    return digests
