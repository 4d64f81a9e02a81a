"""The file format: one message a line (docs/import-format.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, cast

import msgspec

from sealdesk.core import clock
from sealdesk.core.clock import stamp
from sealdesk.core.errors import Refusal
from sealdesk.core.faults import Fault
from sealdesk.threads.model import Draft, checked_subject
from sealdesk.web.schema import Input, convert
from sealdesk.web.strict_json import decode_json

MAX_LINE = 1 << 20
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ClaimedAuthor(Input, frozen=True):
    """Who is said to have written it."""

    id: Name
    role: Literal["requester", "agent", "admin", "auditor"]
    name: Name


class Line(Input, frozen=True):
    """One message. `subject` comes with the first message of a thread and with no other."""

    thread: Name
    channel: Name
    author: ClaimedAuthor
    at: datetime
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=998)] | None = None


@dataclass(frozen=True, slots=True)
class Numbered:
    """A line and where it stands: `ordinal` counts the messages of its thread from 1."""

    number: int
    ordinal: int
    line: Line

    @property
    def claimed_at(self) -> str:
        """The claimed time in UTC, as entries write time."""
        return stamp(self.line.at)


def read(path: Path) -> list[Numbered]:
    """All lines of the file, checked. Raises `Fault` naming the first bad line by number and reason."""
    seen: dict[str, int] = {}
    found: list[Numbered] = []
    for number, raw in _raw_lines(path):
        try:
            line = _decode(raw)
            Draft(line.body)
            ordinal = seen[line.thread] = seen.get(line.thread, 0) + 1
            _check(line, ordinal)
        except Refusal as refusal:
            raise Fault(f"{path.name}, line {number}: {_reason(refusal)} Nothing was imported.") from refusal
        found.append(Numbered(number, ordinal, line))
    return found


def _check(line: Line, ordinal: int) -> None:
    if line.at.tzinfo is None:
        raise Refusal("`at` needs a time zone, such as Z.")
    if not EARLIEST <= line.at <= clock.now() + timedelta(days=1):
        raise Refusal(f"`at` lies before {EARLIEST.year} or in the future.")
    if (line.subject is None) == (ordinal == 1):
        raise Refusal("A thread's first message, and no other, has a `subject`.")
    if line.subject is not None:
        checked_subject(line.subject)


def _decode(raw: bytes) -> Line:
    value = decode_json(raw)
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        _check_names(fields, Line)
        _check_names(fields.get("author"), ClaimedAuthor)
        return convert(fields, Line)
    raise Refusal("A line is one JSON object.")


def _check_names(given: object, schema: type[Input]) -> None:
    # A person at a terminal reads this, and the file is their own: the name may be repeated.
    names = [field.encode_name for field in msgspec.structs.fields(schema)]
    if isinstance(given, dict) and (unknown := sorted(cast("dict[str, object]", given).keys() - names)):
        raise Refusal(f"{unknown[0]!r} is not known here; the fields are {', '.join(names)}.")


def _reason(refusal: Refusal) -> str:
    errors = refusal.members.get("errors")
    if isinstance(errors, list) and errors:
        first = msgspec.to_builtins(errors[0])
        place = str(first.get("pointer", "")).removeprefix("/").replace("/", ".")
        return f"{place}: {first.get('detail', '')}".lstrip(": ").rstrip(".") + "."
    return refusal.detail


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                if len(raw) > MAX_LINE:
                    raise Fault(f"{path.name}, line {number}: longer than {MAX_LINE:,} bytes. Nothing was imported.")
                if raw.strip():
                    yield number, raw.rstrip(b"\r\n")
    except OSError as error:
        raise Fault(f"{path} can't be read: {error.strerror}.") from error
