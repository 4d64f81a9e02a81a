"""What is stored, counted: a refused request must leave it as it was."""

from running import RunningDesk

# Refusals, what follows from many of them, sign-ins and the clock's own entries are recorded whatever a request asks for.
_NOISE = [
    "auth.failed",
    "auth.login",
    "device.added",
    "authz.denied",
    "rate.limited",
    "suspicious.activity",
    "actor.escalated",
    "log.checkpoint",
    "log.heartbeat",
    "verify.run",
    "session.started",
]
_TABLES = (
    "org",
    "member",
    "contact",
    "thread",
    "thread_member",
    "ticket",
    "message",
    "imported",
    "idempotency",
    "export",
    "setting",
)


def stored(desk: RunningDesk) -> dict[str, int]:
    """Rows by table, versions of tickets, and the entries and sealed bodies that a request might have made."""
    counts = ", ".join(f"(select count(*) from app.{name}) as {name}" for name in _TABLES)
    (row,) = desk.sql(
        f"select {counts}, (select coalesce(sum(version), 0)::bigint from app.ticket) as versions,"
        " (select count(*) from ledger.entry where type <> all ($1)) as entries,"
        " (select count(*) from ledger.content where slot in ('subject', 'body', 'purpose', 'scope', 'reason')) as contents",
        _NOISE,
    )
    return dict(row)
