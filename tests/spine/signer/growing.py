"""A log in memory that grows, honestly or not, and proves what a server could prove about it."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sealdesk.core.clock import stamp
from sealdesk.core.ids import new_id
from sealdesk.ledger.signer import Genesis, SignerClient
from sealproof import entry, merkle, tiles
from spine.signer.running import LEDGER

ZEROS = "0" * 64


def org_origin(org: UUID | None = None) -> str:
    return f"{LEDGER}/ledger/org/{org or uuid4()}"


def genesis_entry(origin: str, at: datetime | None = None, *, epoch: int = 1) -> bytes:
    return entry.build(
        log=origin,
        id=str(new_id()),
        type="ledger.genesis",
        at=stamp(at or datetime.now(UTC) + timedelta(seconds=1)),
        nonce=os.urandom(16).hex(),
        actor=("system", "ledger"),
        stream=("log", str(uuid4()), 1, ZEROS),
        body={"epoch": epoch, "previous": None},
    )


class GrowingLog:
    """Only the first entry need be one: the signer reads no other."""

    def __init__(self, origin: str | None = None, entries: Sequence[bytes] | None = None) -> None:
        self.origin = origin or org_origin()
        self.entries = list(entries) if entries is not None else [genesis_entry(self.origin)]

    def copy(self) -> "GrowingLog":
        return GrowingLog(self.origin, self.entries)

    @property
    def size(self) -> int:
        return len(self.entries)

    def grow_to(self, size: int) -> None:
        self.entries += [os.urandom(24) for _ in range(size - self.size)]

    def root(self, size: int | None = None) -> bytes:
        return merkle.root_of(self._leaves(0, self.size if size is None else size))

    def consistency(self, size1: int, size2: int | None = None) -> list[bytes]:
        return tiles.consistency_proof(size1, self.size if size2 is None else size2, self._tile)

    def genesis(self, size: int | None = None) -> Genesis:
        size = self.size if size is None else size
        return Genesis(self.entries[0], tuple(tiles.inclusion_proof(0, size, self._tile)))

    async def begin(self, client: SignerClient) -> bytes:
        """The note of the first checkpoint, at the present size."""
        return await client.sign_checkpoint(self.origin, self.size, self.root(), genesis=self.genesis())

    async def sign(self, client: SignerClient, old: int) -> bytes:
        """The note at the present size, proven from `old`."""
        return await client.sign_checkpoint(self.origin, self.size, self.root(), self.consistency(old))

    def _leaves(self, begin: int, end: int) -> list[bytes]:
        return [entry.leaf_hash(data) for data in self.entries[begin:end]]

    def _tile(self, level: int, n: int, width: int) -> bytes:
        span = 256**level
        first = n * 256
        return b"".join(merkle.root_of(self._leaves(i * span, (i + 1) * span)) for i in range(first, first + width))
