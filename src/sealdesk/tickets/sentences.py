"""Entries of a conversation that are no messages, as one sentence each."""

from collections.abc import Mapping

from sealdesk.threads.queries import Happening
from sealdesk.threads.redacted import REASONS

_CHANNELS = {
    "portal": "Opened in the portal",
    "chat": "Opened in chat",
    "email": "Opened by e-mail",
    "api": "Opened through the API",
    "import": "Imported from an earlier system",
    "widget": "Opened on a website",
}
_VERBS = {
    "thread.locked": ("Locked", "lock"),
    "thread.unlocked": ("Unlocked", "open"),
    "thread.escalated": ("Escalated", "warn"),
    "thread.deescalated": ("De-escalated", "dot"),
    "abuse.confirmed": ("Flag confirmed", "check"),
    "abuse.dismissed": ("Flag dismissed", "dot"),
    "thread.closed": ("Closed", "check"),
    "thread.reopened": ("Reopened", "open"),
    "message.redacted": ("Message redacted", "lock"),
    "message.unredacted": ("Redaction taken back", "open"),
    "hold.placed": ("Legal hold placed", "lock"),
    "hold.released": ("Legal hold released", "open"),
    "erasure.asked": ("Erasure asked for", "warn"),
    "erasure.refused": ("Erasure refused", "dot"),
    "participant.added": ("Participant added", "plus"),
    "participant.removed": ("Participant removed", "out"),
}


def sentence(happening: Happening, names: Mapping[str, str]) -> tuple[str, str]:
    """The sentence and the icon for an entry; `names` are those of members by id."""
    stored, who = happening.stored, names.get(happening.author.id, happening.author.name)
    by = f" by {who}" if happening.stored.actor_kind not in ("system", "operator") else ""
    match stored.type:
        case "thread.created":
            return f"{_CHANNELS.get(stored.body['channel'], 'Opened')}{by}", "dot"
        case "ticket.created":
            return f"Ticket #{stored.body['number']}", "dot"
        case "ticket.changed":
            return "; ".join(_change(change, names) for change in stored.body["changes"]) + by, "sliders"
        case "participant.added" | "participant.removed":
            person = names.get(stored.body["member"], "a participant")
            verb, icon = _VERBS[stored.type]
            return f"{verb.replace('Participant', person)}{by}: {happening.note}", icon
        case (
            "message.redacted"
            | "message.unredacted"
            | "hold.placed"
            | "hold.released"
            | "erasure.asked"
            | "content.erased"
        ):
            return _unread(happening, names, by)
        case "abuse.flagged":
            kinds = dict.fromkeys(rule["lexicon"] for rule in stored.body["rules"])
            return f"Flagged for review: {stored.body['about']} ({', '.join(kinds)})", "warn"
        case "thread.reopened" if stored.body["reason"] == "reply":
            return f"Reopened{by} by writing", "open"
        case _:
            verb, icon = _VERBS.get(stored.type, (stored.type.replace(".", " "), "dot"))
            reason = f": {happening.note}" if happening.note else ""
            return f"{verb}{by}{reason}", icon


def _unread(happening: Happening, names: Mapping[str, str], by: str) -> tuple[str, str]:
    """Of what keeps a message from being read, or from being destroyed."""
    stored = happening.stored
    if stored.type == "content.erased":
        asker = stored.body["asked_by"]
        asked = names.get(asker) or happening.names.get(asker, "an admin")
        basis = REASONS.get(stored.body["basis"], stored.body["basis"])
        return f"Message erased, asked for by {asked}, approved{by}: {basis}", "close"
    verb, icon = _VERBS[stored.type]
    why = stored.body["basis" if stored.type == "erasure.asked" else "reason"]
    verb = "Message masked" if stored.body.get("mode") == "mask" else verb.replace("redacted", "withheld")
    return f"{verb}{by}: {REASONS.get(why, why)}{f' ({happening.note})' if happening.note else ''}", icon


def _change(change: Mapping[str, str | None], names: Mapping[str, str]) -> str:
    field, old, new = change["field"], change["old"], change["new"]
    if field == "assignee":
        return f"Assigned to {names.get(new, 'somebody')}" if new else "Assignee removed"
    return f"{str(field).capitalize()} changed from {old} to {new}"
