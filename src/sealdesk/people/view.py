"""What the sign-in pages show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInView:
    """The e-mail and password form.

    `next_path` is the local path to go to afterwards; `error` a sentence that is the same for an unknown e-mail and a wrong
    password; `demo` shows where demo sign-ins are printed, `ended` that a session ended on the way here,
    `retry_after` the seconds for which a locked account waits.
    """

    email: str = ""
    next_path: str = "/"
    error: str | None = None
    demo: bool = False
    ended: bool = False
    retry_after: int | None = None


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
    next_path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondView:
    """The second factor after the password.

    `challenge` goes back as a hidden field; `options` is what the script asks a passkey to sign, as JSON, or empty where there is none;
    `app` says that codes of an authenticator app will do.
    """

    challenge: str
    app: bool
    options: str = ""
    next_path: str = "/"
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmView:
    """Showing again who one is. `second` says that a code goes with the password; the rest as in `SecondView`."""

    person: str
    challenge: str
    second: bool
    options: str = ""
    next_path: str = "/"
    error: str | None = None
