"""What the page of the widget's settings shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetView:
    """On or off, the tag for a site (empty before it was ever on), the sites that may show it, and a key just made: shown this once."""

    on: bool
    version: int
    tag: str
    audience: str
    has_key: bool
    key: str | None
    origins: tuple[str, ...]
    error: str | None
