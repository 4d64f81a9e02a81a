"""A visit: by a mailed code or by what a site signed, a conversation, and the end of it."""

import hmac
import json
import math
from hashlib import sha256
from typing import Final
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core import clock
from sealdesk.core.counters import Hit
from sealdesk.core.errors import BadRequest, SignedOut, StateConflict, TooMany, Tried
from sealdesk.core.ids import new_id
from sealdesk.ledger.events import Stream
from sealdesk.people import events, guard
from sealdesk.people.commands import answered
from sealdesk.people.emails import checked_email, normalise_email
from sealdesk.people.names import checked_name
from sealdesk.people.outbox import Mail, sealed
from sealdesk.people.sessions import Visit
from sealdesk.threads import queries as conversations
from sealdesk.threads.events import Origin
from sealdesk.threads.model import Draft
from sealdesk.tickets.commands import open_in
from sealdesk.unit import Desk, Key
from sealdesk.web.limits import address_bucket
from sealdesk.web.tokens import new_token, token_hash
from sealdesk.widget import queries
from sealdesk.widget.identity import Unsigned, audience, read_identity
from sealdesk.widget.model import (
    CODE_LIFE,
    IDLE,
    MOST,
    SUBJECT,
    Guest,
    Visiting,
    Widget,
    grouped,
    name_of,
    new_code,
    new_visit,
    plain_code,
)

HOUR: Final = 3600
ASKED: Final = (5, 20, 300)
"""Codes asked for in an hour: for one e-mail address at an organisation from one place, from everywhere, and at the organisation in all."""
TRIED: Final = 20
"""Codes tried in an hour for one e-mail address at one organisation. Who burns them takes no other way in from its owner."""
SIGNED: Final = 120
"""Visits in an hour by a site's word for one e-mail address: some browsers need one for each page."""
WRONG: Final = "That code is not right, or it is over. Ask for a new one."
NOT_SIGNED: Final = "The site did not say who you are in a way that can be trusted. Ask for a code instead."
METHOD: Final = "visitor"

log = structlog.get_logger("security")


async def ask_code(desk: Desk, widget: Widget, email: str, name: str, address: str = "local") -> str:
    """Have a code mailed to whoever may visit; gives the challenge that it answers, the same for every address.

    `address` is where it is asked from. The mail goes to who is known here by the address, as they are stored: who types it another way
    is not who gets it.

    `BadRequest` for what is no address or name, `TooMany` (429) for known and unknown addresses alike.
    """
    norm = normalise_email(email)
    called = checked_name(name) if name.strip() else name_of(norm)
    asked, place = f"visit/asked/{widget.org}", address_bucket(address)
    await _count(desk, norm, (f"{asked}/{norm}/{place}", ASKED[0]), (f"{asked}/{norm}", ASKED[1]), (asked, ASKED[2]))
    challenge, code = new_token(), new_code()
    to = await queries.stored_email(desk, widget.org, norm) or checked_email(email)
    data = {"email": to, "norm": norm, "name": called, "code": _mac(challenge, code).hex()}
    mail = Mail(to, "visit", {"organisation": widget.org_name, "code": grouped(code)})
    pool = await desk.database.pool("desk_gate")
    await pool.execute(
        "select sec.ask_visit($1, $2, $3, $4, $5, $6, $7, $8)",
        token_hash(challenge),
        widget.org,
        norm,
        _bound(widget.org),
        json.dumps(data).encode(),
        CODE_LIFE,
        *sealed(desk.sealer, mail),
    )
    return challenge


async def enter_by_code(desk: Desk, widget: Widget, challenge: str, code: str, visit: Visit) -> Visiting:
    """Let in who read the code. `SignedOut` (401) for a wrong, used or old one, another organisation's, and whoever may not visit."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.attempt($1, 'visit', $2)", token_hash(challenge), _bound(widget.org))
    if row is None:
        raise SignedOut(WRONG).at(Tried(f"visit/{widget.org}", None))
    data = json.loads(row["data"])
    tried = Tried(data["norm"], None)
    await _count(desk, data["norm"], (f"visit/tried/{widget.org}/{data['norm']}", TRIED))
    right = hmac.compare_digest(_mac(challenge, plain_code(code)), bytes.fromhex(data["code"]))
    if not right or not await answered(desk, challenge):
        raise SignedOut(WRONG).at(tried)
    return await _open(desk, widget, Guest(data["email"], data["norm"], data["name"], mailed=True), visit, WRONG)


async def enter_by_identity(desk: Desk, widget: Widget, token: str, visit: Visit) -> Visiting:
    """Let in whom the organisation's site signed for, once. `SignedOut` (401) with one answer for every cause; the log says which."""
    nobody = Tried(f"visit/{widget.org}", None)
    try:
        keys = await queries.site_keys(desk, widget.org)
        told = read_identity(token, keys, audience(desk.ledger_name, widget.id))
        guest = Guest(checked_email(told.email), normalise_email(told.email), checked_name(told.name), key=told.key)
    except (Unsigned, BadRequest) as refused:
        why = refused.why if isinstance(refused, Unsigned) else "claims"
        log.warning("identity_refused", owasp="authn_login_fail", org=str(widget.org), reason=why)
        raise SignedOut(NOT_SIGNED).at(nobody) from None
    await _count(desk, guest.norm, (f"visit/signed/{widget.org}/{guest.norm}", SIGNED))
    pool = await desk.database.pool("desk_gate")
    once = sha256(told.nonce.encode()).digest()
    # Until it is over by everybody's clock; by then its `exp` refuses it.
    if not await pool.fetchval(
        "select sec.use_site_nonce($1, $2, to_timestamp($3))", widget.org, once, told.until + 60
    ):
        log.warning("identity_refused", owasp="authn_token_reuse", org=str(widget.org), reason="used")
        raise SignedOut(NOT_SIGNED).at(Tried(guest.norm, None))
    return await _open(desk, widget, guest, visit, NOT_SIGNED)


async def leave(desk: Desk, actor: Actor) -> None:
    """End the visit that the actor makes; any other session stays as it is."""
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.THREAD_READ)
        await change.lock(Stream("user", actor.member))
        if await change.value("select sec.end_visit($1)", actor.session_hash):
            change.record(events.session_ended(actor.member, "left"))
        else:
            change.nothing()


async def begin_conversation(desk: Desk, actor: Actor, body: str, *, key: Key, origin: Origin) -> UUID:
    """A conversation in the widget, with a ticket on it; gives its id. A repeat with the same key gives the first one's.

    Raises `StateConflict` (409) for whoever has one, and be it since a moment ago, from another window.
    """
    async with desk.change(actor, key) as change:
        if change.replay:
            return await conversations.thread_of_entry(change, change.replay)
        change.demand(Permission.THREAD_OPEN)
        await change.lock(Stream("user", actor.member))  # of two windows at once, one comes second
        if await queries.own_conversation(change):
            raise StateConflict("You have a conversation here already: write there.")
        return await open_in(change, SUBJECT, Draft(body), "widget", origin)


async def _open(desk: Desk, widget: Widget, guest: Guest, visit: Visit, refused: str) -> Visiting:
    try:
        return await _open_once(desk, widget, guest, visit, refused)
    except _Overtaken:
        # Somebody came by the same address in the same instant, and is a member by now.
        return await _open_once(desk, widget, guest, visit, refused)


class _Overtaken(SignedOut):
    """Of two first visits at once this one came second."""


async def _open_once(desk: Desk, widget: Widget, guest: Guest, visit: Visit, refused: str) -> Visiting:
    token, pool = new_visit(), await desk.database.pool("desk_gate")
    row = await pool.fetchrow(
        "select * from sec.announce_visit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        token_hash(token),
        widget.org,
        guest.email,
        guest.norm,
        guest.name,
        new_id(),
        new_id(),
        IDLE,
        MOST,
        METHOD,
        visit.label,
        guest.key,
    )
    # A code that went elsewhere than to the mail of whoever is known by this address opens nothing.
    known = await queries.stored_email(desk, widget.org, guest.norm) if guest.mailed else None
    if row is None or known not in (None, guest.email):
        raise SignedOut(refused).at(Tried(guest.norm, None))
    actor = Actor(token_hash(token), widget.org, row["member_id"], Role.REQUESTER, METHOD, row["name"], widget.org_name)
    if not await _begin(desk, actor, guest, fresh=row["fresh"]):
        raise (_Overtaken if row["fresh"] else SignedOut)(refused).at(Tried(guest.norm, None))
    log.info("login", owasp="authn_login_success", org=str(widget.org), member=str(actor.member), method=METHOD)
    await guard.issued(desk.counters, widget.org, METHOD)
    return Visiting(token, actor.member, row["name"], int(MOST.total_seconds()))


async def _begin(desk: Desk, actor: Actor, guest: Guest, *, fresh: bool) -> bool:
    """Killed before this stands, there is neither a visit nor a newcomer, and nobody has the token. False for who may not any more."""
    try:
        async with desk.change(actor, paced=False) as change:
            change.demand(Permission.THREAD_READ)
            await change.lock(Stream("user", actor.member))
            await change.value("select sec.open_visit($1)", actor.session_hash)
            if fresh:
                change.record(events.member_added(actor.member, str(Role.REQUESTER), guest.name, guest.email))
            change.record(events.session_started(actor.member, METHOD))
    except SignedOut:
        return False
    return True


async def _count(desk: Desk, norm: str, *most: tuple[str, int]) -> None:
    """Count a try, over all processes, by what it is counted by and how many that may be in an hour. Raises `TooMany`.

    A count that is full takes no other with it: whoever goes on asking for one address uses up nobody else's.
    """
    for name, limit in most:
        (count,) = await desk.counters.hit(Hit(name, HOUR), durable=True)
        if count.number > limit:
            seconds = max(1, math.ceil((count.until - clock.now()).total_seconds()))
            raise TooMany("Too many tries.", seconds=seconds).at(Tried(norm, None))


def _bound(org: UUID) -> bytes:
    """A code is good at the organisation that it was asked for."""
    return sha256(b"sealdesk/visit/v1" + org.bytes).digest()


def _mac(challenge: str, code: str) -> bytes:
    """What is stored of a code: without the challenge, which only the window has, it tells nothing."""
    return hmac.digest(challenge.encode(), code.encode(), "sha256")
