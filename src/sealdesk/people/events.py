"""What happens to organisations and members, as facts."""

from uuid import UUID

from sealdesk.ledger.events import Event, Ref, Stream, document, text


def ledger_began(org: UUID) -> Event:
    """The first entry of a log."""
    return Event("ledger.genesis", Stream("log", org), {"epoch": 1, "previous": None})


def org_created(org: UUID, name: str) -> Event:
    """An organisation exists."""
    return Event("org.created", Stream("org", org), {}, [document("profile", {"email": None, "name": name})])


def member_added(member: UUID, role: str, name: str, email: str) -> Event:
    """A person is now a member with this role."""
    return Event(
        "member.added",
        Stream("user", member),
        {"member": str(member), "role": role},
        [document("profile", {"email": email, "name": name})],
    )


def signed_in(member: UUID, method: str, origin: dict[str, str]) -> Event:
    """A session was issued."""
    return Event("auth.login", Stream("user", member), {"method": _first(method)}, [document("origin", dict(origin))])


def signed_out(member: UUID) -> Event:
    """The member ended the session."""
    return Event("auth.logout", Stream("user", member), {})


def session_started(member: UUID, method: str) -> Event:
    """A session that was opened in another organisation goes on in this one."""
    return Event("session.started", Stream("user", member), {"method": _first(method)})


def session_rotated(member: UUID, cause: str) -> Event:
    """The session goes on under a new token."""
    return Event("session.rotated", Stream("user", member), {"cause": cause})


def session_ended(member: UUID, cause: str) -> Event:
    """The session ended here."""
    return Event("session.ended", Stream("user", member), {"cause": cause})


def _first(method: str) -> str:
    """The first factor of a method such as `password+totp`."""
    return method.partition("+")[0]


def operator_acted(
    stream: Stream, act: str, subject: UUID | None, reason: str = "", refs: tuple[Ref, ...] = ()
) -> Event:
    """Whoever runs the desk did something that no role may do."""
    slots = [text("reason", reason)] if reason else []
    return Event("operator.access", stream, {"act": act, "subject": str(subject) if subject else None}, slots, refs)


def credential_changed(member: UUID, cause: str) -> Event:
    """How the member's person signs in is another than before: `cause` is for example password, reset, email, factor_added.totp."""
    return Event("credential.changed", Stream("user", member), {"cause": cause})


def device_added(member: UUID, cause: str) -> Event:
    """A browser signed in that had not before."""
    return Event("device.added", Stream("user", member), {"cause": cause})


def session_revoked(member: UUID, cause: str) -> Event:
    """Sessions of the member were ended by somebody else, or from another place."""
    return Event("session.revoked", Stream("user", member), {"cause": cause})
