"""What the pages of one's own account show."""

from dataclasses import dataclass

from sealdesk.web.view import Moment


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One session. `how` is the way it was opened, in words; the current one can't be ended here, but signed out.

    `held` is until when it is held back, because it was opened in a new browser after wrong passwords.
    """

    session_id: str
    label: str
    how: str
    organisation: str
    began: Moment
    seen: Moment
    current: bool
    held: Moment | None = None


@dataclass(frozen=True, slots=True)
class BrowserRow:
    """One browser that is known."""

    label: str
    first: Moment
    seen: Moment
    current: bool


@dataclass(frozen=True, slots=True)
class FactorRow:
    """One second factor; `used` is None where it never was."""

    factor_id: str
    kind: str
    name: str
    added: Moment
    used: Moment | None


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """Another organisation to work in."""

    organisation_id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """The account page; `tokens` is how many API tokens there are.

    `needed`: a second factor is asked for, and nothing else works until there is one. `held`: see `DeviceRow`.
    """

    email: str
    devices: tuple[DeviceRow, ...]
    factors: tuple[FactorRow, ...]
    codes_left: int
    browsers: tuple[BrowserRow, ...]
    tokens: int
    organisations: tuple[OrganisationRow, ...]
    needed: bool = False
    held: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpView:
    """Setting up an app: `qr` is the path of the QR code in a square of `side` modules, `seed` the same as text in groups of four."""

    challenge: str
    seed: str
    uri: str
    qr: str
    side: int
    name: str = "Authenticator app"
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyView:
    """Adding a passkey: `options` is what the script asks for, as JSON."""

    challenge: str
    options: str
    name: str = "Passkey"
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesView:
    """Recovery codes, this once. `added` names the factor that they came with, `first` says that it is the only one."""

    codes: tuple[str, ...]
    added: str | None = None
    first: bool = False
