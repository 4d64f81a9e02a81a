"""The widget of an organisation, and who comes by it."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sealdesk.web.tokens import new_token
from sealproof.canonical import JSON

IDLE: Final = timedelta(hours=2)
MOST: Final = timedelta(hours=12)
"""A visit ends after so long without use, and at the latest."""
CODE_LIFE: Final = timedelta(minutes=30)
OVERLAP: Final = timedelta(days=1)
"""A site's former key is still good for so long after a new one was made, unless it is ended: sites take their time."""
SUBJECT: Final = "Conversation on a website"
"""What a conversation is called that begins in a window. Nothing of what was written: no redaction or erasure reaches a subject."""
_LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE: Final = 8


@dataclass(frozen=True, slots=True)
class Widget:
    """One that is switched on: its public id, whose it is, and the exact origins of the sites that may show it."""

    id: str
    org: UUID
    org_name: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What an organisation's admins have set: the public id (empty before it was ever on), on or off, and its site's keys.

    `key` is the number of the last one that was made, `keys` are those that nobody ended: two at most; the former ends by itself.
    """

    id: str = ""
    on: bool = False
    key: int = 0
    keys: tuple[int, ...] = ()

    def turned(self) -> "Arrangement":
        """With a new key; the present one becomes the former, and the former ends."""
        return replace(self, key=self.key + 1, keys=(*self.keys[-1:], self.key + 1))

    def off(self) -> "Arrangement":
        """Switched off, which ends every key."""
        return replace(self, on=False, keys=())

    def written(self) -> dict[str, JSON]:
        """As it is stored and recorded."""
        return {"id": self.id, "on": self.on, "key": self.key, "keys": list(self.keys)}


@dataclass(frozen=True, slots=True)
class SiteKey:
    """A key that is good now: its number, and until when, if it is the former one."""

    number: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Guest:
    """Whoever is said to come.

    Their address as it is kept and as it is looked up, their name, whether they read mail there, and the number of the key that spoke
    for them.
    """

    email: str
    norm: str
    name: str
    mailed: bool = False
    key: int | None = None


@dataclass(frozen=True, slots=True)
class Visiting:
    """A visit: its token leaves once, in the answer."""

    token: str
    member: UUID
    name: str
    seconds: int


def new_code() -> str:
    """Eight letters and digits that are not taken for each other: 39 random bits, good for five tries (ASVS 6.5.4)."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_CODE))


def new_visit() -> str:
    """A token with a prefix that scanners of leaked secrets recognise."""
    return "sdv_" + new_token()


def grouped(code: str) -> str:
    """A code as it is mailed."""
    return f"{code[:4]}-{code[4:]}"


def plain_code(typed: str) -> str:
    """A code as it was typed, without blanks, hyphens and case."""
    return "".join(typed.split()).replace("-", "").upper()


def name_of(email: str) -> str:
    """What somebody is called who gave no name."""
    return email.partition("@")[0] or email
