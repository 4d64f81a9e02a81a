"""What the page of the widget's settings shows."""

from dataclasses import dataclass

from sealdesk.web.view import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetView:
    """On or off, the tag for a site (empty before it was ever on), the sites that may show it, and a key just made: shown this once.

    `has_key` is whether a key is good now, `had_key` whether one ever was, `former` until when the one before the present one is.
    """

    on: bool
    version: int
    tag: str
    audience: str
    has_key: bool
    had_key: bool
    former: Moment | None
    key: str | None
    origins: tuple[str, ...]
    error: str | None
