"""Security events of the kit, with the seed's name and the OWASP logging vocabulary's."""

import traceback
from http import HTTPStatus
from typing import Final

import structlog

from sealdesk.core.errors import Refusal
from sealdesk.web.actor import presented
from sealdesk.web.exchange import Exchange, for_people
from sealdesk.web.origin import SAFE_METHODS

_DENIED: Final = ("authorization_failure", "authz_fail")
_log = structlog.get_logger("sealdesk.security")

_NAMES: Final = {
    "bad-origin": ("bad_origin", "malicious_csrf"),
    "bad-token": ("bad_token", "malicious_csrf"),
    "not-permitted": ("authorization_failure", "authz_fail"),
    "confirm-first": ("authorization_failure", "authz_fail"),
    "factor-needed": ("authorization_failure", "authz_fail"),
    "too-many-requests": ("rate_limit_violation", "excess_rate_limit_exceeded"),
    "crowded": ("rate_limit_violation", "excess_rate_limit_exceeded"),
    "too-many-sockets": ("rate_limit_violation", "excess_rate_limit_exceeded"),
    "unknown-field": ("bad_input", "malicious_extraneous"),
    "invalid": ("bad_input", "input_validation_fail"),
    "bad-request": ("bad_input", "input_validation_fail"),
    "too-large": ("bad_input", "input_validation_fail"),
    "conflict": ("illegal_step", "sequence_fail"),
}


def note_refusal(exchange: Exchange, refusal: Refusal) -> None:
    """One record for a refusal that an operator should see; never what was sent."""
    names = _names(exchange, refusal)
    if names is None:
        return
    actor, traced = exchange.actor or exchange.holder, exchange.traced
    about = traced if traced and traced.member else actor
    _log.warning(
        names[0],
        owasp=names[1],
        kind=refusal.slug,
        request_id=exchange.request_id,
        client_request_id=exchange.client_request_id,
        route=exchange.route,
        method=exchange.method,
        status=refusal.status,
        org=str(about.org) if about else None,
        member=str(about.member) if about else None,
        **({"account": str(traced.account), "address": str(traced.address)} if traced else {}),
    )


def is_visit(exchange: Exchange, refusal: Refusal) -> bool:
    """Whether somebody who showed nothing just looked at a page and was asked to sign in: that is no attempt at anything."""
    return (
        refusal.status == HTTPStatus.UNAUTHORIZED
        and exchange.method in SAFE_METHODS
        and for_people(exchange)
        and presented(exchange) is None
    )


def _names(exchange: Exchange, refusal: Refusal) -> tuple[str, str] | None:
    if refusal.tried is not None and refusal.tried.locks:
        return "soft_lock", "authn_login_lock"
    if refusal.status != HTTPStatus.UNAUTHORIZED:
        return _NAMES.get(refusal.slug) or (_DENIED if refusal.status == HTTPStatus.FORBIDDEN else None)
    if is_visit(exchange, refusal):
        return None
    if exchange.holder is not None and not exchange.public:
        return "dead_session", "session_use_after_expire"
    if exchange.public or presented(exchange) is not None:
        return "failed_login", "authn_login_fail"
    return _DENIED


def log_fault(event: str, exchange: Exchange, error: BaseException) -> None:
    """Where a fault of ours happened. Not its message and no variables: they may hold what a person wrote or a token."""
    _log.error(
        event,
        request_id=exchange.request_id,
        route=exchange.route,
        error=type(error).__name__,
        where=[
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-12:]
        ],
    )
