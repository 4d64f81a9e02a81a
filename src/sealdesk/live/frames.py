"""What a socket says, in both directions: JSON texts, one object each, told apart by `type`."""

from typing import Annotated, Final, Literal, cast
from uuid import UUID

import msgspec

from sealdesk.core.errors import Refusal
from sealdesk.web.schema import Input, convert
from sealdesk.web.strict_json import decode_json

MOST_SEQ: Final = 2**53 - 1
Seq = Annotated[int, msgspec.Meta(ge=1, le=MOST_SEQ)]


class Ticket(Input, frozen=True, tag="ticket"):
    """The first frame of whoever has no cookie."""

    ticket: Annotated[str, msgspec.Meta(min_length=43, max_length=43)]


class Watch(Input, frozen=True, tag="watch"):
    """Look at a conversation, or no longer; `only`: and at no other."""

    thread: UUID
    on: bool = True
    only: bool = False


class Typing(Input, frozen=True, tag="typing"):
    """Writing a public answer, or no longer."""

    thread: UUID
    on: bool = True


class Read(Input, frozen=True, tag="read"):
    """Has read the public stream as far as `seq`."""

    thread: UUID
    seq: Seq


class Lists(Input, frozen=True, tag="list"):
    """Look at the desk's lists, or no longer."""

    on: bool = True


Frame = Ticket | Watch | Typing | Read | Lists


class Who(msgspec.Struct, frozen=True):
    """Somebody who is there: a customer, or one of the desk."""

    member: UUID
    name: str
    side: Literal["customer", "desk"]


class Mark(msgspec.Struct, frozen=True):
    """How far somebody has read."""

    member: UUID
    name: str
    seq: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The socket knows who it is."""

    member: UUID


class Watching(msgspec.Struct, frozen=True, tag="watching"):
    """How far the conversation has gone, who is there, and who has read how far. `ticket` is for the desk."""

    thread: UUID
    seq: int
    ticket: int | None
    present: tuple[Who, ...]
    read: tuple[Mark, ...]


class Bell(msgspec.Struct, frozen=True, tag="bell"):
    """The conversation went on: read on from where you are."""

    thread: UUID
    stream: str
    seq: int


class ListBell(msgspec.Struct, frozen=True, tag="list"):
    """Some conversation of the organisation went on: ask for the list again."""


class Present(msgspec.Struct, frozen=True, tag="present"):
    """Who is there now."""

    thread: UUID
    present: tuple[Who, ...]


class Writes(msgspec.Struct, frozen=True, tag="typing"):
    """Somebody writes, or no longer. Without news it is over after `TYPING_SECONDS`."""

    thread: UUID
    who: Who
    on: bool


class HasRead(msgspec.Struct, frozen=True, tag="read"):
    """Somebody has read on."""

    thread: UUID
    mark: Mark


class Refused(msgspec.Struct, frozen=True, tag="refused", omit_defaults=True):
    """A no to the oldest frame that was not answered yet. It does not repeat what was asked for.

    `seconds` is what HTTP has in Retry-After, where that is.
    """

    status: int
    title: str
    detail: str
    seconds: int | None = None

    @classmethod
    def of(cls, refusal: Refusal) -> "Refused":
        """As HTTP words it."""
        return cls(refusal.status, refusal.title, refusal.detail, refusal.wait)


TYPING_SECONDS: Final = 6


def decode(text: str) -> Frame:
    """A frame of a client. Raises `BadRequest` for anything that is not exactly one."""
    return cast("Frame", convert(decode_json(text.encode()), cast("type[object]", Frame)))


def encode(frame: msgspec.Struct) -> str:
    """A frame for a client."""
    return msgspec.json.encode(frame).decode()
