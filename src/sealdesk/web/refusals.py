"""Refusals that only HTTP knows. The rest are in `core.errors`."""

from sealdesk.core.errors import BadRequest, Refusal


class Invalid(BadRequest):
    """The content is well formed but does not fit the schema; `errors` names each place by JSON pointer (RFC 6901)."""

    slug = "invalid"
    title = "The request does not fit the schema"


class UnknownField(Invalid):
    """A field that the schema does not have: a claim that the server decides on, or a newer client."""

    slug = "unknown-field"
    title = "The request has a field that is not known"


class MethodNotAllowed(Refusal):
    """The resource does not know the method (RFC 9110, 15.5.6); the answer carries `Allow`."""

    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"


class TooSlow(Refusal):
    """The request did not arrive within its deadline (RFC 9110, 15.5.9)."""

    status = 408
    slug = "too-slow"
    title = "The request took too long to arrive"


class TargetTooLong(Refusal):
    """Path or query are longer than any of ours (RFC 9110, 15.5.15)."""

    status = 414
    slug = "target-too-long"
    title = "The address is too long"


class Misdirected(Refusal):
    """The Host is not one of this desk's (RFC 9110, 15.5.20)."""

    status = 421
    slug = "misdirected"
    title = "Not served here"


class UpgradeRequired(Refusal):
    """The address speaks another protocol (RFC 9110, 15.5.22; RFC 6455, 4.4)."""

    status = 426
    slug = "upgrade-required"
    title = "Another protocol is spoken here"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"Upgrade": "websocket", "Sec-WebSocket-Version": "13"})


class FieldsTooLarge(Refusal):
    """More header fields or bytes of them than taken (RFC 6585, 5)."""

    status = 431
    slug = "header-fields-too-large"
    title = "Header fields too large"


class Unexpected(Refusal):
    """A fault of ours. What happened is in the log under the request id, never in the answer."""

    status = 500
    slug = "unexpected"
    title = "Something went wrong on our side"
