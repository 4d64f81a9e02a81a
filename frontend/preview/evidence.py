# ruff: noqa: INP001, FBT001, FBT002, D
"""Sample exports in each of their states."""

import hostile

from people import ago
from sealdesk.exports.view import Digest, ExportRow, ExportStep, ExportsView, ExportView, Holdings, NewExportView
from sealdesk.web.view import Choice, Empty

NONE = Empty(
    "No exports yet",
    "An export turns conversations into a bundle that anyone can verify, without trusting this desk.",
    "Make the first one",
    "/exports/new",
)
HOLDS = Holdings(
    conversations=1,
    messages=14,
    notes=3,
    entries=31,
    size="412 KB",
    left_out=("3 internal notes", "addresses and devices people wrote from"),
)


def history(empty: bool = False, wild: bool = False) -> ExportsView:
    lines = (
        ("1 conversation", "Request of the consumer board, case 2026-118", "building", None, 1),
        ("525 conversations", "Yearly audit", "ready", "18.2 MB", 200),
        (
            "12 conversations, by query",
            "Data request under article 15 by Tomasz Zielinski",
            "expired",
            "1.1 MB",
            90_000,
        ),
        ("1 conversation", "Wrong scope, to be made again", "failed", None, 100_000),
    )
    rows = tuple(
        ExportRow(
            href=f"/exports/{state}",
            scope=hostile.LONG_WORD if wild else scope,
            purpose=hostile.BODIES[n] if wild else purpose,
            requested_by=hostile.ZALGO if wild else "Ada Okafor",
            at=ago(age),
            state=state,
            size=size,
        )  # type: ignore[arg-type]
        for n, (scope, purpose, state, size, age) in enumerate(lines)
    )
    return ExportsView(rows=() if empty else rows, empty=NONE, older_href="/exports?before=k")


def choose(**more: object) -> NewExportView:
    standard = {
        "idempotency_key": "k3",
        "scope": "thread",
        "thread_id": "t1",
        "thread_subject": "Refund charged twice on order 88214",
        "audiences": (
            Choice("requester", "The requester", True, "Their own messages and ours; no internal notes, no addresses"),
            Choice("auditor", "An auditor", False, "Everything, internal notes and origins too"),
        ),
        "statuses": (Choice("", "Any", True), Choice("open", "Open")),
        "priorities": (Choice("", "Any", True), Choice("urgent", "Urgent")),
    }
    return NewExportView(**(standard | more))  # type: ignore[arg-type]


def export(state: str, turn: int = 3) -> ExportView:
    labels = ("Request on record", "Content staged", "Entries and proofs written", "Sealed and checked")
    reached = {"requested": 0, "building": 2, "ready": 4, "failed": 2, "expired": 4}[state]

    def stage(n: int) -> str:
        return "done" if n < reached else ("failed" if state == "failed" else "now") if n == reached else "next"

    ready = state == "ready"
    return ExportView(
        export_id="x1",
        state=state,
        scope="1 conversation: Refund charged twice on order 88214",
        audience="The requester",  # type: ignore[arg-type]
        purpose="Request of the consumer board, case 2026-118",
        requested_by="Ada Okafor",
        at=ago(2),
        progress_href=f"/exports/{state}/progress",
        download_action=f"/exports/{state}/download",
        done=min(31, turn * 8),
        total=31 if state == "building" else 0,
        holds=HOLDS,
        steps=tuple(
            ExportStep(label, stage(n), ago(2 - n * 0.3) if n < reached else None) for n, label in enumerate(labels)
        ),  # type: ignore[arg-type]
        file_name="sealdesk-export-0192f0c1.zip" if ready else None,
        size="412 KB" if ready else None,
        expires=ago(-20_000) if ready else None,
        digests=(Digest("Bundle", "4a" * 32), Digest("Manifest", "c7" * 32), Digest("Tag manifest", "09" * 32))
        if ready
        else (),
        problem="The disk was full. Nothing was left behind, and the failure is on record. Free some space, then ask for the export again."
        if state == "failed"
        else None,
    )
