"""Composition root of the worker: the ledger's clockwork, the followers, and what runs by the clock."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial

import structlog

from sealdesk.abuse.follower import Abuse
from sealdesk.abuse.reader import Reader
from sealdesk.account import reminders
from sealdesk.core import production
from sealdesk.core.blobs import Blobs
from sealdesk.core.db import ABSENT
from sealdesk.core.faults import Fault
from sealdesk.core.log import configure
from sealdesk.core.mail import mailer_of
from sealdesk.core.settings import Settings
from sealdesk.exports import clearing
from sealdesk.exports.follower import Builder
from sealdesk.following import Following
from sealdesk.ledger.clockwork import Clockwork
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.people import happenings
from sealdesk.people.outbox import Outbox
from sealdesk.record import refusals
from sealdesk.redactions import rewriting
from sealdesk.redactions.strays import Strays
from sealdesk.tickets.queue import Queue
from sealdesk.unit import Desk
from sealdesk.verification.timers import Timers

SWEEP_EVERY = 3600.0
JOB_AGAIN_AFTER = 1.0
Job = Callable[[asyncio.Event], Awaitable[None]]

log = structlog.get_logger("worker")


async def sweep(desk: Desk, stop: asyncio.Event) -> None:
    """Once an hour, forget what is only kept for a while: idempotency keys, day keys, address buckets, dead sessions."""
    while not stop.is_set():
        try:
            await (await desk.database.pool("desk_worker")).execute("select sec.sweep()")
        except ABSENT as error:
            log.warning("sweep.interrupted", reason=str(error))
        await _pause(stop, SWEEP_EVERY)


async def keep_up(name: str, job: Job, stop: asyncio.Event) -> None:
    """Run one job until `stop`. What nobody foresaw ends this job for a second, never the others: the record must go on growing."""
    while not stop.is_set():
        try:
            await job(stop)
        except Exception:
            log.exception("job.failed", job=name)
            await _pause(stop, JOB_AGAIN_AFTER)


async def work(settings: Settings, reader: Reader) -> None:
    """Work until SIGTERM or SIGINT; `reader` reads what people write."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    production.refuse(settings, production.look_at_settings(settings))
    async with Desk.opened(settings) as desk:
        production.refuse(settings, await production.look_at_database(desk.database))
        signer = SignerClient(socket_path(settings.data))
        clockwork = Clockwork(desk.database, signer, desk.ledger_name)
        builder = Builder(desk, SignerClient(socket_path(settings.data)), Blobs(settings.blobs), settings.exports)
        outbox = Outbox(desk, mailer_of(settings), settings.sender, settings.origins[0])
        jobs: dict[str, Job] = {
            "clockwork": clockwork.run,
            "followers": Following(desk, (Abuse(reader.find), Queue())).run,
            "refusals": partial(refusals.run, desk),
            "happenings": partial(happenings.run, desk),
            "reminders": partial(reminders.run, desk),
            "mail": outbox.run,
            "sweep": partial(sweep, desk),
            "verification": Timers(desk, signer).run,
            "exports": builder.run,
            "leftovers": partial(clearing.run, desk, Blobs(settings.blobs)),
            "rewriting": partial(rewriting.run, desk),
        }
        if settings.embedded:
            jobs["strays"] = Strays(desk, settings.postgres).run
        async with asyncio.TaskGroup() as group:
            for name, job in jobs.items():
                group.create_task(keep_up(name, job, stop))
        await refusals.settle(desk)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def main() -> int:
    """The worker process."""
    settings = Settings.load()
    configure(settings.log, part="worker")
    try:
        with closing(Reader()) as reader:
            asyncio.run(work(settings, reader))
    except (Fault, OSError) as error:
        print(f"sealdesk: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
