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
    "abuse.confirmed": "confirmed that this needed attention",
    "abuse.dismissed": "found that this needed no attention",
    "message.unredacted": "took back a redaction",
    "erasure.refused": "refused to erase a message",
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


_Words = Callable[[Mapping[str, Any], Names], str]
_SENTENCES: dict[str, _Words] = {
    "thread.created": lambda body, _: f"opened the conversation ({body['channel']})",
    "participant.added": lambda body, names: f"added {names(body['member'])} ({body['role']})",
    "participant.removed": lambda body, names: f"removed {names(body['member'])}",
    "ticket.created": lambda body, names: _ticket(body) + _assigned(body["assignee"], names),
    "ticket.changed": lambda body, names: "changed " + "; ".join(_change(change, names) for change in body["changes"]),
    "message.redacted": lambda body, _: (
        f"{'masked' if body['mode'] == 'mask' else 'withheld'} a message ({body['reason']})"
    ),
    "erasure.asked": lambda body, _: f"asked that a message be erased, on the basis of {_BASES[body['basis']]}",
    "abuse.flagged": lambda body, _: (
        f"flagged a {body['about']} for review ({', '.join(dict.fromkeys(rule['lexicon'] for rule in body['rules']))})"
    ),
    "content.erased": lambda body, _: f"erased content on the basis of {_BASES[body['basis']]}",
}


def phrase(type_: str, body: Mapping[str, Any], names: Names) -> str:
    """What happened. Types that have no words of their own are named as the ledger names them."""
    if type_.startswith("sla."):
        due = f", due {body['due_at'][:19].replace('T', ' ')} UTC" if body["due_at"] else ""
        return f"recorded: the {_METRICS[body['metric']]} {_SLA[type_[4:]]}{due}"
    words = _SENTENCES.get(type_)
    return words(body, names) if words else _PLAIN.get(type_, f"recorded {type_}")


def _ticket(body: Mapping[str, Any]) -> str:
    return f"made this request #{body['number']}: {body['status']}, priority {body['priority']}"


def _assigned(assignee: str | None, names: Names) -> str:
    return f", assigned to {names(assignee)}" if assignee else ""


def _change(change: Mapping[str, Any], names: Names) -> str:
    field, old, new = change["field"], change["old"], change["new"]
    if field == "assignee":
        return f"the assignee from {names(old) if old else 'nobody'} to {names(new) if new else 'nobody'}"
    return f"the {field} from {old} to {new}"
