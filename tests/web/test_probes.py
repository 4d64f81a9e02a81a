"""Which ids a refused request asked for: found wherever they stand, in every spelling that would be looked up, and not in sentences."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, cast
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from sealdesk.access.actor import Actor
from sealdesk.core.errors import (
    BadRequest,
    NotPermitted,
    OutsideReach,
    Refusal,
    SignedOut,
    Stale,
    StateConflict,
    TooMany,
)
from sealdesk.core.ids import read_id
from sealdesk.exports.scope import MAX_NAMED, Threads, read_list
from sealdesk.web import probes
from sealdesk.web.binding import Form, Json, Query
from sealdesk.web.exchange import Exchange
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from web.conftest import Session
from web.toy import ORIGIN, PLENTY, ROUTES, ToyDesk, make


class Where(Input, frozen=True):
    thread: UUID | None = None
    before: Annotated[str, msgspec.Meta(max_length=4000)] = ""


class What(Input, frozen=True):
    threads: Annotated[list[UUID], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list[UUID])
    words: Annotated[str, msgspec.Meta(max_length=50_000)] = ""


class Written(Input, frozen=True):
    words: Annotated[str, msgspec.Meta(max_length=50_000)]


@get("/api/v1/found")
async def look(actor: Actor, query: Query[Where]) -> None:
    """Find nothing."""
    raise OutsideReach


@post("/api/v1/found", limit=PLENTY, repeats="it changes nothing")
async def name(actor: Actor, body: Json[What]) -> None:
    """Find nothing, or say that it makes no sense."""
    raise BadRequest if body.words == "bad" else OutsideReach


@post("/found", limit=PLENTY, stands="/notes")
async def write(actor: Actor, form: Form[Written]) -> None:
    """Find nothing."""
    raise OutsideReach


@pytest.fixture
def asked() -> list[tuple[UUID, ...]]:
    """What each refused request had asked for."""
    return []


@pytest.fixture
async def client(desk: ToyDesk, session: Session, asked: list[tuple[UUID, ...]]) -> AsyncIterator[httpx.AsyncClient]:
    async def note(exchange: Exchange, refusal: Refusal) -> None:
        asked.append(probes.asked_ids(exchange, refusal))

    app = make(desk, note=note, routes=[*ROUTES, look, name, write])
    transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=session.bearer) as made:
        yield made


async def test_it_works(client: httpx.AsyncClient, asked: list[tuple[UUID, ...]]) -> None:
    path, query, listed = uuid4(), uuid4(), [uuid4(), uuid4()]
    assert (await client.get(f"/api/v1/notes/{path}")).status_code == 404
    assert (await client.get(f"/api/v1/found?thread={query}")).status_code == 404
    assert (await client.post("/api/v1/found", json={"threads": [str(each) for each in listed]})).status_code == 404
    assert (await client.post("/found", data={"words": ", ".join(map(str, listed))})).status_code == 404
    assert asked == [(path,), (query,), tuple(listed), tuple(listed)]


ID = UUID("01a2b3c4-0d5e-7f60-8a0b-c0d0e0f01020")
TEXT = str(ID)
SPELLINGS = (
    TEXT,
    TEXT.upper(),
    TEXT.title(),
    ID.hex,
    ID.hex.upper(),
    f" {TEXT}",
    f"{{{TEXT}}}",
    f"urn:uuid:{TEXT}",
    TEXT.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
    TEXT.replace("-", "\N{HYPHEN}"),
    TEXT.replace("-", "--"),
    f"-{TEXT}",
    f"0_{TEXT[2:]}",
    f"+{TEXT[1:]}",
)


def read_by_schema(text: str) -> set[UUID]:
    return {msgspec.convert(text, UUID)}


def read_by_person(text: str) -> set[UUID]:
    named = read_list(text)
    return set(named.ids) if isinstance(named, Threads) else set()


def read_by_page(text: str) -> set[UUID]:
    return {read_id(text)}


@pytest.mark.parametrize("reader", [read_by_schema, read_by_person, read_by_page])
def test_what_is_looked_up_is_found(reader: Callable[[str], set[UUID]]) -> None:
    """Whatever a schema, a list that a person wrote or a field of a page takes as an id is seen as one here."""
    taken = 0
    for spelling in SPELLINGS:
        try:
            looked_up = reader(spelling)
        except (msgspec.ValidationError, ValueError, BadRequest):
            continue
        assert looked_up == {ID} <= set(probes.read_ids(spelling)), spelling
        taken += 1
    assert taken


async def test_escapes_hide_nothing(client: httpx.AsyncClient, asked: list[tuple[UUID, ...]]) -> None:
    escaped = "".join(f"\\u{ord(each):04x}" for each in TEXT)
    content = b'{"threads": ["' + escaped.encode() + b'"]}'
    json = {"content-type": "application/json"}
    assert (await client.post("/api/v1/found", content=content, headers=json)).status_code == 404
    percent = "".join(f"%{ord(each):02x}" for each in TEXT)
    assert (await client.get(f"/api/v1/found?thread={percent}")).status_code == 404
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await client.post("/found", content=f"words={percent}", headers=form)).status_code == 404
    assert asked == [(ID,)] * 3


async def test_a_refused_claim_counts_and_the_path_that_was_found_does_not(
    client: httpx.AsyncClient, asked: list[tuple[UUID, ...]], desk: ToyDesk
) -> None:
    desk.notes[ID] = "mine"
    other = uuid4()
    headers = {"if-match": "*"}
    body = {"title": "x", "org_id": str(other)}
    assert (await client.patch(f"/api/v1/notes/{ID}", json=body, headers=headers)).status_code == 400
    deep = {"words": "bad", "threads": [str(other), str(ID), str(other)]}
    assert (await client.post("/api/v1/found", json=deep)).status_code == 400
    nested = {"words": "x", str(ID): {"a": [{"b": str(other)}]}}
    assert (await client.post("/api/v1/found", json=nested)).status_code == 400
    assert asked == [(other,), (other, ID), (ID, other)]


async def test_a_sentence_asks_for_nothing(client: httpx.AsyncClient, asked: list[tuple[UUID, ...]]) -> None:
    """Who writes of an id is not put on record as having probed it."""
    for words in (f"It was {ID}.", f"siehe {ID}", f"{ID} и {uuid4()} да"):
        assert (await client.post("/api/v1/found", json={"words": words})).status_code == 404
    for words in (f"{ID}", f"2026-01-02T03:04:05.000006Z_{ID}", f"/c/{ID}", f"#12, {ID};\n"):
        assert (await client.post("/api/v1/found", json={"words": words})).status_code == 404
    assert asked == [()] * 3 + [(ID,)] * 4


async def test_their_number_is_bounded_above_what_a_request_may_name(
    client: httpx.AsyncClient, asked: list[tuple[UUID, ...]]
) -> None:
    many = [UUID(int=number) for number in range(probes.MOST_IDS + 200)]
    words = " ".join(each.hex for each in many[:1500])
    assert (await client.post("/api/v1/found", json={"words": words})).status_code == 404
    assert asked == [tuple(many[:1500])]
    assert probes.MOST_IDS > MAX_NAMED
    assert (await client.post("/api/v1/found", json={"threads": [each.hex for each in many]})).status_code == 400
    assert asked[1:] == [tuple(many[: probes.MOST_IDS])]


async def test_of_somebody_unknown_the_path_alone_counts(
    client: httpx.AsyncClient, asked: list[tuple[UUID, ...]]
) -> None:
    """Who chooses an organisation at the sign-in and mistypes the address has probed nothing."""
    del client.headers["authorization"]
    csrf = {"origin": ORIGIN}
    assert (await client.get(f"/nothing/{ID}?thread={uuid4()}")).status_code == 404
    assert (await client.post("/sign-in", data={"email": str(ID), "x": "y"}, headers=csrf)).status_code in (400, 403)
    assert asked == [(ID,), ()]


@pytest.mark.parametrize("refusal", [SignedOut(), StateConflict(), Stale()])
async def test_other_refusals_say_nothing_of_ids(refusal: Refusal) -> None:
    scope: Any = {"method": "GET", "path": f"/c/{ID}", "query_string": b"", "client": None}
    exchange = Exchange(scope, cast("Any", None), cast("Any", None), cast("Any", None))
    assert probes.asked_ids(exchange, refusal) == ()
    assert probes.asked_ids(exchange, OutsideReach()) == (ID,)


@pytest.mark.parametrize("refusal", [NotPermitted(), TooMany()])
async def test_of_what_is_not_permitted_the_path_says_in_which_conversation(refusal: Refusal) -> None:
    scope: Any = {"method": "GET", "path": f"/c/{ID}", "query_string": f"x={uuid4()}".encode(), "client": None}
    exchange = Exchange(scope, cast("Any", None), cast("Any", None), cast("Any", None))
    assert probes.asked_ids(exchange, refusal) == (ID,)
    exchange.actor, exchange.document = cast("Any", object()), f'{{"thread": "{uuid4()}"}}'.encode()
    assert probes.asked_ids(exchange, refusal) == (ID,)


@pytest.mark.parametrize("refusal", [NotPermitted(), TooMany()])
async def test_or_the_frame_of_a_socket_does(refusal: Refusal) -> None:
    scope: Any = {"method": "GET", "path": "/api/v1/live", "query_string": b"", "client": None}
    exchange = Exchange(scope, cast("Any", None), cast("Any", None), cast("Any", None))
    exchange.document = f'{{"type":"typing","thread":"{ID}"}}'.encode()
    assert probes.asked_ids(exchange, refusal) == ()
    exchange.actor = cast("Any", object())
    assert probes.asked_ids(exchange, refusal) == (ID,)
