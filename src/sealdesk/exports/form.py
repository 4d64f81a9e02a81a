"""The form for a bundle, as it is posted."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from sealdesk.access.permissions import Role
from sealdesk.core.errors import BadRequest
from sealdesk.core.ids import read_id
from sealdesk.exports.commands import Asked
from sealdesk.exports.scope import Query, Scope, Threads, read_list
from sealdesk.web.schema import Input

Short = Annotated[str, msgspec.Meta(max_length=40)]


class ExportForm(Input, frozen=True):
    """The fields; an empty one is as if it were not there. `step` is to look what a bundle would hold, or to have it built."""

    scope: Literal["thread", "list", "query"]
    audience: Literal["requester", "agent", "admin", "auditor"]
    purpose: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    step: Literal["look", "build"] = "build"
    thread: Short = ""
    threads: Annotated[str, msgspec.Meta(max_length=50_000)] = ""
    since: Short = ""
    until: Short = ""
    status: Short = ""
    priority: Short = ""

    def asked(self) -> Asked:
        """What the form asks for. `BadRequest` where it makes no sense."""
        return Asked(self.purpose.replace("\r\n", "\n"), self.read_scope(), Role(self.audience))

    def read_scope(self) -> Scope:
        """What the bundle covers."""
        match self.scope:
            case "thread":
                return Threads((_id(self.thread),))
            case "list":
                return read_list(self.threads)
            case "query":
                return Query(self.status or None, self.priority or None, _day(self.since), _day(self.until))


def _id(text: str) -> UUID:
    try:
        return read_id(text)
    except ValueError:
        raise BadRequest("Choose a conversation.", pointer="/thread") from None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest("A day looks like 2026-11-22.", pointer="/since") from None
