"""From what the queries found to what the pages show."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core import clock
from sealdesk.core.errors import BadRequest, Refusal, TooLarge
from sealdesk.redactions.queries import Erasing, Hold, Waiting
from sealdesk.threads.queries import Message
from sealdesk.threads.redacted import REASONS
from sealdesk.web.headers import etag
from sealdesk.web.view import Choice, Moment

CODES = ("pii", "secret", "abuse", "legal", "mistake", "other")
BASES = ("gdpr-17-1", "retention", "court-order", "consent-withdrawn")
HOLD_CODES = ("litigation", "inquiry", "settled", "error", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """An erasure that waits for a second person."""

    href: str
    asker: str
    at: Moment
    basis: str
    reason: str
    version: str
    void: bool

    @classmethod
    def of(cls, found: Waiting) -> "WaitingView":
        """As pages show it."""
        return cls(
            href=f"/c/{found.thread_id}/messages/{found.message_id}/redaction",
            asker=found.asker,
            at=Moment.of(found.at, clock.now()),
            basis=REASONS[found.basis],
            reason=found.reason,
            version=etag(str(found.entry.id)),
            void=found.void,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionView:
    """One message, and what the viewer may do about it. `body` is what the viewer reads of it, `said` what stands in its place."""

    href: str
    back: str
    author: str
    at: Moment
    body: str | None
    said: str
    replacement: str
    original: bool
    state: str
    codes: tuple[Choice, ...]
    bases: tuple[Choice, ...]
    erasing: str
    waiting: WaitingView | None
    version: str
    may_redact: bool
    may_lift: bool
    may_ask: bool
    may_answer: bool
    own: bool
    key: str
    mode: str = "mask"
    text: str = ""
    note: str = ""
    reason: str = ""
    error: str | None = None
    wrong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """A legal hold."""

    id: str
    href: str
    standing: bool
    placer: str
    at: Moment
    why: str
    note: str

    @classmethod
    def of(cls, hold: Hold) -> "HoldRow":
        """As pages show it."""
        return cls(
            id=str(hold.id),
            href=f"/c/{hold.thread_id}/holds",
            standing=hold.standing,
            placer=hold.placer,
            at=Moment.of(hold.at, clock.now()),
            why=REASONS.get(hold.code, hold.code),
            note=hold.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsView:
    """The holds of a conversation, with forms; or all that stand, with what waits to be erased and the switch (`erasing`)."""

    rows: tuple[HoldRow, ...]
    codes: tuple[Choice, ...]
    key: str
    thread: str = ""
    error: str | None = None
    waiting: tuple[WaitingView, ...] = ()
    erasing: str = ""
    version: str = ""
    asker: str = ""
    may_ask: bool = False
    may_approve: bool = False
    typed: str = ""


def choices(codes: Sequence[str], chosen: str = "") -> tuple[Choice, ...]:
    """Codes with their words."""
    return tuple(Choice(code, REASONS[code].capitalize(), code == chosen) for code in codes)


def redaction(
    actor: Actor,
    message: Message,
    erasing: Erasing,
    waiting: Waiting | None,
    typed: dict[str, str],
    refusal: Refusal | None,
) -> RedactionView:
    """The page of one message; `typed` and `refusal` bring a refused attempt back. `wrong` is the field that does not fit."""
    said, gone = message.redaction, message.redaction is not None and message.redaction.state == "erased"
    asks = erasing.state == "on" and waiting is None and not gone
    return RedactionView(
        href=f"/c/{message.thread_id}/messages/{message.id}",
        back=f"/c/{message.thread_id}",
        author=message.author.name,
        at=Moment.of(message.at, clock.now()),
        body=message.body,
        said=said.sentence if said else "",
        replacement=(said.text or "") if said else "",
        original=said is not None and message.body is not None,
        state=said.state if said else "plain",
        codes=choices(CODES, typed.get("code", "")),
        bases=choices(BASES, typed.get("basis", "")),
        erasing=erasing.state,
        waiting=WaitingView.of(waiting) if waiting else None,
        version=etag(str(said.entry_id)) if said else "",
        may_redact=actor.may(Permission.MESSAGE_REDACT) and said is None,
        may_lift=actor.may(Permission.MESSAGE_REDACT) and said is not None and not gone,
        may_ask=actor.may(Permission.ERASURE_ASK) and asks,
        may_answer=actor.may(Permission.ERASURE_APPROVE) and waiting is not None and waiting.answerable(actor.member),
        own=waiting is not None and waiting.asked_by == actor.member,
        key=uuid4().hex,
        mode=typed.get("mode", "mask"),
        text=typed.get("text", ""),
        note=typed.get("note", ""),
        reason=typed.get("reason", ""),
        error=refusal.detail if refusal else None,
        wrong=_wrong(typed) if isinstance(refusal, (BadRequest, TooLarge)) else "",
    )


def _wrong(typed: dict[str, str]) -> str:
    if "basis" in typed:
        return "reason"
    return "text" if typed.get("mode") == "mask" else "note"


def holds(found: Sequence[Hold], thread: UUID, error: str | None) -> HoldsView:
    """The holds of one conversation."""
    return HoldsView(
        rows=tuple(map(HoldRow.of, found)),
        codes=choices(HOLD_CODES),
        key=uuid4().hex,
        thread=f"/c/{thread}",
        error=error,
    )


def overview(
    actor: Actor,
    found: Sequence[Hold],
    waiting: Sequence[Waiting],
    erasing: Erasing,
    asker: str,
    typed: str,
    error: str | None,
) -> HoldsView:
    """What stands and waits in the organisation."""
    return HoldsView(
        rows=tuple(map(HoldRow.of, found)),
        codes=(),
        key="",
        error=error,
        waiting=tuple(map(WaitingView.of, waiting)),
        erasing=erasing.state,
        version=f'"{erasing.version}"',
        asker=asker,
        may_ask=actor.may(Permission.ERASURE_ASK),
        may_approve=actor.may(Permission.ERASURE_APPROVE) and erasing.asked_by != actor.member,
        typed=typed,
    )
