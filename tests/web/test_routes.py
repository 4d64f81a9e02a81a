"""Routes without a policy do not start, and the description is made of what was declared."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import get as litestar_get
from litestar.handlers import HTTPRouteHandler

from needs import ROOT
from sealdesk.access.actor import Actor
from sealdesk.unit import Key
from sealdesk.web.app import build
from sealdesk.web.binding import BadRoute, Form, Json, Query
from sealdesk.web.checks import routes_of, stale_rows
from sealdesk.web.headers import Expected
from sealdesk.web.limits import Limit
from sealdesk.web.outer import Outer
from sealdesk.web.public import PUBLIC, PublicRoute
from sealdesk.web.routes import delete, get, patch, post
from sealdesk.web.schema import Input
from sealdesk.web.shape import unbounded
from web.conftest import Session
from web.toy import ORIGIN, PLENTY, ROUTES, NewNote, NoteView, ToyDesk

Decorator = Callable[[Callable[..., Awaitable[object]]], HTTPRouteHandler]


def start(*handlers: HTTPRouteHandler, public: tuple[PublicRoute, ...] = PUBLIC) -> Outer:
    desk = ToyDesk()
    return build(
        desk.peek,
        handlers,
        origins=[ORIGIN],
        secret=b"s" * 32,
        static_dir=None,
        templates_dirs=[ROOT / "tests" / "web" / "templates"],
        resources={ToyDesk: desk},
        public=public,
    )


def test_it_works() -> None:
    start(*ROUTES)


async def nothing(actor: Actor) -> None:
    """Do nothing."""


async def nothing_public() -> None:
    """Do nothing, for anybody."""


def test_a_route_in_neither_place() -> None:
    with pytest.raises(BadRoute, match="no row in the public table"):
        start(get("/api/v1/open")(nothing_public))


def test_a_route_that_the_kit_did_not_declare() -> None:
    @litestar_get("/api/v1/raw")
    async def raw() -> str:
        return ""

    with pytest.raises(BadRoute, match="no policy"):
        start(raw)


def test_a_public_route_that_needs_an_actor() -> None:
    row = PublicRoute("/api/v1/open", frozenset({"GET", "HEAD"}), PLENTY, "test")
    start(get("/api/v1/open")(nothing_public), public=(*PUBLIC, row))
    with pytest.raises(BadRoute, match="called by nobody"):
        start(get("/api/v1/open")(nothing), public=(*PUBLIC, row))
    half = PublicRoute("/api/v1/open", frozenset({"GET"}), PLENTY, "test")
    with pytest.raises(BadRoute, match="some of its methods"):
        start(get("/api/v1/open")(nothing_public), public=(*PUBLIC, half))


def test_a_resource_that_nobody_provides() -> None:
    async def take(actor: Actor, store: Limit) -> None: ...

    with pytest.raises(BadRoute, match="nothing provides store"):
        start(get("/api/v1/store")(take))


async def keyed(actor: Actor, key: Key) -> None: ...
async def versioned(actor: Actor, expected: Expected) -> None: ...
async def wide(actor: Actor, text: str) -> None: ...
async def bounded(actor: Actor, text: Annotated[str, msgspec.Meta(max_length=9)], number: int) -> None: ...
async def two_bodies(actor: Actor, body: Json[NewNote], form: Form[NewNote]) -> None: ...
async def untyped(actor: Actor, other: "list[str] | None") -> None: ...


@pytest.mark.parametrize("word", ["exports", "search", "upload", "attachments"])
def test_costly_reads_declare_a_limit(word: str) -> None:
    with pytest.raises(BadRoute, match="declares its limit"):
        get(f"/api/v1/{word}")(nothing)
    get(f"/api/v1/{word}", limit=PLENTY)(nothing)


@pytest.mark.parametrize(
    ("decorator", "handler", "reason"),
    [
        (post("/api/v1/a", limit=PLENTY, status=201), nothing, "takes a Key"),
        (post("/api/v1/a", limit=PLENTY), nothing, "may come twice"),
        (patch("/api/v1/a", limit=PLENTY), nothing, "may come twice"),
        (delete("/api/v1/a", limit=PLENTY), nothing, "may come twice"),
        (get("/api/v1/{text:str}"), wide, "max_length"),
        (get("/api/v1/{text:uuid}"), wide, "{name:str}"),
        (get("/api/v1/{other:str}"), nothing, "does not take"),
        (post("/a", limit=PLENTY), two_bodies, "one body"),
        (get("/a"), untyped, "no way to fill"),
    ],
)
def test_declarations_that_are_wrong(
    decorator: Decorator, handler: Callable[..., Awaitable[object]], reason: str
) -> None:
    with pytest.raises(BadRoute, match=reason):
        decorator(handler)


def test_declarations_that_are_right() -> None:
    post("/api/v1/a", limit=PLENTY, status=201)(keyed)
    patch("/api/v1/a", limit=PLENTY)(versioned)
    get("/api/v1/{text:str}/{number:str}")(bounded)
    with pytest.raises(TypeError):
        post("/api/v1/a")(keyed)  # pyright: ignore[reportCallIssue]


def test_rows_without_a_route() -> None:
    gone = PublicRoute("/gone", frozenset({"GET", "HEAD"}), PLENTY, "test")
    kept = tuple(
        row for row in PUBLIC if row.path in {"/sign-in", "/static/built/{name:str}", "/api/openapi.json", "/report"}
    )
    app: Any = start(*ROUTES, public=(*kept, gone)).inner
    assert stale_rows(app) == [gone]


class Open(msgspec.Struct):
    text: str


class Wide(Input, frozen=True):
    text: str
    many: list[int]
    inner: Open
    word: Annotated[str, msgspec.Meta(max_length=1)] = ""
    told: Annotated[str, msgspec.Meta(description="What a description says bounds nothing.")] = ""


async def take_wide(actor: Actor, body: Json[Wide], key: Key) -> None: ...
async def ask_wide(actor: Actor, query: Query[Wide]) -> None: ...


def test_schemas_without_bounds_are_found() -> None:
    app: Any = start(post("/api/v1/wide", limit=PLENTY)(take_wide), get("/api/v1/wide")(ask_wide)).inner
    found = unbounded(routes_of(app))
    assert len(found) == 10
    assert "POST /api/v1/wide body.told: StrType without max_length" in found
    assert "POST /api/v1/wide body.text: StrType without max_length" in found
    assert "POST /api/v1/wide body.many: ListType without max_length" in found
    assert "POST /api/v1/wide body.inner: Open takes unknown fields" in found
    toy: Any = start(*ROUTES).inner
    assert unbounded(routes_of(toy)) == ["POST /api/v1/any body: anything at all"]


async def test_the_description(client: httpx.AsyncClient, session: Session) -> None:
    answer = await client.get("/api/openapi.json")
    assert answer.headers["cache-control"] == "no-cache"
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert all(path.startswith("/api/") and ":" not in path for path in document["paths"])
    adding = document["paths"]["/api/v1/notes"]["post"]
    assert [parameter["name"] for parameter in adding["parameters"]] == ["Idempotency-Key"]
    assert adding["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewNote"}
    assert document["components"]["schemas"]["NewNote"]["additionalProperties"] is False
    assert adding["responses"]["201"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NoteView"
    }
    assert {"400", "401", "403", "409", "413", "415", "422", "429", "500"} <= set(adding["responses"])
    changing = document["paths"]["/api/v1/notes/{note_id}"]["patch"]
    assert [parameter["name"] for parameter in changing["parameters"]] == ["note_id", "If-Match"]
    assert {"412", "428"} <= set(changing["responses"])
    listing = document["paths"]["/api/v1/notes"]["get"]
    assert [(parameter["name"], parameter["in"]) for parameter in listing["parameters"]] == [
        ("after", "query"),
        ("word", "query"),
    ]
    assert listing["x-permission"] == "note.list"
    assert set(document["components"]["securitySchemes"]) == {"session", "token"}


async def test_every_reference_of_the_description_is_there(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/openapi.json")).json()

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            found = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return found + [reference for item in value.values() for reference in references(item)]
        return [reference for item in value for reference in references(item)] if isinstance(value, list) else []

    for reference in references(document):
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    for path in ("/api/openapi", "/schema", "/docs", "/api"):
        assert (await client.get(path)).status_code == 404


async def test_heads_have_no_body(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    note = NoteView(UUID("00000000-0000-7000-8000-000000000001"), "a")
    desk.notes[note.id] = note.title
    for path in (f"/api/v1/notes/{note.id}", f"/api/v1/notes/{note.id}/download"):
        got = await client.get(path, headers=session.bearer)
        head = await client.head(path, headers=session.bearer)
        assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))


async def test_downloads(client: httpx.AsyncClient, session: Session) -> None:
    answer = await client.get("/api/v1/notes/00000000-0000-7000-8000-000000000001/download", headers=session.bearer)
    assert answer.content == b"abcabcabc"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"nte__1_.txt\"; filename*=UTF-8''n%C3%B6te%20%221%22.txt"
    )
    assert "sandbox" in answer.headers["content-security-policy"]
