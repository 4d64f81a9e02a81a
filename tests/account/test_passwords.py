"""Forgotten and changed passwords, and the address one signs in with."""

import asyncio
import time
from dataclasses import replace
from statistics import median

import pytest

from counts import count
from post import link, waiting
from ranks import mann_whitney_z
from sealdesk.access.actor import CONFIRMED_FOR, Actor, ConfirmFirst
from sealdesk.access.permissions import Role
from sealdesk.account import email_commands, password_commands
from sealdesk.account.commands import Ended
from sealdesk.account.password_commands import (
    PER_ACCOUNT,
    PER_ASKER,
    LinkOver,
    WrongCurrent,
    ask_reset,
    change_password,
    look_reset,
    reset,
)
from sealdesk.core import clock
from sealdesk.core.counters import Hit
from sealdesk.core.errors import BadRequest, SignedOut, TooMany
from sealdesk.people import commands as people
from sealdesk.people import founding, guard, happenings
from sealdesk.people.founding import NewPerson
from sealdesk.people.password_rules import WeakPassword
from sealdesk.people.sessions import Issued, SecondNeeded, Visit
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
STRANGER = replace(VISIT, address="203.0.113.7")
NEXT = "kettle and two cups"
AGENT = "agent@acme.test"


async def sql(world: World, query: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await world.superuser()
    try:
        return [tuple(row.values()) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def dead(world: World, actor: Actor) -> bool:
    return await world.desk.peek(actor.session_hash) is None


async def signs_in(world: World, email: str, password: str) -> bool:
    try:
        return isinstance(await people.sign_in(world.desk, email, password, None, VISIT), Issued | SecondNeeded)
    except SignedOut:
        return False


async def test_it_works(world: World) -> None:
    """ASVS V6.4.3: one use, every session ends, the rules hold; an entry and one notice follow."""
    await ask_reset(world.desk, "AGENT@acme.test ", VISIT)
    token = await link(world, "reset", AGENT)
    for _ in range(3):
        await look_reset(world.desk, token)  # a mail scanner changes nothing
    with pytest.raises(WeakPassword):
        await reset(world.desk, token, "password", VISIT)
    await reset(world.desk, token, NEXT, VISIT)
    assert await dead(world, world.acme.agent)
    assert not await dead(world, world.acme.auditor)
    assert (await signs_in(world, AGENT, PASSWORD), await signs_in(world, AGENT, NEXT)) == (False, True)
    with pytest.raises(LinkOver):
        await reset(world.desk, token, "cups and one kettle", VISIT)
    await happenings.settle(world.desk)
    entries = await sql(
        world,
        "select type from ledger.entry where stream_id = $1 and type = 'credential.changed'",
        world.acme.agent.member,
    )
    assert len(entries) == 1
    assert [mail.to for mail in await waiting(world, "credential.changed/reset")] == [AGENT]


async def test_half_an_hour_and_the_first_use_ends_the_rest(world: World) -> None:
    """Whoever asks in another's name takes away no link that is under way; of several, one is used."""
    await ask_reset(world.desk, AGENT, VISIT)
    first = await link(world, "reset", AGENT)
    await ask_reset(world.desk, AGENT, STRANGER)
    second = await link(world, "reset", AGENT)
    ((life,),) = await sql(
        world, "select extract(epoch from max(until) - now())::int from sec.link where used_at is null"
    )
    assert isinstance(life, int)
    assert 1700 < life <= 1800
    await reset(world.desk, first, NEXT, VISIT)
    with pytest.raises(LinkOver):
        await look_reset(world.desk, second)
    await ask_reset(world.desk, AGENT, VISIT)
    third = await link(world, "reset", AGENT)
    await sql(world, "update sec.link set until = now()")
    with pytest.raises(LinkOver):
        await reset(world.desk, third, NEXT, VISIT)


async def test_a_link_is_used_once_in_a_race_too(world: World) -> None:
    await ask_reset(world.desk, AGENT, VISIT)
    token = await link(world, "reset", AGENT)
    ended = await asyncio.gather(
        *(reset(world.desk, token, f"{NEXT} {n}", VISIT) for n in range(4)), return_exceptions=True
    )
    assert sorted(isinstance(each, LinkOver) for each in ended) == [False, True, True, True]


async def test_a_reset_does_not_go_around_a_second_factor(world: World) -> None:
    """ASVS V6.4.3: after it the second factor is asked for as before; ASVS V6.3.6: mail alone is no factor."""
    await sql(
        world,
        "insert into sec.factor (factor_id, person_id, kind, name, secret) select gen_random_uuid(), person_id, 'totp', 'app', 'x'"
        " from sec.person where email_norm = $1",
        AGENT,
    )
    await ask_reset(world.desk, AGENT, VISIT)
    await reset(world.desk, await link(world, "reset", AGENT), NEXT, VISIT)
    assert await sql(world, "select count(*) from sec.factor") == [(1,)]
    assert isinstance(await people.sign_in(world.desk, AGENT, NEXT, None, VISIT), SecondNeeded)


async def test_unknown_accounts_get_the_same_in_the_same_time(world: World) -> None:
    """ASVS V6.3.8: a row each, of one size, and no difference in time that could be told from noise; no mail goes to strangers."""
    known, unknown = [], []
    for number in range(count(60, 500)):
        await sql(world, "delete from sec.counter")
        for times, email in (
            ((known, AGENT), (unknown, "adent@acme.test"))
            if number % 2
            else ((unknown, "adent@acme.test"), (known, AGENT))
        ):
            began = time.perf_counter()
            await ask_reset(world.desk, email, VISIT)
            times.append(time.perf_counter() - began)
    assert mann_whitney_z(known, unknown) < 2.6, (median(known), median(unknown))  # p > 0.01
    sizes = await sql(
        world,
        "select void, min(octet_length(sealed)), max(octet_length(sealed)), count(*) from sec.mail group by 1 order by 1",
    )
    assert sizes[0][1:] == sizes[1][1:]
    await (await world.desk.database.pool("desk_worker")).fetch("select * from sec.take_mail(1)")
    assert {mail.to for mail in await waiting(world, "reset")} == {AGENT}
    assert await sql(world, "select count(*) from sec.link where person_id is null and used_at is null") != [(0,)]


async def test_a_mailbox_is_not_flooded(world: World) -> None:
    for number in range(PER_ACCOUNT + 3):
        await ask_reset(world.desk, AGENT, replace(STRANGER, address=f"203.0.113.{number}"))
    assert len(await waiting(world, "reset")) == PER_ACCOUNT


async def test_nobodys_resets_can_be_used_up_by_strangers(world: World) -> None:
    """ASVS V6.3.1: an address uses up its own count; all strangers together use up none of a browser that its owner knows."""
    for _ in range(PER_ASKER + 3):
        await ask_reset(world.desk, AGENT, STRANGER)
    assert len(await waiting(world, "reset")) == PER_ASKER
    await ask_reset(world.desk, AGENT, VISIT)
    assert len(await waiting(world, "reset")) == PER_ASKER + 1
    issued = await people.sign_in(world.desk, AGENT, PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    for number in range(PER_ACCOUNT):
        await ask_reset(world.desk, AGENT, replace(STRANGER, address=f"203.0.113.{number}"))
    assert len(await waiting(world, "reset")) == PER_ACCOUNT
    for _ in range(PER_ASKER + 1):
        await ask_reset(world.desk, AGENT, replace(VISIT, device=issued.device))
    assert len(await waiting(world, "reset")) == PER_ACCOUNT + PER_ASKER
    await ask_reset(world.desk, AGENT, replace(VISIT, address="192.0.2.8", device="x" * 43))  # known to nobody
    assert len(await waiting(world, "reset")) == PER_ACCOUNT + PER_ASKER


@pytest.mark.parametrize("email", ["", "nonsense", "a@b.test\r\nBcc: x@y.test", "a,b@acme.test", "\u0130@acme.test"])
async def test_what_is_no_address_is_an_unknown_account(world: World, email: str) -> None:
    await ask_reset(world.desk, email, VISIT)
    assert all(mail.void for mail in await waiting(world, "reset"))


async def test_a_look_alike_gets_no_link(world: World) -> None:
    """What folds to a known address is mailed to that address, as it is stored."""
    await founding.add_person(world.desk, world.acme.org, NewPerson("Mike@acme.test", "Mike", Role.AGENT, PASSWORD))
    await ask_reset(world.desk, "mi\u212ae@acme.test", VISIT)  # a Kelvin sign
    assert [mail.to for mail in await waiting(world, "reset")] == ["Mike@acme.test"]


async def test_changed(world: World) -> None:
    """ASVS V6.2.2, V6.2.3 and V6.3.7: with the present one and the next; others end where that is asked; a notice follows."""
    agent = world.acme.agent
    issued = await people.sign_in(world.desk, AGENT, PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    with pytest.raises(WrongCurrent):
        await change_password(world.desk, agent, "wrong", NEXT, VISIT, end_others=False)
    with pytest.raises(WeakPassword):
        await change_password(world.desk, agent, PASSWORD, "agentacme", VISIT, end_others=False)
    assert await change_password(world.desk, agent, PASSWORD, NEXT, VISIT, end_others=False) == Ended()
    assert not await dead(world, issued.actor)
    assert await change_password(world.desk, agent, NEXT, PASSWORD, VISIT, end_others=True) == Ended(1)
    assert (await dead(world, issued.actor), await dead(world, agent)) == (True, False)
    await happenings.settle(world.desk)
    assert len(await waiting(world, "credential.changed/password")) == 2
    rows = await sql(world, "select type from ledger.entry where stream_id = $1 order by stream_seq", agent.member)
    assert [row[0] for row in rows if row[0] in ("credential.changed", "session.revoked")] == [
        "credential.changed",
        "credential.changed",
        "session.revoked",
    ]


async def test_whoever_took_a_session_does_not_guess_the_password(world: World) -> None:
    """ASVS V6.3.1: ten tries in a quarter of an hour, then the right one comes too late; a browser that is known has its own."""
    issued = await people.sign_in(world.desk, AGENT, PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    for _ in range(guard.PER_DEVICE):
        with pytest.raises(WrongCurrent):
            await change_password(world.desk, world.acme.agent, "wrong", NEXT, VISIT, end_others=False)
    with pytest.raises(TooMany):
        await change_password(world.desk, world.acme.agent, PASSWORD, NEXT, VISIT, end_others=False)
    known = replace(VISIT, device=issued.device)
    await change_password(world.desk, issued.actor, PASSWORD, NEXT, known, end_others=False)


async def test_an_admins_has_twelve_characters(world: World) -> None:
    """ASVS V6.2.1."""
    with pytest.raises(WeakPassword, match="12"):
        await change_password(world.desk, world.acme.admin, PASSWORD, "kettle+cups", VISIT, end_others=False)
    await change_password(world.desk, world.acme.admin, PASSWORD, "kettle++cups", VISIT, end_others=False)


async def test_a_change_asks_for_a_confirmation_that_is_not_old(world: World) -> None:
    await sql(world, "update sec.session set confirmed_at = now() - interval '11 minutes'")
    agent = await world.desk.peek(world.acme.agent.session_hash)
    assert agent is not None
    with pytest.raises(ConfirmFirst):
        await change_password(world.desk, agent, PASSWORD, NEXT, VISIT, end_others=False)
    with pytest.raises(ConfirmFirst):
        await email_commands.ask_change(world.desk, agent, "new@acme.test")


async def test_a_password_stays_valid(world: World) -> None:
    """ASVS V6.2.10: years later it is asked for as ever, and nobody is told to change it."""
    await sql(world, "update sec.person set created_at = now() - interval '9 years'")
    assert isinstance(await people.sign_in(world.desk, AGENT, PASSWORD, None, VISIT), Issued)


async def test_no_hints_and_no_questions(world: World) -> None:
    """ASVS V6.4.2: nothing of the kind is stored."""
    columns = await sql(world, "select column_name from information_schema.columns where table_schema = 'sec'")
    assert not [
        name for (name,) in columns if "question" in str(name) or "answer" in str(name) or "password_hint" in str(name)
    ]


async def test_right_after_failures_is_told(world: World) -> None:
    """ASVS V6.3.5: the right password after several wrong ones, and a browser that is new."""
    for _ in range(4):
        assert not await signs_in(world, AGENT, "wrong")
    assert await signs_in(world, AGENT, PASSWORD)
    await happenings.settle(world.desk)
    assert [mail.to for mail in await waiting(world, "auth.login/after_failures")] == [AGENT]
    assert [mail.to for mail in await waiting(world, "device.added/held")] == [AGENT]


async def failures(world: World, name: object) -> None:
    """So many in the window that an organisation's count is used up."""
    await world.desk.counters.hit(*[Hit(f"sign-in/org/{name}", guard.WINDOW)] * guard.PER_ORGANISATION)


async def test_an_organisations_count_tells_nobody_apart(world: World) -> None:
    """ASVS V6.3.8: whichever count is used up, a wrong password gets the same for known, unknown and former members, and elsewhere."""
    await sql(world, "update app.member set active = false where member_id = $1", world.acme.auditor.member)
    for name in ("nobody", world.acme.org):
        await failures(world, name)
        for email in (AGENT, "adent@acme.test", "auditor@acme.test", "agent@globex.test", "nonsense"):
            with pytest.raises(SignedOut, match="E-mail or password is wrong"):
                await people.sign_in(world.desk, email, "wrong", None, VISIT)


async def test_an_organisation_at_which_somebody_guesses(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """ASVS V6.3.1: a right guess from a new browser gets what a wrong one gets; its owner is told, and goes on from a known one."""
    issued = await people.sign_in(world.desk, AGENT, PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    await failures(world, world.acme.org)
    for _ in range(2):
        with pytest.raises(SignedOut, match="E-mail or password is wrong") as held:
            await people.sign_in(world.desk, AGENT, PASSWORD, None, VISIT)
        await people.tell_of(world.desk, held.value)
    with pytest.raises(SignedOut) as wrong:
        await people.sign_in(world.desk, "auditor@acme.test", "wrong", None, VISIT)
    await people.tell_of(world.desk, wrong.value)
    await happenings.settle(world.desk)
    assert [mail.to for mail in await waiting(world, "auth.login/held")] == [AGENT]
    known = replace(VISIT, device=issued.device)
    assert isinstance(await people.sign_in(world.desk, AGENT, PASSWORD, None, known), Issued)
    assert await signs_in(world, "agent@globex.test", PASSWORD)
    await sql(
        world,
        "insert into sec.factor (factor_id, person_id, kind, name, secret) select gen_random_uuid(), person_id, 'totp', 'app', 'x'"
        " from sec.person where email_norm = $1",
        AGENT,
    )
    assert isinstance(await people.sign_in(world.desk, AGENT, PASSWORD, None, VISIT), SecondNeeded)
    await world.desk.counters.forget(f"sign-in/org/{world.acme.org}")
    await world.desk.counters.hit(*[Hit(f"sign-in/org/{world.acme.org}", 900)] * (guard.PER_ORGANISATION - 1))
    capsys.readouterr()
    assert not await signs_in(world, "requester@acme.test", "wrong")
    assert not await signs_in(world, "requester@acme.test", "wrong")
    assert capsys.readouterr().out.count("sign_in_attack") == 1


async def test_the_address_is_confirmed(world: World) -> None:
    agent = world.acme.agent
    await email_commands.ask_verification(world.desk, agent)
    token = await link(world, "verification", AGENT)
    found = await email_commands.look_address(world.desk, token)
    assert (found.purpose, found.email) == ("verification", AGENT)
    assert not (await email_commands.own_address(world.desk, agent)).verified
    assert (await email_commands.settle_address(world.desk, token, None)).email == AGENT
    assert (await email_commands.own_address(world.desk, agent)).verified
    with pytest.raises(LinkOver):
        await email_commands.settle_address(world.desk, token, None)


async def test_another_address(world: World) -> None:
    """ASVS V6.3.7: the link goes to the new one, word of it to the old one, before and after; until then nothing changes.

    It takes a session of whoever asked, confirmed lately, and the mail: the link alone and others' sessions change nothing.
    """
    agent = world.acme.agent
    await email_commands.ask_change(world.desk, agent, "New.Me@acme.test")
    (asked,) = await waiting(world, "email_asked")
    assert (asked.to, asked.data["new_address"]) == (AGENT, "New.Me@acme.test")
    token = await link(world, "email$", "New.Me@acme.test")
    assert await signs_in(world, AGENT, PASSWORD)
    with pytest.raises(SignedOut):
        await email_commands.settle_address(world.desk, token, None)
    for other in (world.acme.requester, world.globex.agent):
        with pytest.raises(LinkOver):
            await email_commands.settle_address(world.desk, token, other)
    with pytest.raises(ConfirmFirst):
        old = replace(agent, confirmed_at=clock.now() - CONFIRMED_FOR)
        await email_commands.settle_address(world.desk, token, old)
    assert (await email_commands.settle_address(world.desk, token, agent)).email == "New.Me@acme.test"
    assert (await signs_in(world, AGENT, PASSWORD), await signs_in(world, "new.me@acme.test", PASSWORD)) == (
        False,
        True,
    )
    await happenings.settle(world.desk)
    assert [mail.to for mail in await waiting(world, "credential.changed/email")] == [AGENT]
    assert (await email_commands.own_address(world.desk, agent)).verified


async def test_a_change_that_waits_is_shown_and_taken_back(world: World) -> None:
    """Only to whoever asked; taken back, its link leads nowhere, and nobody else's is touched."""
    agent, other = world.acme.agent, world.acme.requester
    await email_commands.ask_change(world.desk, other, "theirs@acme.test")
    await email_commands.ask_change(world.desk, agent, "misptyed@acme.test")
    await email_commands.ask_change(world.desk, agent, "mistyped@acme.test")
    waits = await email_commands.own_address(world.desk, agent)
    assert (waits.email, waits.asked, waits.until is not None) == (AGENT, "mistyped@acme.test", True)
    await email_commands.drop_change(world.desk, agent)
    await email_commands.drop_change(world.desk, agent)
    assert await email_commands.own_address(world.desk, agent) == replace(waits, asked="", until=None)
    with pytest.raises(LinkOver):
        await email_commands.settle_address(world.desk, await link(world, "email$", "mistyped@acme.test"), agent)
    assert (await email_commands.own_address(world.desk, other)).asked == "theirs@acme.test"


async def test_somebody_elses_address(world: World) -> None:
    """Asking tells nothing; whoever has that mailbox can't take it twice; a reset that was asked before is void after a change."""
    agent = world.acme.agent
    await email_commands.ask_change(world.desk, agent, "auditor@acme.test")
    with pytest.raises(LinkOver):
        await email_commands.settle_address(world.desk, await link(world, "email$", "auditor@acme.test"), agent)
    with pytest.raises(BadRequest):
        await email_commands.ask_change(world.desk, agent, "a@b\r\nBcc: x@y.test")
    await ask_reset(world.desk, AGENT, VISIT)
    await email_commands.ask_change(world.desk, agent, "elsewhere@acme.test")
    await email_commands.settle_address(world.desk, await link(world, "email$", "elsewhere@acme.test"), agent)
    with pytest.raises(LinkOver):
        await password_commands.look_reset(world.desk, await link(world, "reset", AGENT))


async def test_a_change_of_address_does_not_outlast_a_new_password(world: World) -> None:
    """ASVS V6.6.2, V7.4.3: what a thief of a session asked for is void, whoever is signed in when it is tried."""
    agent = world.acme.agent
    for number in range(2):
        await email_commands.ask_change(world.desk, agent, "thief@evil.test")
        if number:
            await ask_reset(world.desk, AGENT, VISIT)
            await reset(world.desk, await link(world, "reset", AGENT), NEXT, VISIT)
        else:
            await change_password(world.desk, agent, PASSWORD, NEXT, VISIT, end_others=True)
        for purpose, to in (("email$", "thief@evil.test"), ("email_asked", AGENT)):
            with pytest.raises(LinkOver):
                await email_commands.look_address(world.desk, await link(world, purpose, to))


async def test_whoever_did_not_ask_stops_it(world: World) -> None:
    """ASVS V6.3.7: the letter to the present address stops every change under way, also by an earlier one, without signing in; once."""
    agent, asked = world.acme.agent, []
    for new in ("one@evil.test", "two@evil.test"):
        await email_commands.ask_change(world.desk, agent, new)
        asked.append(await link(world, "email$", new))
    first, second = [mail.token for mail in await waiting(world, "email_asked")]
    found = await email_commands.look_address(world.desk, first)
    assert (found.purpose, found.email) == ("stop", "one@evil.test")
    await email_commands.settle_address(world.desk, first, None)
    for token in (*asked, first):
        with pytest.raises(LinkOver):
            await email_commands.settle_address(world.desk, token, agent)
    assert (await email_commands.own_address(world.desk, agent)).email == AGENT
    await email_commands.settle_address(world.desk, second, None)  # said again, it is so
