"""What strangers try at an account is on record where somebody can act on it, and shows in no answer (ASVS V6.3.5, V6.3.8, V16.3.1)."""

import json
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from litestar.types import HTTPReceiveMessage, HTTPScope, Message

from post import waiting
from sealdesk.core.errors import Refusal, SignedOut, TooMany
from sealdesk.people import commands, guard, happenings, second
from sealdesk.people.factors import Shown, WrongFactor
from sealdesk.people.passkeys import Party
from sealdesk.people.sessions import SecondNeeded, Visit
from sealdesk.record import refusals
from sealdesk.record.refused import Chosen, page
from sealdesk.web.answer_headers import AnswerHeaders
from sealdesk.web.exchange import Exchange
from sealdesk.web.problems import encode, header_fields
from sealdesk.web.telemetry import note_refusal
from world import PASSWORD, World

ORIGIN = "https://desk.test"
SCOPE = cast("HTTPScope", {"type": "http", "method": "POST", "path": "/sign-in", "query_string": b"", "client": None})
VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
ROUTE = "/api/v1/session"
KNOWN, UNKNOWN = "agent@acme.test", "adent@acme.test"


async def sql(world: World, query: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await world.superuser()
    try:
        return [tuple(row.values()) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def refused(world: World, email: str) -> Refusal:
    """A wrong password."""
    with pytest.raises(Refusal) as caught:
        await commands.sign_in(world.desk, email, "wrong", None, VISIT)
    return caught.value


async def note(world: World, refusal: Refusal, address: str = "198.51.100.9", session: bytes | None = None) -> None:
    """As the web process does, after the answer; and the worker, a minute later."""
    await refusals.Notes(world.desk).note(refusals.Asked(uuid4(), session, ROUTE, (), address), refusal)


async def settled(world: World, org: UUID) -> list[dict[str, Any]]:
    """What stands in an organisation's log, oldest first, once all was counted."""
    await refusals.settle(world.desk)
    rows = await sql(
        world,
        "select convert_from(entry, 'UTF8') from ledger.entry where org_id = $1 and type in ('auth.failed', 'rate.limited') order by qid",
        org,
    )
    return [json.loads(str(row[0])) for row in rows]


async def test_it_works(world: World) -> None:
    """Failed sign-ins stand in the stream of whose account it is, with the bucket of the address, and an admin reads them."""
    for _ in range(3):
        await note(world, await refused(world, KNOWN))
    (entry,) = await settled(world, world.acme.org)
    assert (entry["type"], entry["stream"]["id"]) == ("auth.failed", str(world.acme.agent.member))
    assert (entry["body"]["count"], entry["body"]["route"]) == (3, ROUTE)
    assert entry["body"]["bucket"] is not None
    assert await settled(world, UUID(int=0)) == []
    async with world.desk.read(world.acme.admin) as work:
        (read,) = (await page(work, Chosen(), None))[0]
    assert (str(read.entry_id), read.kind, read.member) == (entry["id"], "wrong_password", world.acme.agent.member)


async def test_nobodys_account_is_the_operators_matter(world: World) -> None:
    await note(world, await refused(world, UNKNOWN))
    assert await settled(world, world.acme.org) == []
    (entry,) = await settled(world, UUID(int=0))
    assert entry["body"]["bucket"] is not None


async def test_the_answer_is_the_same_for_known_and_unknown(world: World) -> None:
    """Byte for byte, from the first failure to the refusal of all."""
    for number in range(guard.PER_ACCOUNT + 2):
        known, unknown = await refused(world, KNOWN), await refused(world, UNKNOWN)
        assert type(known) is type(unknown) is (SignedOut if number < guard.PER_ACCOUNT else TooMany)
        said = [(encode(each, "x"), header_fields(each)) for each in (known, unknown)]
        if number < guard.PER_ACCOUNT:
            assert said[0] == said[1]
        assert known.tried is not None
        assert unknown.tried is not None
        assert known.tried.locks is unknown.tried.locks is (number == guard.PER_ACCOUNT)
        assert (known.tried.person is None, unknown.tried.person is None) == (False, True)


async def test_from_many_addresses_it_is_counted_together(world: World) -> None:
    """A flood from everywhere writes one entry a minute for an account, not one an address."""
    wrong = await refused(world, KNOWN)
    for number in range(30):
        await note(world, wrong, f"203.0.113.{number}")
    (entry,) = await settled(world, world.acme.org)
    assert (entry["body"]["count"], entry["body"]["bucket"]) == (30, None)


async def test_each_organisation_is_told_of_its_own_member(world: World) -> None:
    """And of nothing that the other one has; whoever tries it from a session of their own stands on record too."""
    await sql(
        world,
        "update app.member set person_id = (select person_id from app.member where member_id = $1) where member_id = $2",
        world.acme.agent.member,
        world.globex.requester.member,
    )
    await note(world, await refused(world, KNOWN), session=world.globex.stranger.session_hash)
    for org, members in (
        (world.acme.org, {world.acme.agent.member}),
        (world.globex.org, {world.globex.requester.member, world.globex.stranger.member}),
    ):
        entries = await settled(world, org)
        assert {entry["stream"]["id"] for entry in entries} == {str(member) for member in members}


async def test_a_record_names_account_and_address_by_random_ids(world: World) -> None:
    """The same ones all day for the same account and address, known or not; neither can be read from them."""
    found = [
        await refusals.Notes(world.desk).trace(tried, address)
        for email in (KNOWN, UNKNOWN)
        for address in ("198.51.100.9", "198.51.100.10")
        if (tried := (await refused(world, email)).tried) is not None
    ]
    assert [each.member for each in found] == [world.acme.agent.member] * 2 + [None] * 2
    assert [each.org for each in found] == [world.acme.org] * 2 + [None] * 2
    assert found[0].account == found[1].account != found[2].account == found[3].account
    assert found[0].address == found[2].address != found[1].address == found[3].address


async def test_a_lock_is_told_once_with_what_one_needs_to_act(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The operator's record of a soft lock names the request, the account, the organisation and where it came from."""
    told: list[dict[str, str]] = []
    for _ in range(guard.PER_ACCOUNT + 3):
        refusal = await refused(world, KNOWN)
        assert refusal.tried is not None
        exchange = Exchange(SCOPE, nothing, nothing_sent, AnswerHeaders([ORIGIN]))
        exchange.public = True
        exchange.traced = await refusals.Notes(world.desk).trace(refusal.tried, "198.51.100.9")
        capsys.readouterr()
        note_refusal(exchange, refusal)
        said = capsys.readouterr().out
        assert exchange.request_id in said
        told.append({"said": said, "account": str(exchange.traced.account), "address": str(exchange.traced.address)})
    locks = [each for each in told if "soft_lock" in each["said"]]
    assert [told.index(each) for each in locks] == [guard.PER_ACCOUNT]
    (lock,) = locks
    for part in (world.acme.org, world.acme.agent.member, lock["account"], lock["address"], "authn_login_lock"):
        assert str(part) in lock["said"]


async def nothing() -> HTTPReceiveMessage:
    """A client that sends no more."""
    return {"type": "http.disconnect"}


async def nothing_sent(_: Message) -> None:
    """An answer that nobody reads."""


async def test_the_right_password_and_a_wrong_code_are_told(world: World) -> None:
    """ASVS V6.3.5: at the first, once in a window; and it is on record at whose account."""
    await sql(
        world,
        "insert into sec.factor (factor_id, person_id, kind, name, secret) select gen_random_uuid(), person_id, 'totp', 'app', 'x'"
        " from sec.person where email_norm = $1",
        KNOWN,
    )
    found = await commands.sign_in(world.desk, KNOWN, PASSWORD, None, VISIT)
    assert isinstance(found, SecondNeeded)
    shown = Shown(Party("https://desk.test", "desk.test"), "no-such-code")
    for _ in range(3):
        with pytest.raises(WrongFactor) as wrong:
            await second.answer_second(world.desk, found.challenge, shown, None, VISIT)
        await note(world, wrong.value)
    await happenings.settle(world.desk)
    assert [mail.to for mail in await waiting(world, "auth.login/wrong_factor")] == [KNOWN]
    (entry,) = await settled(world, world.acme.org)
    assert (entry["stream"]["id"], entry["body"]["kind"]) == (str(world.acme.agent.member), "wrong_factor")
