"""What the sign-in pages show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Led:
    """Where a question leads.

    `next_path` is the local path to go to afterwards, `carried` a form that waits to be sent, packed, `typed` what a person wrote into it;
    `act` what they were about to do, in words that follow "to", `away` the page to go to without it.
    """

    next_path: str = "/"
    carried: str = ""
    act: str = ""
    away: str = "/"
    typed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOnView:
    """A form that waited for a question to be answered. `at_once`: scripts send it without being asked."""

    action: str
    fields: tuple[tuple[str, str], ...]
    act: str
    away: str
    typed: tuple[tuple[str, str], ...]
    at_once: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInView:
    """The e-mail and password form.

    `error` is a sentence that is the same for an unknown e-mail and a wrong password; `demo` shows where demo sign-ins are printed, `ended`
    that a session ended on the way here, `retry_after` are the seconds until one may try again.
    """

    email: str = ""
    led: Led = Led()
    error: str | None = None
    retry_after: int | None = None
    demo: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class OrganisationChoice:
    """One membership to go on with: the value of the form's `organisation` field, and how it reads."""

    organisation_id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseOrganisationView:
    """The step after the password for a person with several memberships.

    `ticket` is the opaque, short-lived proof that the password was right; it goes back as a hidden field.
    """

    person: str
    ticket: str
    choices: tuple[OrganisationChoice, ...]
    led: Led = Led()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondView:
    """The second factor after the password.

    `challenge` goes back as a hidden field; `options` is what the script asks a passkey to sign, as JSON, or empty where there is none;
    `app` says that codes of an authenticator app will do.
    """

    challenge: str
    app: bool
    options: str = ""
    led: Led = Led()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmView:
    """Showing again who one is. `second` says that a code goes with the password; the rest as in `SecondView`."""

    person: str
    challenge: str
    second: bool
    options: str = ""
    led: Led = Led()
    error: str | None = None
    retry_after: int | None = None
