"""What admins do to members and rules, as facts."""

import json
from uuid import UUID

from sealdesk.ledger.events import Event, Ref, Stream, document, text
from sealproof.canonical import JSON


def member_invited(member: UUID, role: str, name: str, email: str) -> Event:
    """Somebody was asked to join with this role; an earlier invitation is void."""
    return Event(
        "member.invited",
        Stream("user", member),
        {"member": str(member), "role": role},
        [document("profile", {"email": email, "name": name})],
    )


def member_joined(member: UUID, role: str) -> Event:
    """The invitation was accepted."""
    return Event("member.joined", Stream("user", member), {"member": str(member), "role": role})


def role_changed(member: UUID, old: str, new: str) -> Event:
    """The member has another role."""
    return Event("role.changed", Stream("user", member), {"member": str(member), "old": old, "new": new})


def member_deactivated(member: UUID) -> Event:
    """The member may no longer enter; an open invitation is void."""
    return Event("member.deactivated", Stream("user", member), {"member": str(member)})


def member_reactivated(member: UUID) -> Event:
    """The member may enter again."""
    return Event("member.reactivated", Stream("user", member), {"member": str(member)})


def reset_asked(member: UUID) -> Event:
    """An admin had a link mailed with which the member may choose a new password."""
    return Event("reset.asked", Stream("user", member), {})


def recovery_asked(member: UUID, reason: str) -> Event:
    """An admin asked that the member's second factors, which are lost, be removed; `reason` is how they made sure who it is."""
    return Event("recovery.asked", Stream("user", member), {"member": str(member)}, [text("reason", reason)])


def recovery_approved(member: UUID, asked: Ref) -> Event:
    """A second person approved it."""
    return Event("recovery.approved", Stream("user", member), {"member": str(member)}, refs=[asked])


def recovery_refused(member: UUID, asked: Ref) -> Event:
    """A second person refused it, or who asked withdrew it."""
    return Event("recovery.refused", Stream("user", member), {"member": str(member)}, refs=[asked])


def rules_changed(org: UUID, setting: str, old: JSON, new: JSON) -> Event:
    """What the organisation's admins have set is another than before."""
    return Event(
        "config.changed",
        Stream("org", org),
        {"setting": setting},
        [text("old", written(old)), text("new", written(new))],
    )


def written(value: JSON) -> str:
    """A setting as its entry keeps it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
