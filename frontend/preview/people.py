# ruff: noqa: INP001, D
"""Frames and moments of the preview: who looks, and the places they see."""

from datetime import UTC, datetime, timedelta

from sealdesk.web.view import Flash, Frame, Moment, Place, PlaceGroup, Viewer

NOW = datetime.now(UTC).replace(hour=14, minute=20, second=7, microsecond=0)


def ago(minutes: float) -> Moment:
    return Moment.of(NOW - timedelta(minutes=minutes), NOW)


def agent_frame(
    title: str, nonce: str, at: str = "/", flash: Flash | None = None, organisation: str = "Northwind Care"
) -> Frame:
    views = (
        ("Mine", "/", "inbox", 12),
        ("Unassigned", "/?view=unassigned", "hand", 7),
        ("Open", "/?view=open", "open", 164),
        ("All", "/?view=all", "stack", 1211),
    )
    return Frame(
        title=title,
        nonce=nonce,
        csrf="c" * 43,
        viewer=Viewer("Ada Okafor", organisation, "agent"),
        groups=(
            PlaceGroup(None, tuple(Place(label, href, icon, href == at, count) for label, href, icon, count in views)),
            PlaceGroup("Record", (Place("Evidence", "/exports", "evidence", at == "/exports"),)),
        ),
        flash=flash,
    )


def portal_frame(title: str, nonce: str, at: str = "/portal", flash: Flash | None = None) -> Frame:
    places = (
        Place("My requests", "/portal", "inbox", at == "/portal"),
        Place("Evidence", "/exports", "evidence", at == "/exports"),
    )
    return Frame(
        title=title,
        nonce=nonce,
        csrf="c" * 43,
        viewer=Viewer("customer-0042", "Northwind Care", "requester", portal=True),
        groups=(PlaceGroup(None, places),),
        flash=flash,
    )
