"""Passwords: argon2id, verified one at a time and behind everything else, because each takes a core for tens of milliseconds."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from sealdesk.core.errors import Overloaded

P = ParamSpec("P")
R = TypeVar("R")
MAX_BYTES = 1024
MOST_WAITING = 64
"""So many verifications may wait, some two seconds' worth; whoever comes then is asked to come again."""
_BCRYPT = ("$2a$", "$2b$", "$2y$")


@dataclass(slots=True)
class _Work:
    hasher: PasswordHasher
    # A hash of each kind that is stored, by what it costs: whoever fails, fails at all of them.
    decoys: dict[str, str] = field(default_factory=dict[str, str])
    waiting: int = 0


# OWASP Password Storage: m = 19 MiB, t = 2, p = 1.
_work = _Work(PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1))


def _stand_back() -> None:
    # Linux gives each thread a niceness of its own: a flood of sign-ins must not slow those who are in.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


_gate = ThreadPoolExecutor(1, thread_name_prefix="argon2", initializer=_stand_back)


def tune(time_cost: int, memory_kib: int, parallelism: int) -> None:
    """Hash with these parameters from now on; a hash with others is renewed when its password is next shown."""
    _work.hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
    _work.decoys.clear()


def hash_password(password: str) -> str:
    """The argon2id hash of `password`, in the encoded form that carries its parameters."""
    return _work.hasher.hash(password)


async def hashed(password: str) -> str:
    """As `hash_password`, behind the gate. Raises `Overloaded` where too many wait."""
    return await _through_the_gate(hash_password, password)


async def verify(password: str, encoded: str | None, *, hide: bool = False) -> bool:
    """Whether `password` is that of `encoded`. A no takes as long without a hash as with any kind met before: it does the work of all.

    With `hide` a yes takes as long as a no. Raises `Overloaded` (503) where too many wait already.
    """
    return await _through_the_gate(_verify, password, encoded, hide)


async def rehash_if_old(password: str, encoded: str) -> str | None:
    """A new hash where the stored one is bcrypt's or has other parameters than today's."""
    if not encoded.startswith(_BCRYPT) and not _work.hasher.check_needs_rehash(encoded):
        return None
    return await hashed(password)


async def _through_the_gate(work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    if _work.waiting >= MOST_WAITING:
        raise Overloaded("Too many sign in at this moment. Try again shortly.", headers={"Retry-After": "3"})
    _work.waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_gate, partial(work, *arguments, **named))
    finally:
        _work.waiting -= 1


def _verify(password: str, encoded: str | None, hide: bool) -> bool:  # noqa: FBT001 - passed through the gate
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
