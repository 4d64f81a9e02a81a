"""Where browsers say that a page broke its content security policy (Reporting API)."""

from typing import Final

import structlog

from sealdesk.core.errors import UnsupportedMedia
from sealdesk.web import caps
from sealdesk.web.exchange import Exchange
from sealdesk.web.intake import Intake
from sealdesk.web.limits import Limit
from sealdesk.web.routes import post

_KINDS: Final = (b"application/reports+json", b"application/csp-report")
_log = structlog.get_logger("sealdesk.security")


@post("/report", limit=Limit("csp-report", per_address="60/minute"), status=204, cap=16 * caps.KIB, hidden=True)
async def take_report(exchange: Exchange, intake: Intake) -> None:
    """Count a breach. What it says comes from anybody, so nothing of it is kept but that it came."""
    if not exchange.fields.get(b"content-type", b"").startswith(_KINDS):
        raise UnsupportedMedia("Reports are application/reports+json.", headers={"Accept": "application/reports+json"})
    size = len(await intake.body())
    _log.warning("csp_report", owasp="malicious_csp_violation", request_id=exchange.request_id, bytes=size)
