"""What is known of an organisation's widget: to strangers, to its visitors, and to its admins."""

from typing import cast
from uuid import UUID

from sealdesk.access.permissions import Permission
from sealdesk.core.errors import OutsideReach
from sealdesk.ledger.seal import Sealer
from sealdesk.members.queries import admit
from sealdesk.members.rules import setting
from sealdesk.unit import Desk, Reading
from sealdesk.widget.model import Arrangement, SiteKey, Widget


async def widget_of(desk: Desk, public_id: str) -> Widget:
    """The widget of that public id. `OutsideReach` (404) where there is none, or it is switched off."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.widget($1)", public_id)
    if row is None:
        raise OutsideReach
    return Widget(public_id, row["org_id"], row["org_name"], tuple(row["origins"]))


async def site_keys(desk: Desk, org: UUID) -> dict[int, str]:
    """The keys that a site may sign with now, by number: the present one, and for a day the one before it."""
    pool = await desk.database.pool("desk_gate")
    rows = await pool.fetch("select * from sec.site_keys($1)", org)
    return {row["number"]: opened_key(desk.sealer, org, row["number"], row["sealed"]) for row in rows}


async def good_keys(work: Reading) -> tuple[SiteKey, ...]:
    """The same, as admins see them: not what they are."""
    admit(work.actor, Permission.RULES_MANAGE)
    return tuple(SiteKey(row["number"], row["until"]) for row in await work.rows("select * from sec.own_site_keys()"))


async def stored_email(desk: Desk, org: UUID, norm: str) -> str | None:
    """The address of who is known by `norm` at an organisation, member or visitor, as it is stored; None for nobody."""
    pool = await desk.database.pool("desk_gate")
    found = await pool.fetchval("select sec.visitor_email($1, $2)", org, norm)
    return found if isinstance(found, str) else None


def sealed_key(sealer: Sealer, org: UUID, number: int, key: str) -> bytes:
    """A site's key at rest: it opens for its organisation and number alone."""
    return sealer.wrap(org, key.encode(), _label(number))


def opened_key(sealer: Sealer, org: UUID, number: int, sealed: bytes) -> str:
    """The key again. Raises `Unopenable`."""
    return sealer.unwrap(org, sealed, _label(number)).decode()


def _label(number: int) -> bytes:
    return b"sealdesk/site-key/v1" + number.to_bytes(4)


async def arrangement(work: Reading) -> tuple[Arrangement, int]:
    """What the organisation's admins have set, and its version; 0 where nothing was."""
    value, version = await setting(work, "widget")
    kept = cast("dict[str, object] | None", value)
    if kept is None:
        return Arrangement(), 0
    key = cast("int", kept["key"])
    # Before keys could be ended, the last two were good.
    keys = cast("list[int]", kept.get("keys", [number for number in (key - 1, key) if number > 0]))
    return Arrangement(str(kept["id"]), kept["on"] is True, key, tuple(keys)), version


async def own_conversation(work: Reading) -> UUID | None:
    """The newest conversation that the reader began in a widget."""
    work.demand(Permission.THREAD_READ)
    found = await work.value(
        "select thread_id from app.thread where org_id = $1 and opener_id = $2 and channel = 'widget'"
        " order by created_at desc, thread_id desc limit 1",
        work.actor.org,
        work.actor.member,
    )
    return found if isinstance(found, UUID) else None
