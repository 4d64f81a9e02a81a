"""The gatherer: concurrent posts of one process and one role, in one transaction (decision 0012).

The cost of a post is its round trips and its commit; gathered, they are shared. Each caller's access is decided under its own context by
the same policies, and each learns its own outcome. Whatever is not plain success is not judged here: a replayed key, a refusal, a dead
session, any error sends the caller down the plain path, through a unit of its own, and what that says is its outcome.

Crash points: a batch is one transaction. Killed before COMMIT, no caller was answered and nothing of the batch exists, its keys neither;
killed after it, all of it stands, and whoever repeats its key is told the first answer.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast
from uuid import UUID

import asyncpg

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.db import ABSENT, Connection, Row
from sealdesk.core.errors import Refusal
from sealdesk.core.gather import Gatherer
from sealdesk.core.ids import new_id
from sealdesk.core.transactions import commit, roll_back, taken
from sealdesk.ledger.append import Appender
from sealdesk.ledger.events import Event, Head, Recorded, Stream
from sealdesk.ledger.seal import Sealed
from sealdesk.unit import Desk, Key, login_of

AnswerT = TypeVar("AnswerT")

ABREAST: Final = 2
"""Batches of one role under way at once: the next is built while the database works on one. One order of locks keeps them from deadlock."""

_FIND = "select * from app.find_posts($1, $2, $3, $4, $5, $6, $7)"
_WRITE = f"select app.write_posts({', '.join(f'${number}' for number in range(1, 21))})"


class Message(NamedTuple):
    """The row of a message to be posted, as far as the entry does not say it."""

    id: UUID
    visibility: str


@dataclass(frozen=True, slots=True)
class Post(Generic[AnswerT]):
    """One caller's wish: a message in the conversation whose `stream` is named.

    `decide` makes message and event of the row that was found and locked, and raises the refusals of its state; it does nothing else, as
    it may be asked twice. `answer` words the outcome. `alone` is the same wish through a unit of its own.
    """

    actor: Actor
    key: Key
    stream: Stream
    permission: Permission
    decide: Callable[[Row], tuple[Message, Event]]
    answer: Callable[[Message, Recorded], AnswerT]
    alone: Callable[[], Awaitable[AnswerT]]


class _Alone:
    """The outcome of a post that has to take the plain path."""


_ALONE: Final = _Alone()


class _Written(NamedTuple):
    post: Post[Any]
    context: str
    message: Message
    fact: Recorded
    sealed: Sequence[Sealed]


async def post(desk: Desk, wish: Post[AnswerT]) -> AnswerT:
    """Post in company where there is any. Raises what the plain path raises."""
    role = wish.actor.role
    await desk.backlog.demand_room(wish.actor.org)
    if wish.actor.may(wish.permission):
        gatherer = desk.gatherers.get(role)
        if gatherer is None:
            gatherer = desk.gatherers[role] = Gatherer(partial(_work, desk, role), abreast=ABREAST)
        outcome = await gatherer(wish)
        if outcome is not _ALONE:
            return cast("AnswerT", outcome)
    # Also where the role may not: reach is answered before permission, and finding is the plain path's.
    return await wish.alone()


async def _work(desk: Desk, role: Role, posts: Sequence[Post[Any]]) -> list[object]:
    outcomes: dict[int, object] = {}
    batch = _without_twins(posts)
    try:
        # What a refused one had claimed goes with the transaction, and the rest goes again without it; once, as refusals are rare.
        for _ in range(2):
            outcomes, refused = await _transact(desk, role, [posts[number] for number in batch])
            outcomes = {batch[place]: outcome for place, outcome in outcomes.items()}
            if not refused:
                break
            batch = [number for place, number in enumerate(batch) if place not in refused]
    except ABSENT:
        # Whose fault it was, each finds out alone. (A commit whose answer was lost is `OutcomeUnknown`, to all of them.)
        outcomes = {}
    return [outcomes.get(number, _ALONE) for number in range(len(posts))]


def _without_twins(posts: Sequence[Post[Any]]) -> list[int]:
    """The numbers of the posts in the order of their keys; of two with one key only the first, as the other has to see it stand."""
    keys = {
        (p.actor.org, p.actor.member, p.key.route, p.key.value): number for number, p in reversed([*enumerate(posts)])
    }
    return [keys[key] for key in sorted(keys)]


async def _transact(desk: Desk, role: Role, posts: Sequence[Post[Any]]) -> tuple[dict[int, object], set[int]]:
    """Outcomes by number, and the numbers of those refused; nothing stands if there are any."""
    pool = await desk.database.pool(login_of(role))
    connection = await taken(pool)
    try:
        await connection.execute("begin")
        minted = [new_id() for _ in posts]
        rows = await _find(connection, posts, minted)
        written, refused = _decide(desk, posts, minted, rows)
        if refused or not written:
            await connection.execute("rollback")
            return {}, refused
        await _write(connection, list(written.values()))
        await commit(connection)
    except BaseException:
        await roll_back(connection)
        raise
    finally:
        await pool.release(connection)
    for each in written.values():
        desk.ring(each.post.actor.org, [each.fact.stream])
    return {number: w.post.answer(w.message, w.fact) for number, w in written.items()}, refused


async def _find(connection: Connection, posts: Sequence[Post[Any]], minted: Sequence[UUID]) -> list[Row]:
    return await connection.fetch(
        _FIND,
        [p.actor.session_hash for p in posts],
        [p.key.route for p in posts],
        [p.key.value for p in posts],
        [p.key.digest for p in posts],
        minted,
        [p.stream.id for p in posts],
        [p.stream.kind for p in posts],
    )


def _decide(
    desk: Desk, posts: Sequence[Post[Any]], minted: Sequence[UUID], rows: Sequence[Row]
) -> tuple[dict[int, _Written], set[int]]:
    """Link what each post becomes behind what the streams hold and what was decided before it."""
    heads: dict[tuple[UUID, Stream], Head] = {}
    written: dict[int, _Written] = {}
    settled: set[int] = set()
    for row in rows:
        number: int = row["item"] - 1
        wish = posts[number]
        if not row["fresh"]:
            settled.add(number)  # the key stands for something already; the plain path tells what
            continue
        try:
            wish.actor.demand(wish.permission)
            message, event = wish.decide(row)
        except Refusal:
            continue
        place = wish.actor.org, wish.stream
        appender = Appender(None, desk.sealer, wish.actor.org, desk.origin(wish.actor.org), wish.actor.identity)
        appender.hold(wish.stream, heads.get(place) or Head(row["seq"], row["head"], row["last_at"]))
        fact = appender.record(event, minted[number])
        heads[place] = appender.head(wish.stream)
        written[number] = _Written(wish, row["context"], message, fact, appender.take())
    return written, set(range(len(posts))) - settled - set(written)


async def _write(connection: Connection, written: Sequence[_Written]) -> None:
    facts = [w.fact for w in written]
    slots = [slot for w in written for slot in w.sealed]
    moved = await connection.fetchval(
        _WRITE,
        [w.context for w in written],
        [f.entry_id for f in facts],
        [f.stream.kind for f in facts],
        [f.stream.id for f in facts],
        [f.seq for f in facts],
        [f.type for f in facts],
        [f.at for f in facts],
        [f.entry for f in facts],
        [f.leaf_hash for f in facts],
        [w.message.id for w in written],
        [w.message.visibility for w in written],
        [w.post.actor.member for w in written],
        [f.commits["body"] for f in facts],
        [len(w.sealed) for w in written],
        [s.commit for s in slots],
        [s.slot for s in slots],
        [s.size for s in slots],
        [s.media for s in slots],
        [s.sealed for s in slots],
        [s.wrapped for s in slots],
    )
    if moved != len(written):
        # Row security hid a stream that was found a moment ago: nothing may stand.
        raise asyncpg.InterfaceError("a stream's head could not be moved")
