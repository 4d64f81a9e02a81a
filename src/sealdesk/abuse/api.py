"""The review queue and the lexicons over JSON."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.abuse import commands, queries
from sealdesk.abuse.commands import Decision, Wish
from sealdesk.abuse.fields import CHANGING, DECIDING, READING
from sealdesk.abuse.lexicon import MOST_LINE, MOST_LINES, Lexicon, LexiconName
from sealdesk.abuse.model import Standing
from sealdesk.abuse.queries import Flagged
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.threads.states_api import Reason
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json, Query
from sealdesk.web.paging import read_key, written_key
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input


class FlagsQuery(Input, frozen=True):
    """Which flags: those that wait, or were decided so; `before` is where the page before ended."""

    standing: Standing = "open"
    before: Annotated[str, msgspec.Meta(max_length=80)] | None = None


class RuleView(msgspec.Struct, frozen=True):
    """The line `term` (from 0) of a version of a lexicon; version 0 is what is shipped."""

    lexicon: str
    version: int
    term: int


class FlagView(msgspec.Struct, frozen=True):
    """Something that was flagged: a `message`, `subject` or `reason` of `thread`, or a `person`; `author` wrote it, or is who it is.

    `entry_id` is the entry that flags it, `evidence` the one that gave the cause (of a person, the newest refusal). `violation`, `count`
    and `threads` are of persons, `rules` and `excerpt` of texts.
    """

    id: UUID
    about: str
    standing: str
    at: datetime
    author: UUID
    author_kind: str
    author_name: str
    kinds: tuple[str, ...]
    thread: UUID | None
    excerpt: str | None
    entry_id: UUID
    evidence: UUID
    rules: tuple[RuleView, ...]
    violation: str | None
    count: int | None
    threads: tuple[UUID, ...]

    @classmethod
    def of(cls, found: Flagged) -> Self:
        """As JSON."""
        flag, told = found.flag, found.told
        return cls(
            id=flag.id,
            about=flag.about,
            standing=flag.standing,
            at=flag.at,
            author=flag.author,
            author_kind=flag.author_kind,
            author_name=found.author_name,
            kinds=flag.kinds,
            thread=flag.thread,
            excerpt=found.excerpt,
            entry_id=flag.entry_id,
            evidence=flag.evidence,
            rules=msgspec.convert(told.get("rules", ()), tuple[RuleView, ...]),
            violation=msgspec.convert(told.get("violation"), str | None),
            count=msgspec.convert(told.get("count"), int | None),
            threads=msgspec.convert(told.get("threads", ()), tuple[UUID, ...]),
        )


class FlagsView(msgspec.Struct, frozen=True):
    """A page of flags, newest first. Pass `older` as `before` for the next."""

    flags: tuple[FlagView, ...]
    older: str | None


class DecisionBody(Input, frozen=True):
    """What was found of a flag, and why."""

    decision: Decision
    reason: Reason


class LexiconView(msgspec.Struct, frozen=True):
    """A lexicon: one term a line, with `{a|b}` for a choice, `*` at the end where the word may go on, `except:` before an exception."""

    lexicon: str
    enabled: bool
    version: int
    lines: tuple[str, ...]

    @classmethod
    def of(cls, lexicon: Lexicon) -> Self:
        """As JSON."""
        return cls(lexicon.name, lexicon.enabled, lexicon.version, lexicon.lines)


Line = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_LINE)]


class LexiconChange(Input, frozen=True):
    """What is to become of a lexicon; `lines` are those to add or remove, `restore` brings back what is shipped."""

    lexicon: LexiconName
    change: Wish
    lines: Annotated[tuple[Line, ...], msgspec.Meta(max_length=MOST_LINES)] = ()


@get("/api/v1/flags", limit=READING, permission=Permission.ABUSE_READ)
async def list_flags(desk: Desk, actor: Actor, query: Query[FlagsQuery]) -> FlagsView:
    """What was flagged in the organisation, newest first."""
    actor.demand(Permission.ABUSE_READ)
    before = read_key(query.before)
    async with desk.read(actor) as work:
        found, older = await queries.queue(work, query.standing, before)
    return FlagsView(tuple(FlagView.of(each) for each in found), written_key(older) if older else None)


@get("/api/v1/flags/{flag:str}", limit=READING, permission=Permission.ABUSE_READ)
async def show_flag(desk: Desk, actor: Actor, flag: UUID) -> FlagView:
    """One flag."""
    async with desk.read(actor) as work:
        return FlagView.of(await queries.one(work, flag))


@post(
    "/api/v1/flags/{flag:str}/decision",
    limit=DECIDING,
    status=204,
    permission=Permission.ABUSE_REVIEW,
    repeats="What is decided stays so: a second decision is refused with 409.",
)
async def decide(desk: Desk, actor: Actor, flag: UUID, body: Json[DecisionBody]) -> Answer[None]:
    """Confirm or dismiss a flag: an entry with its reason."""
    await commands.decide(desk, actor, flag, body.decision, body.reason)
    return Answer(None, status=204)


@get("/api/v1/lexicons", limit=READING, permission=Permission.ABUSE_READ)
async def list_lexicons(desk: Desk, actor: Actor) -> list[LexiconView]:
    """What the organisation looks for."""
    async with desk.read(actor) as work:
        return [LexiconView.of(each) for each in await queries.lexicons(work)]


@post(
    "/api/v1/lexicons",
    limit=CHANGING,
    status=200,
    permission=Permission.LEXICON_MANAGE,
    repeats="What is so already stays so, without an entry.",
)
async def change_lexicon(desk: Desk, actor: Actor, body: Json[LexiconChange]) -> LexiconView:
    """Add or remove lines, switch a lexicon on or off, or restore what is shipped: an entry with all lines as they are then."""
    return LexiconView.of(await commands.change_lexicon(desk, actor, body.lexicon, body.change, body.lines))


ROUTES: tuple[HTTPRouteHandler, ...] = (list_flags, show_flag, decide, list_lexicons, change_lexicon)
