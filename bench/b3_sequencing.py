"""B3: from commit to sequenced, and to covered by a signed checkpoint, while eight writers go on."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from bench import crowd, desks, yardsticks
from bench.b1_posts import AGAINST, CONNECTIONS
from bench.figure import Figure
from bench.load import TEXT
from sealdesk.core.db import Connection
from sealdesk.core.postgres import Cluster
from sealdesk.core.settings import Settings
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.unit import Desk, Key

WRITERS = 8
PATIENCE = 60.0
_COVERED = """
select e.entry_id, (select c.signed_at from ledger.checkpoint c where c.org_id = l.org_id and c.size > l.idx order by c.size limit 1) as at
from ledger.entry e join ledger.leaf l using (org_id, qid) where e.entry_id = any ($1)"""


def measure(*, quick: bool) -> Sequence[Figure]:
    """Eight writers in one process, through the unit of work and without HTTP; the desk's own worker sequences and its signer signs."""
    seconds = 1 if quick else 10
    with desks.folder() as data, desks.desk(data):
        people = crowd.gather(data, 1 if quick else 4)
        cluster = Cluster(data)
        each = max(1, seconds // 2)
        before = yardsticks.inserts_per_second(cluster, clients=CONNECTIONS, seconds=each)
        rate, late = asyncio.run(_write(data, people, seconds))
        after = yardsticks.inserts_per_second(cluster, clients=CONNECTIONS, seconds=each)
    yardstick = (before + after) / 2
    return [
        Figure("B3", f"entries sequenced, {WRITERS} writers", rate, "/s", AGAINST, yardstick, 0.15, "more"),
        Figure("B3", "commit to checkpoint, 99 of 100 within", late, "s", "the goal itself", 2.0, 1.0, "less"),
    ]


async def _write(data: Path, people: list[list[crowd.Member]], seconds: float) -> tuple[float, float]:
    """Entries per second until the last one had its index, and the 99th percentile of seconds from commit to checkpoint."""
    members = [member for members in people for member in members]
    acknowledged: dict[UUID, float] = {}
    async with Desk.opened(Settings.load({"SEALDESK_DATA": str(data)})) as desk:
        reader = await desk.database.connect("desk_verifier")
        try:
            begin = time.monotonic()
            until = begin + seconds
            writers = [_writer(desk, members[n % len(members)], n, until, acknowledged) for n in range(WRITERS)]
            await asyncio.gather(*writers)
            await _await_value(reader, "select not exists (select from ledger.pending where org_id <> $1)", UUID(int=0))
            rate = len(acknowledged) / (time.monotonic() - begin)
            return rate, await _lateness(reader, acknowledged)
        finally:
            await reader.close()


async def _writer(desk: Desk, member: crowd.Member, number: int, until: float, acknowledged: dict[UUID, float]) -> None:
    count = 0
    while time.monotonic() < until:
        count += 1
        key = Key.of("bench", f"{number}-{count}", b"")
        thread = member.threads[(number + count) % len(member.threads)]
        message = await commands.post_message(desk, member.actor, thread, Draft(TEXT), key=key, origin=crowd.ORIGIN)
        acknowledged[message.entry_id] = time.time()


async def _lateness(reader: Connection, acknowledged: dict[UUID, float]) -> float:
    newest = max(acknowledged, key=acknowledged.__getitem__)
    await _await_value(
        reader,
        "select exists (select from ledger.entry e join ledger.leaf l using (org_id, qid)"
        " join ledger.checkpoint c on c.org_id = l.org_id and c.size > l.idx where e.entry_id = $1)",
        newest,
    )
    await asyncio.sleep(2)  # the other organisations' checkpoints of the same second
    rows = await reader.fetch(_COVERED, list(acknowledged))
    never = datetime.max.replace(tzinfo=UTC)
    late = sorted((row["at"] or never).timestamp() - acknowledged[row["entry_id"]] for row in rows)
    return late[int(len(late) * 0.99)]


async def _await_value(reader: Connection, question: str, argument: object) -> None:
    until = time.monotonic() + PATIENCE
    while not await reader.fetchval(question, argument):
        if time.monotonic() > until:
            raise SystemExit("The sequencer does not keep up: entries still wait after a minute.")
        await asyncio.sleep(0.01)
