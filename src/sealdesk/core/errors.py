"""What the product says no to. Each refusal becomes problem details (RFC 9457) at the edge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self
from uuid import UUID

from sealdesk.core.clock import in_words


@dataclass(frozen=True, slots=True)
class Tried:
    """At whose account something was tried: `account` is what was typed, normalised, `person` None where that is nobody's.

    `locks`: this try closed the account to browsers that are new to it. `held`: the password was right and did not do. All of it is for
    the record, after the answer; nothing of it is for the answer, which is the same for everybody.
    """

    account: str
    person: UUID | None
    locks: bool = False
    held: bool = False


class Refusal(Exception):
    """A no with a reason a person can act on.

    `status` is the HTTP status, `slug` the stable last part of the problem's `type`, `title` its summary. `detail` (else `sentence`) says
    what is so and what to do; it never echoes what was sent. `members` are further members of the problem document, `headers` further
    header fields of the answer, `way` what a person does next, in words and as an address of this desk. `tried` is for the record alone.
    """

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "Bad request"
    sentence: ClassVar[str] = ""
    way: tuple[str, str] | None = None

    def __init__(self, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: object) -> None:
        super().__init__(detail or self.sentence or self.title)
        self.detail = detail or self.sentence or self.title
        self.headers: dict[str, str] = dict(headers or {})
        self.members = members
        self.tried: Tried | None = None

    def at(self, tried: Tried) -> Self:
        """The same, put down to an account."""
        self.tried = tried
        return self

    @property
    def said(self) -> str:
        """`detail` for a page, which shows the wait itself."""
        return self.detail

    @property
    def wait(self) -> int | None:
        """Seconds until it may be tried again, where that is known."""
        seconds = self.headers.get("Retry-After", "")
        return int(seconds) if seconds.isdigit() else None


class BadRequest(Refusal):
    """The request is not well formed or names something that does not exist in the schema.

    `pointer` (RFC 6901) names the one place that does not fit; the problem then lists it in `errors`.
    """

    def __init__(
        self, detail: str = "", *, pointer: str = "", headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail, headers=headers, **members)
        if pointer:
            self.members["errors"] = [{"pointer": pointer, "detail": self.detail}]


class SignedOut(Refusal):
    """No live session or token comes with the request."""

    status = 401
    slug = "signed-out"
    title = "Sign in first"


class NotPermitted(Refusal):
    """The role may not do this, whatever the state."""

    status = 403
    slug = "not-permitted"
    title = "Not permitted"


class BadOrigin(NotPermitted):
    """The request comes from another site."""

    slug = "bad-origin"
    title = "Request from another site"


class BadToken(NotPermitted):
    """The anti-CSRF token is missing or is not this session's."""

    slug = "bad-token"
    title = "The form has expired"


class OutsideReach(Refusal):
    """No such thing, or not within reach: both answer alike."""

    status = 404
    slug = "not-found"
    title = "Not found"
    sentence = "There is nothing here, or nothing within your reach."


class StateConflict(Refusal):
    """The noun's state does not allow the verb."""

    status = 409
    slug = "conflict"
    title = "Not possible in this state"


class Stale(Refusal):
    """The expected version is not the current one (RFC 9110, 13.1.1)."""

    status = 412
    slug = "stale"
    title = "Changed in the meantime"


class TooLarge(Refusal):
    """More bytes than the route takes."""

    status = 413
    slug = "too-large"
    title = "Too large"


class UnsupportedMedia(Refusal):
    """A content type or coding that the route does not take."""

    status = 415
    slug = "unsupported-media"
    title = "Unsupported content type"


class KeyReused(Refusal):
    """An Idempotency-Key that came with another body before."""

    status = 422
    slug = "idempotency-key-reused"
    title = "Idempotency-Key was used with another request"


class PreconditionRequired(Refusal):
    """A mutation without the expected version (RFC 6585, 3)."""

    status = 428
    slug = "precondition-required"
    title = "Expected version missing"


class TooMany(Refusal):
    """A limit is used up (RFC 6585, 4). `seconds` are added to `detail` as a sentence of its own, and to the answer as `Retry-After`."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(
        self,
        detail: str = "",
        *,
        seconds: int | None = None,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        after = {} if seconds is None else {"Retry-After": str(seconds)}
        super().__init__(detail, headers={**after, **(headers or {})}, **members)
        self._said = self.detail
        if seconds is not None:
            self.detail = f"{self.detail} Try again in {in_words(seconds)}."

    @property
    def said(self) -> str:
        """`detail` without the wait."""
        return self._said


class TooManySockets(TooMany):
    """So many live sockets are open as may be at once. Whoever has many windows open has not come too often."""

    slug = "too-many-sockets"
    title = "Too many live connections"


class Overloaded(Refusal):
    """The desk can't take this now; nothing was done (RFC 9110, 15.6.4)."""

    status = 503
    slug = "overloaded"
    title = "Try again shortly"
