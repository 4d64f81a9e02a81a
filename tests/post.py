"""What waits in the outbox, read as the worker reads it."""

import json
import re
from dataclasses import dataclass

from sealdesk.access.actor import NOBODY
from sealdesk.core.db import Connection
from sealdesk.people.outbox import _LABEL
from world import World


@dataclass(frozen=True, slots=True)
class Waiting:
    """One mail before it is written."""

    to: str
    template: str
    data: dict[str, str]
    void: bool

    @property
    def token(self) -> str:
        """The token at the end of its link."""
        return self.data["path"].rpartition("/")[2].partition("?")[0]


async def waiting(world: World, template: str = "") -> list[Waiting]:
    """All that waits, oldest first; of one template where it is named."""
    connection: Connection = await world.superuser()
    try:
        rows = await connection.fetch("select mail_id, sealed, void from sec.mail order by mail_id")
    finally:
        await connection.close()
    found: list[Waiting] = []
    for row in rows:
        document = json.loads(world.desk.sealer.unwrap(NOBODY, row["sealed"], _LABEL + row["mail_id"].bytes))
        found.append(Waiting(document["to"], document["template"], document["data"], row["void"]))
    return [mail for mail in found if re.match(template, mail.template)]


async def link(world: World, template: str, to: str) -> str:
    """The token of the newest such mail to somebody."""
    return [mail for mail in await waiting(world, template) if mail.to == to and not mail.void][-1].token
