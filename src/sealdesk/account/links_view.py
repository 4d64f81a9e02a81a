"""What the pages of passwords, addresses and mailed links show."""

from dataclasses import dataclass

from sealdesk.web.view import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenView:
    """The form for an e-mail; `sent` once it was taken, the same for every address. `mail` is the folder of a demonstration's mail."""

    email: str = ""
    sent: bool = False
    mail: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetView:
    """The form for a new password, or that it was taken. `least` is the least number of characters; `person` is for password managers."""

    action: str
    least: int
    person: str = ""
    error: str | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class AddressLinkView:
    """The button that does what a link is for (`email`: change, `verification`, `stop`), or that it is done.

    `sign_in` is the way to sign in and back, where that has to come first; `other`: somebody else is signed in here.
    """

    action: str
    email: str
    purpose: str
    done: bool = False
    sign_in: str | None = None
    other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordView:
    """The form for another password."""

    least: int
    error: str | None = None
    field: str = ""
    done: str | None = None
    person: str = ""
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressView:
    """The present address and the form for another. `asked` is one that waits for its link to be used, `until` then."""

    email: str
    verified: bool
    asked: str = ""
    until: Moment | None = None
    held: bool = False
    typed: str = ""
    error: str | None = None
    sent: str | None = None
