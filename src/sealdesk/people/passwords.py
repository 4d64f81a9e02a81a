"""Passwords: argon2id, verified one at a time, because each takes a core for tens of milliseconds; for a web process by `hasher`.

Whoever has shown something already (a known browser, a session, a mailed link) waits in a line of their own and is served first, so a flood
of strangers' guesses keeps nobody out who was here before. A place in line is taken before the database is asked anything: who finds none
is sent away for next to nothing, and the attempt is not counted, as nothing was tried.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import PriorityQueue

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from sealdesk.core.errors import Overloaded

MAX_BYTES = 1024
MOST_WAITING = 64
"""So many verifications may wait in each line, some seconds' worth; whoever comes then is asked to come again."""
CROWD = 16
LONGEST_REST = 0.1
"""From so many strangers on, the one thread rests after each of theirs for as long as it took, in seconds at most: half a core is theirs,
as a core that always hashes slows its neighbour and the memory that both share."""
_BCRYPT = ("$2a$", "$2b$", "$2y$")
_AHEAD, _BEHIND = 0, 1


@dataclass(slots=True)
class _Work:
    hasher: PasswordHasher
    # A hash of each kind that is stored, by what it costs: whoever fails, fails at all of them.
    decoys: dict[str, str] = field(default_factory=dict[str, str])


# OWASP Password Storage: m = 19 MiB, t = 2, p = 1.
_work = _Work(PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1))


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done: hold a password against a hash, or against nothing; or, with `make`, hash it.

    With `hide` a yes takes as long as a no.
    """

    password: str
    encoded: str | None = None
    make: bool = False
    hide: bool = False

    def perform(self) -> bool | str:
        """Whether it fits, or the new hash."""
        return hash_password(self.password) if self.make else _verify(self.password, self.encoded, hide=self.hide)


@dataclass(order=True, slots=True)
class _Waiting:
    """Ordered by line, then by who came first."""

    line: int
    number: int
    task: Task = field(compare=False)
    future: "Future[bool | str]" = field(compare=False, default_factory=Future["bool | str"])


class _Gate:
    """One thread that has one task after another done, and the two lines in front of it."""

    def __init__(self) -> None:
        self.taken = [0, 0]
        self.perform: Callable[[Task], bool | str] = Task.perform
        self._waiting: PriorityQueue[_Waiting] = PriorityQueue()
        self._numbers = itertools.count()
        self._started = False
        self._starting = threading.Lock()

    async def through(self, line: int, task: Task) -> bool | str:
        """The answer, in its turn; a caller who leaves costs nothing."""
        with self._starting:
            if not self._started:
                threading.Thread(target=self._serve, name="gate", daemon=True).start()
                self._started = True
        waiting = _Waiting(line, next(self._numbers), task)
        self._waiting.put(waiting)
        return await asyncio.wrap_future(waiting.future)

    def _serve(self) -> None:
        while True:
            waiting = self._waiting.get()
            if waiting.future.set_running_or_notify_cancel():
                begin = time.monotonic()
                try:
                    waiting.future.set_result(self.perform(waiting.task))
                except Exception as error:
                    waiting.future.set_exception(error)
                if waiting.line == _BEHIND and self.taken[_BEHIND] >= CROWD:
                    time.sleep(min(time.monotonic() - begin, LONGEST_REST))


_gate = _Gate()


@contextmanager
def performed_by(other: Callable[[Task], bool | str]) -> Generator[None]:
    """Until the block ends, `other` does the work; it is called from one thread, and may block."""
    _gate.perform = other
    try:
        yield
    finally:
        _gate.perform = Task.perform


@dataclass(frozen=True, slots=True)
class Place:
    """A place in line."""

    line: int

    async def verify(self, password: str, encoded: str | None, *, hide: bool = False) -> bool:
        """Whether `password` is that of `encoded`. A no takes as long without a hash as with any kind met before: it does the work of all.

        With `hide` a yes takes as long as a no.
        """
        return bool(await _gate.through(self.line, Task(password, encoded, hide=hide)))

    async def hashed(self, password: str) -> str:
        """As `hash_password`."""
        return str(await _gate.through(self.line, Task(password, make=True)))


@contextmanager
def place(*, ahead: bool = False) -> Generator[Place]:
    """A place in line until the block ends; `ahead` for who has shown something already. Raises `Overloaded` (503) where there is none."""
    line = _AHEAD if ahead else _BEHIND
    if _gate.taken[line] >= MOST_WAITING:
        raise Overloaded("Too many sign in at this moment. Try again shortly.", headers={"Retry-After": "3"})
    _gate.taken[line] += 1
    try:
        yield Place(line)
    finally:
        _gate.taken[line] -= 1


def tuned() -> tuple[int, int, int]:
    """What `tune` was told last: passes, memory in KiB, lanes."""
    return _work.hasher.time_cost, _work.hasher.memory_cost, _work.hasher.parallelism


def tune(time_cost: int, memory_kib: int, parallelism: int) -> None:
    """Hash with these parameters from now on; a hash with others is renewed when its password is next shown."""
    _work.hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
    _work.decoys.clear()


def hash_password(password: str) -> str:
    """The argon2id hash of `password`, in the encoded form that carries its parameters."""
    return _work.hasher.hash(password)


async def hashed(password: str) -> str:
    """As `hash_password`, for whoever may choose one: ahead of strangers. Raises `Overloaded` where too many wait."""
    with place(ahead=True) as mine:
        return await mine.hashed(password)


async def verify(password: str, encoded: str | None, *, hide: bool = False) -> bool:
    """`Place.verify` for whoever is signed in: ahead of strangers. Raises `Overloaded` where too many wait."""
    with place(ahead=True) as mine:
        return await mine.verify(password, encoded, hide=hide)


async def rehash_if_old(password: str, encoded: str) -> str | None:
    """A new hash where the stored one is bcrypt's or has other parameters than today's."""
    if not encoded.startswith(_BCRYPT) and not _work.hasher.check_needs_rehash(encoded):
        return None
    return await hashed(password)


def _verify(password: str, encoded: str | None, *, hide: bool) -> bool:
    if not _work.decoys:
        today = hash_password("no such account")
        _work.decoys[_kind(today)] = today
    right = encoded is not None and _fits(password, encoded)
    if right and not hide:
        return True
    if encoded is not None:
        # Met for the first time, a kind of former days is still told by its time; from then on it is part of every no.
        _work.decoys.setdefault(_kind(encoded), encoded)
    for kind, decoy in _work.decoys.items():
        if encoded is None or kind != _kind(encoded):
            _fits(password, decoy)
    return right


def _fits(password: str, encoded: str) -> bool:
    if encoded.startswith(_BCRYPT):
        # bcrypt reads 72 bytes; the library refuses more instead of cutting. What is cut here is no match, but costs as much.
        typed = password.encode()
        return bcrypt.checkpw(typed[:72], encoded.encode()) and len(typed) <= 72
    try:
        return _work.hasher.verify(encoded, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def _kind(encoded: str) -> str:
    """What decides on the cost of a hash: `$2b$12$` of bcrypt, `$argon2id$v=19$m=...,t=...,p=...$` of argon2."""
    return encoded[:7] if encoded.startswith(_BCRYPT) else encoded[: encoded.rfind("$", 0, encoded.rfind("$")) + 1]
