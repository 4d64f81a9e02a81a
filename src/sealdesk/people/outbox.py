"""Mail waits in the database, sealed whole, from the transaction that causes it until it was handed on.

A worker takes what is due, which puts it off in the same breath: killed before it says that a mail was sent, another try comes later. So
none is lost, and at worst one is sent twice, under the same Message-ID.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Protocol
from uuid import UUID

import structlog

from sealdesk.access.actor import NOBODY
from sealdesk.core import clock
from sealdesk.core.db import ABSENT
from sealdesk.core.ids import new_id
from sealdesk.core.mail import Mailer, NotSent, UnfitHeader, compose
from sealdesk.ledger.seal import Sealer, Unopenable
from sealdesk.people import letters
from sealdesk.unit import Desk

EVERY = 0.5
MOST = 20
TRIES = 8
_LABEL = b"sealdesk/mail/v1"

log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter to write: to whom, by which row of the table, with which words."""

    to: str
    template: str
    data: Mapping[str, str] = field(default_factory=dict[str, str])


class Executing(Protocol):
    """Whatever runs statements: a change, a connection, a pool."""

    async def execute(self, statement: str, /, *arguments: object) -> str:
        """Run one."""
        ...


def sealed(sealer: Sealer, mail: Mail) -> tuple[UUID, bytes]:
    """A mail's id and its sealed bytes, bound to each other."""
    number = new_id()
    document = json.dumps({"to": mail.to, "template": mail.template, "data": dict(mail.data)}).encode()
    return number, sealer.wrap(NOBODY, document, _LABEL + number.bytes)


async def queue(transaction: Executing, sealer: Sealer, mail: Mail) -> None:
    """Have the mail sent once the transaction stands."""
    await transaction.execute("select sec.queue_mail($1, $2)", *sealed(sealer, mail))


class Outbox:
    """Sends what waits, through `mailer`, as `sender`, with links to the desk at `base`."""

    def __init__(self, desk: Desk, mailer: Mailer, sender: str, base: str) -> None:
        self._desk = desk
        self._mailer = mailer
        self._sender = sender
        self._base = base

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due, again and again, until `stop`."""
        while not stop.is_set():
            try:
                await self.deliver()
            except ABSENT as error:
                log.warning("mail.interrupted", reason=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), EVERY)
            except TimeoutError:
                continue

    async def deliver(self) -> int:
        """Try all that is due, side by side; gives how many were sent."""
        pool = await self._desk.database.pool("desk_worker")
        rows = await pool.fetch("select * from sec.take_mail($1)", MOST)
        sent = await asyncio.gather(*(self._try(row["mail_id"], row["sealed"], row["tries"]) for row in rows))
        return sum(sent)

    async def _try(self, number: UUID, content: bytes, tries: int) -> bool:
        try:
            await self._mailer.send(self._message(number, content))
        except NotSent as error:
            if tries < TRIES:
                log.warning("mail_put_off", mail=str(number), tries=tries, reason=str(error))
            else:
                await self._give_up(number, tries, str(error))
            return False
        except (Unopenable, UnfitHeader, LookupError, ValueError) as error:
            # Nothing that time mends.
            await self._give_up(number, tries, type(error).__name__)
            return False
        pool = await self._desk.database.pool("desk_worker")
        await pool.execute("select sec.mail_done($1, false)", number)
        return True

    def _message(self, number: UUID, content: bytes) -> EmailMessage:
        document = json.loads(self._desk.sealer.unwrap(NOBODY, content, _LABEL + number.bytes))
        letter = letters.write(document["to"], document["template"], document["data"], self._base)
        return compose(letter, self._sender, str(number), clock.now())

    async def _give_up(self, number: UUID, tries: int, reason: str) -> None:
        log.error("mail_given_up", owasp="sys_monitor_disabled", mail=str(number), tries=tries, reason=reason)
        pool = await self._desk.database.pool("desk_worker")
        await pool.execute("select sec.mail_done($1, true)", number)
