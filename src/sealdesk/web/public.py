"""The reviewed table of public routes: whatever is reached without a session or token is listed here, with its limit and the reason."""

from dataclasses import dataclass
from typing import Final, Literal

from sealdesk.web.limits import Limit


@dataclass(frozen=True, slots=True)
class PublicRoute:
    """One row.

    `csrf` says what stands in for the session-bound token on a mutation: a token bound to the `__Host-pre` cookie, or nothing, where a
    forged request would gain nothing.
    """

    path: str
    methods: frozenset[str]
    limit: Limit
    reason: str
    csrf: Literal["presession", "none"] = "none"


_GET: Final = frozenset({"GET", "HEAD"})
_POST: Final = frozenset({"POST"})
_FILES: Final = Limit("public-file", per_address="3000/minute")

PUBLIC: Final[tuple[PublicRoute, ...]] = (
    PublicRoute(
        "/sign-in", _GET, Limit("sign-in-page", per_address="120/minute"), "One signs in before one has a session."
    ),
    PublicRoute(
        "/sign-in",
        _POST,
        Limit("sign-in", per_address="20/minute"),
        "One signs in before one has a session; the token is bound to a pre-session cookie against login CSRF.",
        csrf="presession",
    ),
    PublicRoute(
        "/sign-in/organisation",
        _POST,
        Limit("sign-in-organisation", per_address="20/minute"),
        "The second step of signing in, for a person in several organisations.",
        csrf="presession",
    ),
    PublicRoute(
        "/sign-in/second",
        _POST,
        Limit("sign-in-second", per_address="30/minute"),
        "The second factor, after the password; bound to the pre-session cookie.",
        csrf="presession",
    ),
    PublicRoute(
        "/sign-in/passkey",
        _POST,
        Limit("sign-in-passkey", per_address="30/minute"),
        "Signing in with a passkey instead of a password; bound to the pre-session cookie.",
        csrf="presession",
    ),
    PublicRoute(
        "/api/v1/session/second",
        _POST,
        Limit("sign-in-second", per_address="30/minute"),
        "The second factor, after the password; it answers a challenge that only who knew the password was given.",
    ),
    PublicRoute(
        "/api/v1/session/organisation",
        _POST,
        Limit("sign-in-organisation", per_address="20/minute"),
        "The organisation, for a person in several; it answers a challenge that only who showed everything else was given.",
    ),
    PublicRoute(
        "/api/v1/session/passkey/options",
        _POST,
        Limit("passkey-options", per_address="60/minute"),
        "A challenge tells nothing; JSON from another site is refused by its Origin.",
    ),
    PublicRoute(
        "/api/v1/session/passkey",
        _POST,
        Limit("sign-in-passkey", per_address="30/minute"),
        "One signs in before one has a session; the signature names this desk's origin.",
    ),
    PublicRoute(
        "/api/v1/session",
        _POST,
        Limit("sign-in", per_address="20/minute"),
        "One signs in before one has a session; JSON from another site is refused by its Origin.",
    ),
    PublicRoute(
        "/forgotten", _GET, Limit("forgotten-page", per_address="120/minute"), "Who forgot a password has no session."
    ),
    PublicRoute(
        "/forgotten",
        _POST,
        Limit("forgotten", per_address="10/minute"),
        "Who forgot a password has no session; the answer is the same for every address.",
        csrf="presession",
    ),
    PublicRoute(
        "/api/v1/password/forgotten",
        _POST,
        Limit("forgotten", per_address="10/minute"),
        "As the form; JSON from another site is refused by its Origin.",
    ),
    PublicRoute(
        "/reset/{token:str}",
        _GET,
        Limit("reset-page", per_address="120/minute"),
        "The mailed link is the proof; looking uses nothing up.",
    ),
    PublicRoute(
        "/reset/{token:str}",
        _POST,
        Limit("reset", per_address="20/minute"),
        "The mailed link is the proof: 256 random bits, once, for 30 minutes.",
        csrf="presession",
    ),
    PublicRoute(
        "/api/v1/password/reset",
        _POST,
        Limit("reset", per_address="20/minute"),
        "As the form; the link's token is in the body.",
    ),
    PublicRoute(
        "/address/{token:str}",
        _GET,
        Limit("address-page", per_address="120/minute"),
        "The mailed link is the proof; looking uses nothing up.",
    ),
    PublicRoute(
        "/address/{token:str}",
        _POST,
        Limit("address", per_address="20/minute"),
        "The mailed link is the proof that mail to the address arrives, or stops a change; a change asks for a session as well.",
        csrf="presession",
    ),
    PublicRoute(
        "/api/v1/address",
        _POST,
        Limit("address", per_address="20/minute"),
        "As the form; the link's token is in the body.",
    ),
    PublicRoute(
        "/invitation/{token:str}",
        _GET,
        Limit("invitation-page", per_address="120/minute"),
        "The mailed link is the proof; looking uses nothing up.",
    ),
    PublicRoute(
        "/invitation/{token:str}",
        _POST,
        Limit("invitation", per_address="20/minute"),
        "Who is invited has no session yet; the mailed link is the proof, once, for 24 hours.",
        csrf="presession",
    ),
    PublicRoute(
        "/api/v1/invitation",
        _POST,
        Limit("invitation", per_address="20/minute"),
        "As the form; the link's token is in the body.",
    ),
    PublicRoute(
        "/widget.js",
        _GET,
        _FILES,
        "The script that shows the widget on an organisation's own site; the same bytes for everybody.",
    ),
    PublicRoute(
        "/widget/{widget:str}",
        _GET,
        Limit("widget-frame", per_address="240/minute"),
        "Whoever visits a site has no session here yet; browsers show it on the organisation's allowed sites alone.",
    ),
    PublicRoute(
        "/api/v1/widget/{widget:str}/code",
        _POST,
        Limit("visit-code", per_address="10/minute"),
        "A visitor has no session yet; the answer is the same for every address, and limited per address and organisation.",
    ),
    PublicRoute(
        "/api/v1/widget/{widget:str}/visit",
        _POST,
        Limit("visit-enter", per_address="30/minute"),
        "The mailed code is the proof: once, for 30 minutes, five tries, with a challenge that only the window has.",
    ),
    PublicRoute(
        "/api/v1/widget/{widget:str}/identity",
        _POST,
        Limit("visit-enter", per_address="30/minute"),
        "What the organisation's site signed is the proof: once, for five minutes.",
    ),
    PublicRoute(
        "/static/built/{name:str}", _GET, _FILES, "The look of the sign-in page; the same bytes for everybody."
    ),
    PublicRoute("/api/openapi.json", _GET, _FILES, "The description of the interface is no secret."),
    PublicRoute("/.well-known/ledger-policy", _GET, _FILES, "A verifier's policy has to be known to strangers."),
    PublicRoute("/.well-known/security.txt", _GET, _FILES, "RFC 9116: whom to tell about a weakness."),
    PublicRoute(
        "/report",
        _POST,
        Limit("csp-report", per_address="60/minute"),
        "Browsers report policy breaches; nothing is stored.",
    ),
    PublicRoute("/healthz", _GET, _FILES, "A supervisor asks whether the process answers; it learns nothing else."),
)


def find_public(table: tuple[PublicRoute, ...], path: str, method: str) -> PublicRoute | None:
    """The row for a route's template and method."""
    return next((row for row in table if row.path == path and method in row.methods), None)
