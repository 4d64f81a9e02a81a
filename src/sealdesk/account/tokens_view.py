"""What the page of API tokens shows."""

from dataclasses import dataclass

from sealdesk.access.permissions import Permission
from sealdesk.account.reminders import EARLY
from sealdesk.account.tokens_queries import Token
from sealdesk.core import clock
from sealdesk.web.view import Choice, Moment

LABELS = {
    Permission.THREAD_OPEN: "Open conversations",
    Permission.THREAD_READ: "Read conversations",
    Permission.MESSAGE_POST: "Post messages",
    Permission.NOTE_POST: "Write internal notes",
    Permission.THREAD_STATE: "Lock, close and escalate conversations, and the reverse",
    Permission.THREAD_REOPEN: "Open closed conversations again",
    Permission.PARTICIPANT_MANAGE: "Add and remove participants",
    Permission.NOTE_READ: "Read internal notes",
    Permission.MESSAGE_REDACT: "Redact messages, and take redactions back",
    Permission.ORIGINAL_READ: "Read originals of redacted messages",
    Permission.HOLD_MANAGE: "Place and release legal holds",
    Permission.TICKET_WORK: "Change status, priority and assignee",
    Permission.MEMBER_LIST: "List members",
    Permission.EXPORT_REQUEST: "Ask for exports",
    Permission.EXPORT_ANY: "Reach every export",
    Permission.EXPORT_READ: "Read and download exports",
    Permission.LEDGER_READ: "Read receipts and checkpoints",
    Permission.LEDGER_AUDIT: "Audit the ledger",
    Permission.REFUSAL_READ: "Read what was refused",
    Permission.ABUSE_READ: "Read what was flagged, and what is looked for",
    Permission.ABUSE_REVIEW: "Confirm and dismiss what was flagged",
    Permission.LEXICON_MANAGE: "Change what is looked for",
    Permission.API_LIST: "List the organisation's tokens",
}
LIVES = ((1, "1 day"), (7, "7 days"), (30, "30 days"), (90, "90 days"), (180, "180 days"), (365, "1 year"))


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One live token."""

    id: str
    name: str
    hint: str
    permissions: str
    issued: Moment
    used: Moment | None
    expires: Moment
    soon: bool
    owner: str

    @classmethod
    def of(cls, token: Token) -> "TokenRow":
        """As the page shows it."""
        now = clock.now()
        said = ", ".join(LABELS[Permission(each)] for each in token.permissions if each in set(LABELS))
        return cls(
            str(token.id),
            token.name,
            token.hint,
            said,
            Moment.of(token.issued_at, now),
            Moment.of(token.used_at, now) if token.used_at else None,
            Moment.of(token.expires_at, now),
            token.expires_at - now <= min(EARLY, (token.expires_at - token.issued_at) / 2),
            token.owner,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensView:
    """The list, the form as it was typed, and the token that was just made: shown this once. `field` is what the error is about."""

    rows: tuple[TokenRow, ...]
    others: tuple[TokenRow, ...] | None
    boxes: tuple[Choice, ...]
    lives: tuple[Choice, ...]
    idempotency_key: str
    name: str = ""
    made: str | None = None
    error: str | None = None
    field: str = ""
