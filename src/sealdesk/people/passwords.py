"""Passwords: argon2id, verified at most two at a time, because each takes a core for tens of milliseconds."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

# OWASP Password Storage: m = 19 MiB, t = 2, p = 1.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_gate = ThreadPoolExecutor(2, thread_name_prefix="argon2")
_decoy: str | None = None

MAX_BYTES = 1024


def hash_password(password: str) -> str:
    """The argon2id hash of `password`, in the encoded form that carries its parameters."""
    return _hasher.hash(password)


async def verify(password: str, encoded: str | None) -> bool:
    """Whether `password` is that of `encoded`; without a hash, the same work is done for nothing, so both take as long."""
    return await asyncio.get_running_loop().run_in_executor(_gate, _verify, password, encoded)


async def rehash_if_old(password: str, encoded: str) -> str | None:
    """A new hash where the stored one has weaker parameters than today's."""
    if not _hasher.check_needs_rehash(encoded):
        return None
    return await asyncio.get_running_loop().run_in_executor(_gate, hash_password, password)


def _verify(password: str, encoded: str | None) -> bool:
    global _decoy
    if encoded is None:
        _decoy = _decoy or hash_password("no such account")
    try:
        return _hasher.verify(encoded or _decoy or "", password) and encoded is not None
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False
