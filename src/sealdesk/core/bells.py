"""Doorbells: that a conversation has gone on, told to whoever waits for it, in this process and in the others.

A bell carries no content and no id: its name is an HMAC under a key that no login can read, so a login with free SQL that listens to the
channel learns nothing of whose it is, and can at most have somebody look in vain. A bell that is lost loses nothing either: whoever waits
looks by themselves every few seconds.

They go from process to process by PostgreSQL's notifications or, where one is set, by another way (`core.valkey_bells`). While this
process or any other does not hear that one, they go both ways.
"""

import asyncio
import hmac
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from itertools import islice
from typing import Protocol
from uuid import UUID

import structlog

from sealdesk.core.db import ABSENT, Connection
from sealdesk.core.guests import Guests
from sealdesk.core.words import Words

CHANNEL = "desk_bells"
SAID = "desk_said"
"""Where sealed words go between the web processes: typing, presence, read marks."""
MOST_SAID = 1000
LONGEST_WORD = 8000
"""What PostgreSQL takes in a notice."""
MOST_AT_ONCE = 200  # names in one notice: 33 bytes each, of the 8,000 that PostgreSQL takes
AGAIN_AFTER = 1.0
DEAF = 3.0
"""Seconds for which a process that says so is taken not to hear the other way; it says so every second."""
Place = tuple[str, UUID]
"""A stream's kind and id."""

log = structlog.get_logger("bells")


def list_of(org: UUID) -> Place:
    """The place of an organisation's lists."""
    return "list", org


def with_lists(org: UUID, places: set[Place]) -> set[Place]:
    """These places, and the lists where one of them is a conversation."""
    return places | {list_of(org)} if any(kind in ("thread", "ticket") for kind, _ in places) else places


class Way(Protocol):
    """Another way to the other processes than the database."""

    def take(self, names: Iterable[str], said: Iterable[str]) -> bool:
        """Pass these on soon; False where that can't be done now. What fails later comes back by `Bells.by_database`."""
        ...


class Bells:
    """The bells of one process. `secret` is shared by all web processes, `connect` gives a connection to listen on.

    A NOTIFY goes over that connection, after the commit that it tells of: inside a business transaction it would hold up all others.
    """

    def __init__(self, secret: bytes, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._key = sha256(b"bells\n" + secret).digest()
        self._connect = connect
        self._listening: defaultdict[str, set[Callable[[], None]]] = defaultdict(set)
        self._to_tell: set[str] = set()
        self._words = Words(secret)
        self._to_say: list[str] = []
        self.hear_word: Callable[[bytes], None] | None = None
        """Told of what another process said."""
        self.guests = Guests()
        """Who waits or watches in this process."""
        self._rung = asyncio.Event()
        self.way: Way | None = None
        self._deaf = hmac.digest(self._key, b"deaf", "sha256")[:16].hex()
        self._deaf_until = 0.0
        self.closed = False

    def ring(self, org: UUID, places: Iterable[Place]) -> None:
        """Tell everybody who listens that something was committed there."""
        names = {self._name(org, place) for place in places}
        for name in names:
            self._wake(name)
        if names:
            self._pass_on(names, ())

    @contextmanager
    def listening(self, org: UUID, places: Iterable[Place]) -> Generator[asyncio.Event]:
        """An event that is set with each bell of one of these places. Listen first, then look: nothing falls in between."""
        heard = asyncio.Event()
        with ExitStack() as stack:
            for place in places:
                stack.enter_context(self.hearing(org, place, heard.set))
            yield heard

    @contextmanager
    def hearing(self, org: UUID, place: Place, call: Callable[[], None]) -> Generator[None]:
        """Call `call` with each bell of this place."""
        name = self._name(org, place)
        self._listening[name].add(call)
        try:
            yield
        finally:
            self._listening[name].discard(call)
            if not self._listening[name]:
                del self._listening[name]

    def say(self, word: bytes) -> None:
        """Tell the other processes, sealed: nobody else can read it, write one, or repeat an old one. What is too much is lost."""
        sealed = self._words.seal(word)
        if len(sealed) < LONGEST_WORD:
            self._pass_on((), (sealed,))

    def _pass_on(self, names: Collection[str], said: Collection[str]) -> None:
        taken = self.way is not None and self.way.take(names, said)
        if not taken or time.monotonic() < self._deaf_until:
            self.by_database(names, said)

    def by_database(self, names: Iterable[str], said: Iterable[str]) -> None:
        """Pass these on by PostgreSQL."""
        self._to_tell.update(names)
        self._to_say += islice(said, MOST_SAID - len(self._to_say))
        self._rung.set()

    def hear(self, names: str) -> None:
        """Another process rang these, separated by commas."""
        for name in names.split(","):
            self._wake(name)

    def hear_sealed(self, text: str) -> None:
        """Another process said this, or somebody else did, whom nobody hears."""
        word = self._words.open(text)
        if word is not None and self.hear_word is not None:
            self.hear_word(word)

    def tell_deaf(self) -> None:
        """This process does not hear the other way: all others tell it by the database, too, for a while."""
        self.by_database((self._deaf,), ())

    def close(self) -> None:
        """The process ends: nobody waits any more."""
        self.closed = True
        self.wake_all()

    def wake_all(self) -> None:
        """Have everybody look: something may have rung that was not heard."""
        for name in list(self._listening):
            self._wake(name)

    async def run(self) -> None:
        """Pass bells on to the other processes and hear theirs, until cancelled."""
        while True:
            try:
                await self._exchange()
            except ABSENT as error:
                log.warning("bells.interrupted", reason=str(error))
            await asyncio.sleep(AGAIN_AFTER)

    async def _exchange(self) -> None:
        connection = await self._connect()
        own, ended = connection.get_server_pid(), asyncio.Event()

        def hear(_: object, sender: int, __: str, payload: object) -> None:
            if sender != own:
                self.hear(str(payload))

        def hear_word(_: object, sender: int, __: str, payload: object) -> None:
            if sender != own:
                self.hear_sealed(str(payload))

        def over(_: object) -> None:
            ended.set()
            self._rung.set()

        try:
            connection.add_termination_listener(over)
            await connection.add_listener(CHANNEL, hear)
            await connection.add_listener(SAID, hear_word)
            self.wake_all()  # what rang while nobody listened
            while not ended.is_set():
                await self._rung.wait()
                self._rung.clear()
                names, self._to_tell = sorted(self._to_tell), set()
                for start in range(0, len(names), MOST_AT_ONCE):
                    text = ",".join(names[start : start + MOST_AT_ONCE])
                    await connection.execute("select pg_notify($1, $2)", CHANNEL, text)
                said, self._to_say = self._to_say, []
                if said:
                    await connection.execute("select pg_notify($1, word) from unnest($2::text[]) word", SAID, said)
        finally:
            connection.terminate()

    def _name(self, org: UUID, place: Place) -> str:
        kind, key = place
        return hmac.digest(self._key, org.bytes + key.bytes + kind.encode(), "sha256")[:16].hex()

    def _wake(self, name: str) -> None:
        if name == self._deaf:
            self._deaf_until = time.monotonic() + DEAF
        for call in tuple(self._listening.get(name, ())):
            call()
