"""The jobs of ledger.md 9, each on one log, and what each tells."""

import time
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sealdesk.ledger.fsck import Difference, LogReport
from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.fsck.run import check_growth, check_log
from sealdesk.ledger.fsck.tree import head_size
from sealdesk.verification.state import check_state
from sealproof.merkle import EMPTY_ROOT

Job = Literal["incremental", "full", "state"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one job on one log: it covers the entries `start` to `size`; where it failed, `size` is how far it was good."""

    job: Job
    org: UUID
    origin: str
    start: int
    size: int
    root: bytes | None
    difference: Difference | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything that was checked holds."""
        return self.difference is None


async def run_incremental(view: View) -> Outcome:
    """Check what was sequenced since the last good run: bytes, leaves, tiles, head, checkpoints, the signer's memory."""
    began = time.monotonic()
    row = await view.connection.fetchrow(
        "select size, root from ledger.verified where org_id = $1 and job = 'incremental' and root is not null",
        view.org,
    )
    start, root = (row["size"], row["root"]) if row else (0, EMPTY_ROOT)
    report = await check_growth(view, start, root)
    return _outcome("incremental", view, start, report, began)


async def run_full(view: View) -> Outcome:
    """Check the whole log, as `fsck` does, at each stored checkpoint."""
    began = time.monotonic()
    return _outcome("full", view, 0, await check_log(view), began)


async def run_state(view: View) -> Outcome:
    """Rebuild the application's tables from entries and compare them."""
    began = time.monotonic()
    size = await head_size(view)
    difference = await check_state(view)
    return Outcome("state", view.org, view.origin, 0, size, None, difference, time.monotonic() - began)


RUNS = {"incremental": run_incremental, "full": run_full, "state": run_state}


def _outcome(job: Job, view: View, start: int, report: LogReport, began: float) -> Outcome:
    return Outcome(
        job, view.org, view.origin, start, report.size, report.root, report.difference, time.monotonic() - began
    )
