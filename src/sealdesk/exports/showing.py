"""From what the queries found to what the pages show."""

from datetime import datetime
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core import clock
from sealdesk.core.errors import Refusal
from sealdesk.exports import audience as audiences
from sealdesk.exports import queries, view
from sealdesk.exports.model import KEEP_FOR, Export
from sealdesk.exports.queries import Shown
from sealdesk.exports.view import Digest, ExportRow, ExportState, ExportStep, ExportsView, ExportView
from sealdesk.web.paging import Before, written_key
from sealdesk.web.view import Choice, Empty, Moment

_STATES: dict[str, ExportState] = {
    "queued": "requested",
    "building": "building",
    "built": "ready",
    "failed": "failed",
    "expired": "expired",
}
_AUDIENCES = {
    Role.REQUESTER: ("The requester", "Public messages only"),
    Role.AGENT: ("Agents", "Internal notes and origins too"),
    Role.ADMIN: ("Admins", "Internal notes and origins too"),
    Role.AUDITOR: ("Auditors", "Internal notes and origins too"),
}
_PROBLEMS = {
    "ledger.not_sealed": "The ledger could not be sealed in time, so nothing would prove the bundle. Ask the operator.",
    "content.mismatch": "Stored content is not what was recorded. The operator has been told; the bundle is not built from it.",
    "content.missing": "Stored content is gone and nothing on record says why. The operator has been told.",
}
_EMPTY = Empty(
    "No bundles yet", "Ask for one, and whoever gets it can check it without this desk.", "New export", "/exports/new"
)


def size_of(count: int) -> str:
    """Bytes as people read them; KB are 1,024 bytes here as everywhere in the desk."""
    amount, unit = float(count), "bytes"
    for larger in ("KB", "MB", "GB", "TB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:,.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"


def history(found: list[Shown], older: Before | None) -> ExportsView:
    """The list of exports."""
    now = clock.now()
    rows = tuple(
        ExportRow(
            href=f"/exports/{shown.export.id}",
            scope=shown.scope,
            purpose=shown.purpose,
            requested_by=shown.requester,
            at=Moment.of(shown.export.requested_at, now),
            state=_STATES[shown.export.state],
            size=size_of(shown.export.zip_bytes) if shown.export.zip_bytes else None,
        )
        for shown in found
    )
    return ExportsView(rows=rows, empty=_EMPTY, older_href=f"/exports?before={written_key(older)}" if older else None)


def export(shown: Shown, refused: Refusal | None) -> ExportView:
    """One export; `refused` is why its reader gets no bundle that is there."""
    found, now = shown.export, clock.now()
    ready = found.state == "built"
    digests = found.digests
    return ExportView(
        export_id=str(found.id),
        state=_STATES[found.state],
        scope=shown.scope,
        audience=_AUDIENCES[Role(found.audience)][0],
        purpose=shown.purpose,
        requested_by=shown.requester,
        at=Moment.of(found.requested_at, now),
        steps=_steps(found, now),
        progress_href=f"/exports/{found.id}/progress",
        download_action=f"/exports/{found.id}/bundle",
        done=found.done,
        total=found.total,
        file_name=f"{found.id}.zip" if ready else None,
        size=size_of(found.zip_bytes) if ready and found.zip_bytes else None,
        digests=(
            Digest("Bundle", digests.zip_sha256),
            Digest("Manifest", digests.manifest_sha256),
            Digest("Tag manifest", digests.tagmanifest_sha256),
        )
        if digests
        else (),
        expires=Moment.of(found.finished_at + KEEP_FOR, now) if ready and found.finished_at else None,
        problem=_problem(found, refused),
    )


def _problem(found: Export, refused: Refusal | None) -> str | None:
    if found.failure:
        return _PROBLEMS.get(found.failure, "The bundle could not be built. Ask for it again.")
    return refused.detail if refused and found.state in ("built", "expired") else None


def holdings(found: queries.Holdings) -> view.Holdings:
    """What a bundle would hold."""
    return view.Holdings(
        conversations=found.conversations,
        messages=found.messages,
        notes=found.notes,
        entries=found.entries,
        # Proofs, digests and the copies for readers come on top of what is recorded.
        size=size_of(found.record_bytes * 2 + found.entries * 1500 + (220 << 10)),
        left_out=found.left_out,
    )


def audience_choices(actor: Actor, chosen: str) -> tuple[Choice, ...]:
    """Who may be named as reader by this member."""
    offered = audiences.audiences(actor)
    return tuple(
        Choice(
            str(role), _AUDIENCES[role][0], chosen=str(role) == (chosen or str(offered[0])), hint=_AUDIENCES[role][1]
        )
        for role in offered
    )


def choices(values: tuple[str, ...], chosen: str) -> tuple[Choice, ...]:
    """A select whose first choice is any."""
    return (Choice("", "Any", not chosen), *(Choice(value, value.capitalize(), value == chosen) for value in values))


def may_query(actor: Actor) -> bool:
    """Whether queries over the organisation are offered."""
    return actor.may(Permission.EXPORT_ANY)


def path_of(export_id: UUID) -> str:
    """The page of an export."""
    return f"/exports/{export_id}"


def _steps(found: Export, now: datetime) -> tuple[ExportStep, ...]:
    asked = ExportStep("Request on record", "done", Moment.of(found.requested_at, now))
    finished = Moment.of(found.finished_at, now) if found.finished_at else None
    match found.state:
        case "queued":
            return (
                asked,
                ExportStep("Waiting for the seal and its turn", "now"),
                ExportStep("Building", "next"),
                ExportStep("Ready", "next"),
            )
        case "building":
            return asked, ExportStep("Building", "now"), ExportStep("Ready", "next")
        case "failed":
            return asked, ExportStep("Not built", "failed", finished)
        case "expired":
            return asked, ExportStep("Built and sealed", "done", finished), ExportStep("No longer kept", "done")
        case _:
            return asked, ExportStep("Built and sealed", "done", finished)
