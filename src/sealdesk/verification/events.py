"""Verification, as facts."""

from sealdesk.ledger.events import Event, Stream
from sealdesk.verification.jobs import Outcome


def verification_ran(outcome: Outcome) -> Event:
    """A job looked at a log and found it whole, or found what is not."""
    body = {
        "job": outcome.job,
        "from": outcome.start,
        "to": outcome.size,
        "root": outcome.root.hex() if outcome.root else None,
        "result": "ok" if outcome.ok else "failed",
        "finding": outcome.difference.finding if outcome.difference else None,
        "duration_ms": round(outcome.seconds * 1000),
    }
    return Event("verify.run", Stream("log", outcome.org), body)
