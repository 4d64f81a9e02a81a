"""What the pages of members, invitations and rules show."""

from dataclasses import dataclass

from sealdesk.web.view import Choice, Moment, Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """One member in the list."""

    href: str
    name: str
    email: str
    role: str
    state: Tag
    factors: str
    seen: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersView:
    """The list, and the form that ends what all others have open: `sessions` and `tokens` of them; it asks for the organisation's name."""

    rows: tuple[MemberRow, ...]
    text: str = ""
    first_href: str | None = None
    more_href: str | None = None
    sessions: int = 0
    tokens: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteView:
    """The form to invite somebody, with what was typed. `field` is what the error is about; `again`: they were invited before."""

    idempotency_key: str
    roles: tuple[Choice, ...]
    email: str = ""
    name: str = ""
    again: bool = False
    error: str | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A session or token of a member."""

    label: str
    kind: str
    seen: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """One member and what an admin can do.

    `myself` asks for one's own name in words, `error_in` is the form refused, `joined` is false for who was only ever invited,
    `until` is when an open invitation ends.
    """

    href: str
    name: str
    email: str
    role: str
    state: Tag
    active: bool
    invited: bool
    until: Moment | None
    verified: bool
    factors: str
    version: int
    seen: Moment | None
    roles: tuple[Choice, ...]
    sessions: tuple[OpenRow, ...]
    myself: bool
    recovery_waits: bool = False
    joined: bool
    role_value: str
    idempotency_key: str
    again_href: str
    error: str | None = None
    error_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationView:
    """The form that accepts. `known` asks for the present password, else one is chosen."""

    action: str
    organisation: str
    name: str
    email: str
    role: str
    known: bool
    least: int
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesView:
    """The two forms of rules. Versions go back as hidden fields; `focus` is the field that does not fit."""

    roles: tuple[Choice, ...]
    idle_minutes: str
    absolute_hours: str
    sign_in_version: int
    origins: str
    origins_version: int
    confirmed_minutes: int
    error: str | None = None
    origins_error: str | None = None
    focus: str = ""
