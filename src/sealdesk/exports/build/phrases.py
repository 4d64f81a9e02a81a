"""An entry that is no message, as half a sentence after the name of who acted."""

from collections.abc import Callable, Mapping
from typing import Any

Names = Callable[[str], str]
"""From an id to the name that the bundle knows for it."""

_PLAIN = {
    "thread.locked": "locked the conversation",
    "thread.unlocked": "unlocked the conversation",
    "thread.escalated": "escalated the conversation",
    "thread.deescalated": "took back the escalation",
    "thread.closed": "closed the conversation",
    "thread.reopened": "reopened the conversation",
    "message.unredacted": "took back a redaction",
    "hold.placed": "placed a legal hold",
    "hold.released": "released a legal hold",
}
_METRICS = {"first_response": "first response", "next_response": "next response", "resolution": "resolution"}
_SLA = {
    "due": "is due",
    "paused": "was paused",
    "resumed": "runs again",
    "warned": "is close to its limit",
    "breached": "was missed",
}
_BASES = {
    "gdpr-17-1": "a request for erasure (GDPR, Article 17)",
    "retention": "the retention period",
    "court-order": "a court order",
    "consent-withdrawn": "withdrawn consent",
}


def phrase(type_: str, body: Mapping[str, Any], names: Names) -> str:
    """What happened. Types that have no words of their own are named as the ledger names them."""
    if type_ in _PLAIN:
        return _PLAIN[type_]
    if type_.startswith("sla."):
        due = f", due {body['due_at'][:19].replace('T', ' ')} UTC" if body["due_at"] else ""
        return f"recorded: the {_METRICS[body['metric']]} {_SLA[type_[4:]]}{due}"
    match type_:
        case "thread.created":
            return f"opened the conversation ({body['channel']})"
        case "participant.added":
            return f"added {names(body['member'])} ({body['role']})"
        case "participant.removed":
            return f"removed {names(body['member'])}"
        case "ticket.created":
            return f"made this request #{body['number']}: {body['status']}, priority {body['priority']}{_assigned(body['assignee'], names)}"
        case "ticket.changed":
            return "changed " + "; ".join(_change(change, names) for change in body["changes"])
        case "message.redacted":
            return f"{'masked' if body['mode'] == 'mask' else 'withheld'} a message ({body['reason']})"
        case "content.erased":
            return f"erased content on the basis of {_BASES[body['basis']]}"
        case _:
            return f"recorded {type_}"


def _assigned(assignee: str | None, names: Names) -> str:
    return f", assigned to {names(assignee)}" if assignee else ""


def _change(change: Mapping[str, Any], names: Names) -> str:
    field, old, new = change["field"], change["old"], change["new"]
    if field == "assignee":
        return f"the assignee from {names(old) if old else 'nobody'} to {names(new) if new else 'nobody'}"
    return f"the {field} from {old} to {new}"
