"""Check whole logs, or the part of one that is new."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from uuid import UUID

from sealdesk.core.db import Database
from sealdesk.ledger.fsck.checkpoints import Checkpoints
from sealdesk.ledger.fsck.content import BATCH, Contents
from sealdesk.ledger.fsck.difference import Difference, Differs
from sealdesk.ledger.fsck.entries import Found, judge, judge_time, read
from sealdesk.ledger.fsck.logs import Snapshot, View, snapshot
from sealdesk.ledger.fsck.published import judge_published
from sealdesk.ledger.fsck.queue import judge_queue, judge_streams
from sealdesk.ledger.fsck.report import LogReport, Progress, Report
from sealdesk.ledger.fsck.tree import Tiles, head_size, judge_gap, judge_head, range_at
from sealdesk.ledger.fsck.unreadable import stumbling_differs
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealproof.entry import Entry
from sealproof.merkle import CompactRange

Tell = Callable[[Progress], None]

_LEAVES = "select idx, qid, leaf_hash from ledger.leaf where org_id = $1 and idx >= $2 and idx < $3 order by idx"


async def fsck(
    database: Database,
    signer: SignerClient | None,
    *,
    org: UUID | None = None,
    public_key: bytes | None = None,
    sealer: Sealer | None = None,
    tell: Tell | None = None,
) -> Report:
    """Check all logs, or that of `org`, and name the first difference in each.

    `signer` adds what it remembers, `public_key` (32 bytes) checks notes without it, `sealer` opens all content, `tell` hears of progress.
    Memory does not grow with the ledger. Raises what the database driver raises where the database can't be read.
    """
    async with snapshot(database, signer, public_key=public_key, sealer=sealer) as shot:
        views = await shot.views(org)
        logs = [await check_log(view, tell) for view in views]
        lost = _lost(shot, {view.origin for view in views}) if org is None else []
        return Report(tuple(logs), tuple(lost), tuple(_unchecked(shot)))


async def check_log(view: View, tell: Tell | None = None) -> LogReport:
    """Check one log from its first entry on."""
    walk = Walk(view, CompactRange(), Tiles(view, [], []), tell)
    try:
        async with stumbling_differs(view):
            view.judge_name()
            await walk.contents.begin()
            await walk.go(await head_size(view))
            await walk.finish()
            waiting = await judge_queue(view, walk.contents)
            await judge_streams(view)
            await walk.contents.finish()
            await judge_published(view)
    except Differs as differs:
        return LogReport(view.origin, walk.tree.size, walk.tree.root(), 0, differs.difference)
    size = walk.tree.size
    return LogReport(view.origin, size, walk.tree.root(), waiting, unsigned=size - walk.checkpoints.covered)


async def check_growth(view: View, size: int, root: bytes) -> LogReport:
    """Check what came after the first `size` entries, which had `root` when they were checked."""
    tree = CompactRange()
    try:
        async with stumbling_differs(view):
            there = await head_size(view)
            if there < size:
                raise view.differs(
                    "ledger.head",
                    view.origin,
                    "head.size",
                    expected=f"at least {size}, which were verified before",
                    found=there,
                )
            tree = await range_at(view, size)
            if tree.root() != root:
                raise view.differs(
                    "ledger.tile",
                    f"below entry {size}",
                    "verified.root",
                    expected=f"{root.hex()}, verified before",
                    found=tree.root(),
                )
            walk = Walk(view, tree, await Tiles.at(view, size), latest=await _latest(view, size))
            await walk.contents.begin()
            await walk.go(there)
            await walk.finish()
    except Differs as differs:
        return LogReport(view.origin, tree.size, tree.root(), 0, differs.difference)
    return LogReport(view.origin, tree.size, tree.root(), 0)


@dataclass(slots=True)
class Walk:
    """The leaves of one log in order, with everything that follows from each."""

    view: View
    tree: CompactRange
    tiles: Tiles
    tell: Tell | None = None
    latest: datetime | None = None
    contents: Contents = field(init=False)
    checkpoints: Checkpoints = field(init=False)

    def __post_init__(self) -> None:
        self.contents = Contents(self.view)
        self.checkpoints = Checkpoints(self.view, self.tree.size)

    async def go(self, size: int) -> None:
        """Check the leaves up to `size`, which the head says there are."""
        await self.checkpoints.begin()
        if self.checkpoints.due(self.tree.size):
            await self.checkpoints.judge(self.tree.size, self.tree.root())
        while self.tree.size < size:
            if self.tell:
                self.tell(Progress(self.view.origin, self.tree.size, size))
            await self._batch(min(size, self.tree.size + BATCH), size)
        if self.tell:
            self.tell(Progress(self.view.origin, size, size))

    async def finish(self) -> None:
        """What can be judged only when all leaves were seen."""
        await judge_head(self.view, self.tree)
        await self.tiles.finish()
        await self.checkpoints.finish(self.tree.size)

    async def _batch(self, end: int, size: int) -> None:
        view = self.view
        entries: list[Entry] = []
        rows = await self._rows(end)
        for row, following in zip_longest(rows, rows[1:]):
            if following is not None and following["idx"] == row["idx"]:
                raise self._twice(following, row["qid"])
            if row["idx"] != self.tree.size:
                raise await judge_gap(view, self.tree.size, size)
            if row["qid"] is None:
                raise await self._without_entry(row["idx"], row["leaf_qid"], row["leaf"])
            entries.append(judge(view, row))
            if row["leaf"] != row["leaf_hash"]:
                raise view.differs(
                    "ledger.leaf",
                    f"idx {row['idx']}",
                    "leaf.hash",
                    expected=f"{row['leaf_hash'].hex()} of qid {row['qid']}",
                    found=row["leaf"],
                )
            self.latest = judge_time(view, row, self.latest)
            self.tree.append(row["leaf"])
            await self.tiles.append(row["leaf"])
            if self.checkpoints.due(self.tree.size):
                await self.checkpoints.judge(self.tree.size, self.tree.root())
        if self.tree.size < end:
            raise await judge_gap(view, self.tree.size, size)
        await self.contents.judge(entries)

    async def _rows(self, end: int) -> list[Found]:
        """The leaves up to `end`, each with its entry: one row each, where the keys hold."""
        leaves = await self.view.connection.fetch(_LEAVES, self.view.org, self.tree.size, end)
        found = await read(self.view, [leaf["qid"] for leaf in leaves])
        return [
            {**row, "idx": leaf["idx"], "leaf_qid": leaf["qid"], "leaf": leaf["leaf_hash"]}
            for leaf in leaves
            for row in found.get(leaf["qid"], [{"qid": None}])
        ]

    def _twice(self, row: Found, other_qid: int) -> Differs:
        """A leaf came a second time: it is stored twice, or the entry before its own in the stream is."""
        if row["qid"] != other_qid:
            return self.view.differs("ledger.leaf", f"idx {row['idx']}", "leaf.twice", expected="one leaf", found="two")
        before = f"{row['stream_kind']} {row['stream_id']} #{row['stream_seq'] - 1}"
        return self.view.differs(
            "ledger.entry", before, "stream.fork", expected="one entry with this number", found="two"
        )

    async def _without_entry(self, idx: int, qid: int, leaf: bytes) -> Differs:
        """A leaf names no entry: either of the two may have been changed, so both are named."""
        elsewhere = await self.view.connection.fetchval(
            "select qid from ledger.entry where org_id = $1 and leaf_hash = $2", self.view.org, leaf
        )
        found = None if elsewhere is None else f"the entry with its hash as qid {elsewhere}"
        return self.view.differs(
            "ledger.leaf, ledger.entry",
            f"idx {idx}, qid {qid}",
            "entry.missing",
            expected=f"entry qid {qid} with leaf hash {leaf.hex()}",
            found=found,
        )


async def _latest(view: View, size: int) -> datetime | None:
    """The latest time near the end of the first `size` entries."""
    return await view.connection.fetchval(
        "select max(e.at) from ledger.leaf l join ledger.entry e using (org_id, qid) where l.org_id = $1 and l.idx >= $2 and l.idx < $3",
        view.org,
        max(0, size - BATCH),
        size,
    )


def _lost(shot: Snapshot, origins: set[str]) -> list[Difference]:
    if shot.status is None:
        return []
    return [
        Difference(
            log.origin,
            "ledger.log",
            log.origin,
            "signer.log",
            f"a log with at least the {log.size} entries that the signer signed",
            "nothing",
        )
        for log in shot.status.logs
        if log.origin not in origins
    ]


def _unchecked(shot: Snapshot) -> list[str]:
    told: list[str] = []
    if shot.status is None:
        told.append(
            "The signer can't be reached: what it remembers was not compared, so a consistent roll-back would not be seen."
        )
    elif any(log.signed is None for log in shot.status.logs):
        told.append(
            "How many checkpoints were signed is not known of every log (the signer did not count at first):"
            " of those a deleted one would not be missed."
        )
    if shot.public_key is None:
        told.append("No operator's key is known: the signatures of checkpoints were not checked.")
    if shot.sealer is None:
        told.append(
            "Content was not opened (--content does): that it is there with a key was checked, not that it opens."
        )
    return told
