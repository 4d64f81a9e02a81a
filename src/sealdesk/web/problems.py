"""Problem details (RFC 9457): the one shape of every error.

`type` is an absolute URI under a host that is reserved never to exist (RFC 6761, 6.4): RFC 9457, 3.1.1 warns that relative references
differ by where they are read, and the same kind of problem has to have the same name at every desk. Nothing that was sent is repeated.
"""

from http import HTTPStatus
from typing import Final

import msgspec
from asyncpg import PostgresError
from litestar.exceptions import HTTPException

from sealdesk.core.errors import BadRequest, OutsideReach, Refusal
from sealdesk.core.transactions import refusal_of
from sealdesk.web.refusals import MethodNotAllowed, Unexpected

PROBLEM_TYPE: Final = b"application/problem+json"
_KINDS: Final = "https://sealdesk.invalid/problems/"
_OURS: Final = "The fault is on our side. Give the request id when you report it."
_REGISTERED: Final = {
    # draft-ietf-httpapi-ratelimit-headers-11, 7: the type it registers for a used-up quota.
    "crowded": "https://iana.org/assignments/http-problem-types#quota-exceeded",
    "too-many-requests": "https://iana.org/assignments/http-problem-types#quota-exceeded",
}


class Violation(msgspec.Struct, frozen=True):
    """One place that does not fit: `pointer` into what was sent (RFC 6901), and a sentence that repeats none of it."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members that every problem has, as documented in the OpenAPI description."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[Violation, ...] = ()


def problem_type(slug: str) -> str:
    """The stable URI of a kind of problem."""
    return _REGISTERED.get(slug, _KINDS + slug)


def members(refusal: Refusal, request_id: str) -> dict[str, object]:
    """The problem document for `refusal`; `instance` is the request id as a URN (RFC 9562, 4)."""
    return {
        "type": problem_type(refusal.slug),
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": f"urn:uuid:{request_id}",
        **refusal.members,
    }


def encode(refusal: Refusal, request_id: str) -> bytes:
    """`members` as JSON."""
    return msgspec.json.encode(members(refusal, request_id))


def header_fields(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """The header fields that belong to `refusal`; a 401 always says how to sign in (RFC 9110, 15.5.2)."""
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in refusal.headers.items()]
    if refusal.status == HTTPStatus.UNAUTHORIZED and not any(name == b"www-authenticate" for name, _ in fields):
        fields.append((b"www-authenticate", b'Bearer realm="sealdesk"'))
    return fields


def refusal_for(error: Exception) -> Refusal:
    """What a client is told about any `error`: our refusals as they are, the router's in our words, the rest as our fault."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, PostgresError):
        error = refusal_of(error)
        return error if isinstance(error, Refusal) else Unexpected(_OURS)
    if not isinstance(error, HTTPException):
        return Unexpected(_OURS)
    match error.status_code:
        case 404:
            return OutsideReach("There is nothing here, or nothing within your reach.")
        case 405:
            allowed = (error.headers or {}).get("allow", "")
            methods = ", ".join(sorted(method.strip() for method in allowed.split(",")))
            return MethodNotAllowed(f"Methods allowed here: {methods}.", headers={"Allow": methods})
        case status if status < 500:
            return BadRequest("The request is not well formed.")
        case _:
            return Unexpected(_OURS)
