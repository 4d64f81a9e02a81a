"""Security events of the kit, with the seed's name and the OWASP logging vocabulary's."""

import traceback
from typing import Final

import structlog

from sealdesk.core.errors import Refusal
from sealdesk.web.exchange import Exchange

_log = structlog.get_logger("sealdesk.security")

_NAMES: Final = {
    "bad-origin": ("bad_origin", "malicious_csrf"),
    "bad-token": ("bad_token", "malicious_csrf"),
    "not-permitted": ("authorization_failure", "authz_fail"),
    "too-many-requests": ("rate_limit_violation", "excess_rate_limit_exceeded"),
    "unknown-field": ("bad_input", "malicious_extraneous"),
    "invalid": ("bad_input", "input_validation_fail"),
    "bad-request": ("bad_input", "input_validation_fail"),
    "too-large": ("bad_input", "input_validation_fail"),
    "conflict": ("illegal_step", "sequence_fail"),
}


def note_refusal(exchange: Exchange, refusal: Refusal) -> None:
    """One record for a refusal that an operator should see; never what was sent."""
    names = _NAMES.get(refusal.slug)
    if names is None:
        return
    actor = exchange.actor
    _log.warning(
        names[0],
        owasp=names[1],
        request_id=exchange.request_id,
        client_request_id=exchange.client_request_id,
        route=exchange.route,
        method=exchange.method,
        status=refusal.status,
        org=str(actor.org) if actor else None,
        member=str(actor.member) if actor else None,
    )


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
