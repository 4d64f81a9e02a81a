"""The frame of a page: who looks, and the places they can go."""

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.tickets import queries
from sealdesk.unit import Reading
from sealdesk.web.pages import Page
from sealdesk.web.view import Flash, Frame, Place, PlaceGroup, Viewer

VIEWS = (
    ("waiting", "Waiting", "reply"),
    ("mine", "Mine", "inbox"),
    ("unassigned", "Unassigned", "hand"),
    ("open", "Open", "open"),
    ("all", "All", "stack"),
)


async def frame(work: Reading, page: Page, title: str, current: str, flash: Flash | None = None) -> Frame:
    """The frame for the reader; `current` is the view's name or the address of the place."""
    actor = work.actor
    elsewhere = bool(await work.value("select sec.elsewhere()"))
    portal = actor.role is Role.REQUESTER
    viewer = Viewer(actor.name, actor.org_name, str(actor.role), portal=portal, elsewhere=elsewhere)
    groups = _portal(current) if viewer.portal else await _desk(work, current)
    if actor.weak:  # all else asks for a second factor first
        groups = (PlaceGroup(None, (_account(current),)),)
    return Frame(title=title, nonce=page.nonce, csrf=page.csrf, viewer=viewer, groups=groups, flash=flash)


def bare(page: Page, title: str, actor: Actor | None = None) -> Frame:
    """The frame of a page without places: signing in, an error."""
    del actor
    return Frame(title=title, nonce=page.nonce, csrf=page.csrf)


def _portal(current: str) -> tuple[PlaceGroup, ...]:
    places = (("My requests", "/", "inbox"), ("Evidence", "/exports", "evidence"))
    links = tuple(Place(label, href, icon, href == current) for label, href, icon in places)
    return (PlaceGroup(None, (*links, _account(current))),)


def _account(current: str) -> Place:
    return Place("Account", "/account", "person", current == "/account")


async def _desk(work: Reading, current: str) -> tuple[PlaceGroup, ...]:
    counts = await queries.counts(work)

    def counted(name: str, label: str, href: str, icon: str, where: str) -> Place:
        return Place(label, href, icon, where == current, counts.get(name), counts.get(name) == queries.COUNT_TO)

    views = tuple(counted(view, label, f"/?view={view}", icon, view) for view, label, icon in VIEWS)
    organisation = (
        Place("Members", "/members", "people", current == "/members"),
        Place("Rules", "/rules", "sliders", current == "/rules"),
    )
    review = counted("review", "Review", "/review", "warn", "/review")
    watched = Place("Lexicons", "/lexicons", "book", current == "/lexicons")
    readers = work.actor.may(Permission.REFUSAL_READ)
    holders = work.actor.may(Permission.HOLD_MANAGE)
    holds = (Place("Holds", "/holds", "lock", current == "/holds"),) if holders else ()
    security = (Place("Security", "/security", "shield", current == "/security"),) if readers else ()
    return (
        PlaceGroup(None, views),
        *((PlaceGroup("Abuse", (review, watched)),) if work.actor.may(Permission.ABUSE_READ) else ()),
        *((PlaceGroup("Organisation", organisation),) if work.actor.may(Permission.MEMBER_MANAGE) else ()),
        PlaceGroup("Record", (Place("Evidence", "/exports", "evidence", current == "/exports"), *holds, *security)),
        PlaceGroup("You", (_account(current),)),
    )
