"""The one clock: UTC with microseconds, settable by tests."""

from collections.abc import Callable
from datetime import UTC, datetime

_source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731


def now() -> datetime:
    """The current time, aware, in UTC."""
    return _source()


def set_source(source: Callable[[], datetime] | None) -> None:
    """Replace the clock's source; `None` restores the system's."""
    global _source
    _source = source or (lambda: datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """`moment` as an entry writes it: `2026-11-22T10:00:03.000000Z`, always six fractional digits."""
    # Not strftime: its %Y has no leading zeros on every platform.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def in_words(seconds: int) -> str:
    """How long to wait, as one says it: minutes where seconds would only be a large number."""
    if seconds > 90:
        return f"{-(-seconds // 60)} minutes"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
