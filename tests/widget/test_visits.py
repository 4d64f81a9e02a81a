"""Visits: who is let in, by what, what they may do, and what of it is on record."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import GRANTS, OF_VISITORS, Permission, Role
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, SignedOut, TooMany
from sealdesk.ledger.fsck import fsck
from sealdesk.members import commands as members
from sealdesk.members.commands import Wanted
from sealdesk.members.rules import SignInRules, set_sign_in_rules
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft
from sealdesk.unit import Key
from sealdesk.verification.terminal import with_state
from sealdesk.web.tokens import token_hash
from sealdesk.widget import commands, queries, switching
from sealdesk.widget.model import SUBJECT, Visiting
from sites import VISIT, Site, encoded, mails, signed, switched_on
from world import World

WHERE = {"address": "192.0.2.1", "agent": "test", "session": "test"}


async def actor_of(world: World, visiting: Visiting) -> Actor:
    actor = await world.desk.peek(token_hash(visiting.token))
    assert actor is not None
    return actor


async def by_code(world: World, site: Site, email: str, name: str = "") -> Visiting:
    challenge = await commands.ask_code(world.desk, site.widget, email, name)
    code = (await mails(world))[-1].data["code"]
    return await commands.enter_by_code(world.desk, site.widget, challenge, f" {code.lower()} ", VISIT)


async def entries(world: World, org: UUID) -> list[dict[str, Any]]:
    superuser = await world.superuser()
    rows = await superuser.fetch("select entry from ledger.entry where org_id = $1 order by qid", org)
    await superuser.close()
    return [json.loads(row["entry"]) for row in rows]


async def test_it_works(world: World) -> None:
    """A code, a conversation, an answer; the record says visitor, and stands up to a check of everything."""
    site = await switched_on(world, world.acme)
    before = len(await entries(world, world.acme.org))
    visiting = await by_code(world, site, " Vera@Visitor.test ", "Vera")
    actor = await actor_of(world, visiting)
    assert (actor.role, actor.kind, actor.name, actor.org) == (Role.REQUESTER, "visitor", "Vera", world.acme.org)
    key = Key.of("POST /x", "k1", b"hello")
    thread = await commands.begin_conversation(world.desk, actor, "Where is\nmy parcel?", key=key, origin=WHERE)
    assert thread == await commands.begin_conversation(world.desk, actor, "Where is\nmy parcel?", key=key, origin=WHERE)
    said = Key.of("POST /y", "k2", b"there")
    await threads.post_message(world.desk, actor, thread, Draft("It is late."), key=said, origin=WHERE)
    await threads.post_message(world.desk, world.acme.agent, thread, Draft("I look."), key=None, origin=WHERE)
    async with world.desk.read(actor) as work:
        assert await queries.own_conversation(work) == thread
    await commands.leave(world.desk, actor)
    assert await world.desk.peek(actor.session_hash) is None
    told = (await entries(world, world.acme.org))[before:]
    assert [(each["type"], each["actor"]["kind"]) for each in told] == [
        ("member.added", "visitor"),
        ("session.started", "visitor"),
        ("thread.created", "visitor"),
        ("message.posted", "visitor"),
        ("ticket.created", "visitor"),
        ("message.posted", "visitor"),
        ("message.posted", "agent"),
        ("session.ended", "visitor"),
    ]
    commits = [bytes.fromhex(slot["commit"]) for each in told for slot in each["content"] if slot["slot"] != "body"]
    async with world.desk.read(world.acme.auditor) as work:
        beside = b" ".join(each.content for each in (await work.open(commits)).values())
    # What is written stands in bodies alone: nothing else that is kept of it would be redacted or erased.
    assert SUBJECT.encode() in beside
    assert not [word for word in (b"parcel", b"late", b"look") if word in beside]
    assert {each["actor"]["id"] for each in told if each["actor"]["kind"] == "visitor"} == {str(actor.member)}
    await world.seal()
    report = await fsck(world.desk.database, world.signer, sealer=world.desk.sealer)
    assert list((await with_state(world.desk.database, report, None)).differences()) == []


async def test_whoever_comes_again_is_the_same_member(world: World) -> None:
    site = await switched_on(world, world.acme)
    first = await actor_of(world, await by_code(world, site, "vera@visitor.test"))
    signed_for = await commands.enter_by_identity(world.desk, site.widget, site.token("VERA@visitor.test"), VISIT)
    again = await actor_of(world, signed_for)
    assert first.member == again.member
    assert again.name == "vera"
    requester = await by_code(world, site, "requester@acme.test")
    assert (await actor_of(world, requester)).member == world.acme.requester.member


async def test_a_visit_may_hold_a_conversation_and_nothing_else(world: World) -> None:
    site = await switched_on(world, world.acme)
    actor = await actor_of(world, await by_code(world, site, "requester@acme.test"))
    assert {each for each in Permission if actor.may(each)} == OF_VISITORS
    assert GRANTS[Role.REQUESTER] >= OF_VISITORS
    with pytest.raises(NotPermitted):
        actor.demand(Permission.EXPORT_REQUEST)
    theirs = await threads.open_thread(
        world.desk, world.acme.stranger, "Mine", Draft("Not yours"), "api", key=None, origin=None
    )
    with pytest.raises(OutsideReach):
        await threads.post_message(world.desk, actor, theirs, Draft("x"), key=Key.of("r", "k", b""), origin=None)


async def test_first_visits_at_once_make_one_member(world: World) -> None:
    site = await switched_on(world, world.acme)
    words = [site.token("crowd@visitor.test") for _ in range(6)]
    came = await asyncio.gather(*(commands.enter_by_identity(world.desk, site.widget, each, VISIT) for each in words))
    assert len({(await actor_of(world, each)).member for each in came}) == 1
    added = [each for each in await entries(world, world.acme.org) if each["type"] == "member.added"]
    assert [each["actor"]["kind"] for each in added].count("visitor") == 1


async def test_nobody_becomes_a_member_elsewhere_by_a_sites_word(world: World) -> None:
    """The address of somebody in another organisation: they are told of no new membership, and it is not the person who signs in."""
    site = await switched_on(world, world.acme)
    actor = await actor_of(
        world, await commands.enter_by_identity(world.desk, site.widget, site.token("agent@globex.test"), VISIT)
    )
    superuser = await world.superuser()
    rows = await superuser.fetch(
        "select m.org_id from app.member m join app.member n using (person_id) where n.member_id = any ($1)",
        [world.globex.agent.member, actor.member],
    )
    await superuser.close()
    assert sorted(row["org_id"] for row in rows) == sorted([world.globex.org, world.acme.org])


@pytest.mark.parametrize("role", ["agent", "admin", "auditor"])
async def test_no_address_of_staff_is_let_in(world: World, role: str) -> None:
    """Known, unknown and staff: the same answer to who asks; staff are mailed nothing, and no site speaks for them."""
    site = await switched_on(world, world.acme)
    email = f"{role}@acme.test"
    challenge = await commands.ask_code(world.desk, site.widget, email, "")
    assert len(challenge) == len(await commands.ask_code(world.desk, site.widget, "nobody@new.test", ""))
    assert [mail.to for mail in await mails(world)] == ["nobody@new.test"]
    with pytest.raises(SignedOut):
        await commands.enter_by_identity(world.desk, site.widget, site.token(email), VISIT)


async def test_who_becomes_staff_visits_no_longer(world: World) -> None:
    site = await switched_on(world, world.acme)
    actor = await actor_of(world, await by_code(world, site, "stranger@acme.test"))
    superuser = await world.superuser()
    await superuser.execute("update app.member set role = 'agent' where member_id = $1", actor.member)
    await superuser.close()
    assert await world.desk.peek(actor.session_hash) is None
    with pytest.raises(SignedOut):
        async with world.desk.read(actor):
            pass


async def test_whoever_was_put_out_stays_out(world: World) -> None:
    site = await switched_on(world, world.acme)
    actor = await actor_of(world, await by_code(world, site, "vera@visitor.test"))
    await members.change_member(world.desk, world.acme.admin, actor.member, Wanted(active=False), lambda _: None)
    assert await world.desk.peek(actor.session_hash) is None
    with pytest.raises(SignedOut):
        await commands.enter_by_identity(world.desk, site.widget, site.token(), VISIT)
    assert len(await mails(world)) == 1 + 1  # the code, and the notice that access has ended
    await commands.ask_code(world.desk, site.widget, "vera@visitor.test", "")
    assert len(await mails(world)) == 2


async def test_an_admin_ends_visits_and_the_person_sees_them(world: World) -> None:
    site = await switched_on(world, world.acme)
    actor = await actor_of(world, await by_code(world, site, "requester@acme.test"))
    async with world.desk.read(world.acme.requester) as work:
        kinds = {row["kind"] for row in await work.rows("select kind from sec.own_sessions()")}
    assert "visitor" in kinds
    assert await members.end_sessions(world.desk, world.acme.admin, world.acme.requester.member) >= 2
    assert await world.desk.peek(actor.session_hash) is None


async def test_a_second_factor_is_not_gone_around(world: World) -> None:
    """Neither one that somebody has, nor one that the rules demand."""
    site = await switched_on(world, world.acme)
    superuser = await world.superuser()
    await superuser.execute(
        "insert into sec.factor (factor_id, person_id, kind, name, secret) select gen_random_uuid(), person_id, 'totp', 'App', '\\x00'"
        " from app.member where member_id = $1",
        world.acme.requester.member,
    )
    await superuser.close()
    with pytest.raises(SignedOut):
        await commands.enter_by_identity(world.desk, site.widget, site.token("requester@acme.test"), VISIT)
    other = await actor_of(world, await by_code(world, site, "vera@visitor.test"))
    rules = SignInRules((Role.REQUESTER,))
    await set_sign_in_rules(world.desk, world.acme.admin, rules, lambda _: None)
    weak = await world.desk.peek(other.session_hash)
    assert weak is not None
    assert not any(weak.may(each) for each in Permission)
    with pytest.raises(SignedOut):
        await commands.enter_by_identity(world.desk, site.widget, site.token("new@visitor.test"), VISIT)


async def test_a_code_works_once_in_its_window_for_its_organisation(world: World) -> None:
    acme, globex = await switched_on(world, world.acme), await switched_on(world, world.globex)
    desk = world.desk
    challenge = await commands.ask_code(desk, acme.widget, "vera@visitor.test", "")
    other = await commands.ask_code(desk, acme.widget, "otto@visitor.test", "")
    code = (await mails(world))[0].data["code"]
    for widget, asked, typed in (
        (globex.widget, challenge, code),
        (acme.widget, other, code),
        (acme.widget, challenge, "AAAA-AAAA"),
        (acme.widget, "A" * 43, code),
    ):
        with pytest.raises(SignedOut):
            await commands.enter_by_code(desk, widget, asked, typed, VISIT)
    await commands.enter_by_code(desk, acme.widget, challenge, code, VISIT)
    with pytest.raises(SignedOut):
        await commands.enter_by_code(desk, acme.widget, challenge, code, VISIT)


async def test_a_code_is_over_after_five_tries_and_after_half_an_hour(world: World) -> None:
    site = await switched_on(world, world.acme)
    challenge = await commands.ask_code(world.desk, site.widget, "vera@visitor.test", "")
    for _ in range(5):
        with pytest.raises(SignedOut):
            await commands.enter_by_code(world.desk, site.widget, challenge, "AAAAAAAA", VISIT)
    with pytest.raises(SignedOut):
        await commands.enter_by_code(world.desk, site.widget, challenge, (await mails(world))[-1].data["code"], VISIT)
    late = await commands.ask_code(world.desk, site.widget, "vera@visitor.test", "")
    superuser = await world.superuser()
    await superuser.execute("update sec.challenge set until = until - interval '30 minutes' where purpose = 'visit'")
    await superuser.close()
    with pytest.raises(SignedOut):
        await commands.enter_by_code(world.desk, site.widget, late, (await mails(world))[-1].data["code"], VISIT)


async def test_codes_are_few_for_known_and_unknown_alike(world: World) -> None:
    """From one place fewer than from all: whoever asks for another's address leaves them some."""
    site = await switched_on(world, world.acme)
    for email in ("requester@acme.test", "nobody@new.test", "agent@acme.test"):
        for _ in range(commands.ASKED[0]):
            await commands.ask_code(world.desk, site.widget, email, "", "192.0.2.1")
        with pytest.raises(TooMany) as refused:
            await commands.ask_code(world.desk, site.widget, email, "", "192.0.2.1")
        assert refused.value.tried is not None
        assert 3500 < (refused.value.wait or 0) <= 3600
        await commands.ask_code(world.desk, site.widget, email, "", "192.0.2.2")
    for number in range(commands.ASKED[1] - commands.ASKED[0] - 1):
        await commands.ask_code(world.desk, site.widget, "nobody@new.test", "", f"192.0.2.{100 + number}")
    with pytest.raises(TooMany):
        await commands.ask_code(world.desk, site.widget, "nobody@new.test", "", "192.0.2.200")
    await commands.ask_code(world.desk, site.widget, "somebody@new.test", "", "192.0.2.200")
    with pytest.raises(BadRequest):
        await commands.ask_code(world.desk, site.widget, "no address", "")


async def test_what_a_site_signs_is_taken_in_one_shape_only(world: World) -> None:
    """Wrong key, no algorithm, another one, expired, for too long, another audience or organisation, used, odd claims: one answer."""
    acme, globex = await switched_on(world, world.acme), await switched_on(world, world.globex)
    header, now = {"alg": "HS256", "typ": "JWT"}, int(json.loads(_claims(acme.token()))["iat"])
    claims = json.loads(_claims(acme.token()))
    good = acme.token()
    head, body, signature = good.split(".")
    refused = {
        "another key": signed(header, claims, globex.key),
        "no key": signed(header, claims, ""),
        "alg none": f"{encoded(json.dumps({'alg': 'none', 'typ': 'JWT'}).encode())}.{body}.",
        "alg none, signed": signed({"alg": "none", "typ": "JWT"}, claims, acme.key),
        "alg HS512": signed({"alg": "HS512", "typ": "JWT"}, claims, acme.key),
        "a key in the header": signed({**header, "jwk": {}}, claims, acme.key),
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "padding": f"{head}.{body}.{signature}=",
        "another spelling": f"{head}.{body}.{signature[:-1]}{_next(signature[-1])}",
        "expired": acme.token(exp=now - 1, iat=now - 100),
        "for too long": acme.token(exp=now + 301),
        "from the future": acme.token(iat=now + 100, exp=now + 200),
        "another audience": acme.token(aud=globex.audience),
        "another organisation": globex.token(),
        "no nonce": acme.token(jti=None),
        "short nonce": acme.token(jti="x"),
        "no e-mail": acme.token(email="nobody"),
        "no name": acme.token(name=" "),
        "a role": acme.token(role="admin"),
        "too long": acme.token(sub="x" * 5000),
        "nothing": "",
    }
    for why, token in refused.items():
        with pytest.raises(SignedOut) as told:
            await commands.enter_by_identity(world.desk, acme.widget, token, VISIT)
        assert (told.value.detail, told.value.tried is not None) == (commands.NOT_SIGNED, True), why
    await commands.enter_by_identity(world.desk, acme.widget, good, VISIT)
    with pytest.raises(SignedOut):
        await commands.enter_by_identity(world.desk, acme.widget, good, VISIT)


def _claims(token: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(token.split(".")[1] + "==")


def _next(letter: str) -> str:
    """Another last letter, whose surplus bits alone differ: it decodes to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) ^ 1]


async def test_a_former_key_is_good_for_a_day(world: World) -> None:
    before = await switched_on(world, world.acme)
    key = await switching.turn_key(world.desk, world.acme.admin, lambda _: None)
    after = Site(before.widget, key, before.audience)
    assert key != before.key
    await commands.enter_by_identity(world.desk, before.widget, before.token(), VISIT)
    await commands.enter_by_identity(world.desk, before.widget, after.token(), VISIT)
    superuser = await world.superuser()
    assert await superuser.fetchval("select until - now() from sec.site_key where until is not null") > timedelta(
        hours=23
    )
    await superuser.execute("update sec.site_key set until = now() where until is not null")
    stored = await superuser.fetch("select sealed from sec.site_key")
    await superuser.close()
    assert not [row for row in stored if key.encode() in row["sealed"]]
    with pytest.raises(SignedOut):
        await commands.enter_by_identity(world.desk, before.widget, before.token(), VISIT)
    await commands.enter_by_identity(world.desk, before.widget, after.token(), VISIT)


async def test_switched_off_nobody_goes_on_by_it(world: World) -> None:
    site = await switched_on(world, world.acme)
    actor = await actor_of(world, await by_code(world, site, "vera@visitor.test"))
    await switching.switch(world.desk, world.acme.admin, on=False, require=lambda _: None)
    assert await world.desk.peek(actor.session_hash) is None
    with pytest.raises(OutsideReach):
        await queries.widget_of(world.desk, site.widget.id)
    with pytest.raises(SignedOut):  # of whoever found it a moment ago
        await commands.enter_by_identity(world.desk, site.widget, site.token(), VISIT)
    kinds = [(each["type"], each["body"]) for each in await entries(world, world.acme.org)][-2:]
    assert kinds == [("config.changed", {"setting": "widget"}), ("session.revoked", {"cause": "widget_off"})]
    again = await switched_on(world, world.acme)
    assert again.widget.id == site.widget.id
    assert await world.desk.peek(actor.session_hash) is None


@pytest.mark.parametrize("role", ["requester", "agent", "auditor"])
async def test_only_admins_set_it(world: World, role: str) -> None:
    somebody: Actor = getattr(world.acme, role)
    with pytest.raises(NotPermitted):
        await switching.switch(world.desk, somebody, on=True, require=lambda _: None)
    with pytest.raises(NotPermitted):
        await switching.turn_key(world.desk, somebody, lambda _: None)
