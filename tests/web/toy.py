"""A small desk that uses the kit as slices do: one noun, kept in memory."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.errors import OutsideReach, StateConflict
from sealdesk.core.ids import new_id
from sealdesk.unit import Key
from sealdesk.web.answers import Answer, Download, Html, SeeOther
from sealdesk.web.app import build
from sealdesk.web.binding import Form, Json, Query, Submitted
from sealdesk.web.headers import Expected, etag
from sealdesk.web.kit import Kit
from sealdesk.web.limits import Limit
from sealdesk.web.outer import Outer
from sealdesk.web.pages import Page
from sealdesk.web.routes import delete, get, patch, post
from sealdesk.web.schema import Input
from sealdesk.web.sockets import Socket
from sealdesk.web.tokens import new_token, token_hash

ORIGIN = "http://desk.test:8000"
HOST = "desk.test:8000"
PLENTY = Limit("toy", per_person="100000/minute", per_address="100000/minute")
FEW = Limit("few", per_person="3/minute", per_address="5/minute")
ROOT = Path(__file__).parent

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
Tag = Annotated[str, msgspec.Meta(max_length=8)]


@dataclass
class ToyDesk:
    """Who is signed in, and the notes."""

    actors: dict[bytes, Actor] = field(default_factory=dict)
    notes: dict[UUID, str] = field(default_factory=dict)
    calls: int = 0

    def sign_in(self, token: str | None = None) -> str:
        token = token or new_token()
        self.actors[token_hash(token)] = Actor(token_hash(token), new_id(), new_id(), Role.AGENT)
        return token

    async def peek(self, token_hash: bytes) -> Actor | None:
        return self.actors.get(token_hash)


class Place(Input, frozen=True):
    name: Title
    tags: Annotated[list[Tag], msgspec.Meta(max_length=3)] = msgspec.field(default_factory=list)


class NewNote(Input, frozen=True):
    title: Title
    count: int = 0
    place: Place | None = None


class NoteView(msgspec.Struct, frozen=True):
    id: UUID
    title: str


class Window(Input, frozen=True):
    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    word: Title | None = None


class NoteForm(Input, frozen=True):
    title: Title


class Credentials(Input, frozen=True):
    email: Annotated[str, msgspec.Meta(max_length=254)]


@get("/api/v1/notes", permission="note.list")
async def list_notes(desk: ToyDesk, actor: Actor, query: Query[Window]) -> list[NoteView]:
    """List notes."""
    return [NoteView(key, title) for key, title in desk.notes.items()][query.after :]


@post("/api/v1/notes", limit=PLENTY, permission="note.add", status=201)
async def add_note(desk: ToyDesk, actor: Actor, body: Json[NewNote], key: Key) -> Answer[NoteView]:
    """Add a note."""
    desk.calls += 1
    note = NoteView(new_id(), body.title)
    desk.notes[note.id] = body.title
    return Answer(note, location=f"/api/v1/notes/{note.id}")


@post("/api/v1/keys", limit=PLENTY, status=201)
async def show_key(actor: Actor, body: Json[NewNote], key: Key) -> dict[str, str]:
    """Show what became of the key."""
    return {"value": key.value, "digest": key.digest.hex(), "route": key.route}


@get("/api/v1/notes/{note_id:str}")
async def read_note(desk: ToyDesk, actor: Actor, note_id: UUID) -> Answer[NoteView]:
    """Read a note."""
    if note_id not in desk.notes:
        raise OutsideReach
    title = desk.notes[note_id]
    return Answer(NoteView(note_id, title), etag=etag(version(title)))


@patch("/api/v1/notes/{note_id:str}", limit=PLENTY)
async def change_note(desk: ToyDesk, actor: Actor, note_id: UUID, body: Json[NoteForm], expected: Expected) -> NoteView:
    """Change a note."""
    if note_id not in desk.notes:
        raise OutsideReach
    expected.require(version(desk.notes[note_id]))
    desk.notes[note_id] = body.title
    return NoteView(note_id, body.title)


@delete("/api/v1/notes/{note_id:str}", limit=PLENTY, repeats="the second finds nothing to do")
async def drop_note(desk: ToyDesk, actor: Actor, note_id: UUID) -> None:
    """Drop a note."""
    desk.notes.pop(note_id, None)


@post("/api/v1/any", limit=PLENTY, repeats="it changes nothing")
async def take_anything(actor: Actor, body: Json[Any]) -> dict[str, str]:
    """Take any JSON."""
    return {"kind": type(body).__name__}


@post("/api/v1/few", limit=FEW, repeats="it changes nothing")
async def seldom(actor: Actor) -> None:
    """Be called seldom."""


@post("/api/v1/faults", limit=PLENTY, repeats="it changes nothing")
async def fail(actor: Actor) -> None:
    """Fail."""
    raise RuntimeError("secret of the inside")


@post("/api/v1/locked", limit=PLENTY, repeats="it changes nothing")
async def locked(actor: Actor) -> None:
    """Refuse for the state."""
    raise StateConflict("The note is locked.")


@get("/api/v1/flood", limit=PLENTY)
async def flood(actor: Actor) -> Download:
    """Send more than any buffer holds."""

    async def chunks():
        for _ in range(1000):
            yield bytes(100_000)

    return Download(chunks(), 100_000_000, "flood.bin")


@get("/api/v1/notes/{note_id:str}/download", limit=PLENTY)
async def download(desk: ToyDesk, actor: Actor, note_id: UUID) -> Download:
    """Download a note."""

    async def chunks():
        for _ in range(3):
            yield b"abc"

    return Download(chunks(), 9, 'nöte "1".txt', "text/plain; charset=utf-8")


@get("/notes")
async def notes_page(desk: ToyDesk, actor: Actor, page: Page, query: Query[Window]) -> Html:
    """Notes as a page."""
    return page.render("notes.html", notes=list(desk.notes.values()), errors={}, kept={"title": ""})


@get("/inline")
async def inline_page(actor: Actor, page: Page) -> Html:
    """A page in which escaping failed."""
    return Html("<!doctype html><script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'><p>text")


@post("/notes", limit=PLENTY)
async def notes_form(desk: ToyDesk, actor: Actor, form: Submitted[NoteForm], key: Key, page: Page) -> Html | SeeOther:
    """Add a note from the page."""
    if form.value is None:
        return page.render("notes.html", status=400, notes=[], errors=form.errors, kept=form.kept)
    desk.notes[new_id()] = form.value.title
    return SeeOther("/notes")


@get("/sign-in")
async def sign_in_page(visitor: Actor | None, page: Page) -> Html:
    """The sign-in form."""
    return page.render("notes.html", notes=[], errors={}, kept={"title": ""})


@post("/sign-in", limit=PLENTY)
async def sign_in(visitor: Actor | None, form: Form[Credentials]) -> SeeOther:
    """Sign in."""
    return SeeOther("/notes")


ROUTES = [
    list_notes, add_note, show_key, read_note, change_note, drop_note, take_anything, seldom, fail, locked, flood, download,
    notes_page, inline_page, notes_form, sign_in_page, sign_in,
]  # fmt: skip


async def echo(_: Kit, socket: Socket) -> None:
    """Say what was heard."""
    await socket.accept()
    while True:
        await socket.send(await socket.receive(3600))


async def pour(_: Kit, socket: Socket) -> None:
    """Send more than any buffer holds."""
    await socket.accept()
    while True:
        await socket.send("x" * 10_000)
        await asyncio.sleep(0)


def version(title: str) -> str:
    return hashlib.sha256(title.encode()).hexdigest()[:8]


def make(desk: ToyDesk, routes: Sequence[HTTPRouteHandler] = tuple(ROUTES), **options: Any) -> Outer:
    """The toy's application."""
    settings: dict[str, Any] = {
        "origins": [ORIGIN],
        "secret": b"s" * 32,
        "static_dir": ROOT / "static",
        "resources": {ToyDesk: desk},
        "templates_dirs": [ROOT / "templates"],
        "sockets": {"/echo": echo, "/pour": pour},
        **options,
    }
    return build(desk.peek, routes, **settings)
