"""The second step of signing in: codes of an app, recovery codes and passkeys; and signing in with a passkey alone."""

import asyncio
from base64 import b32decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import log2

import msgspec
import pytest
from pyotp.totp import TOTP

from authenticator import Authenticator
from sealdesk.access.actor import CONFIRMED_FOR, ConfirmFirst
from sealdesk.access.permissions import Permission
from sealdesk.account import commands as account
from sealdesk.account import enrolment
from sealdesk.core import clock
from sealdesk.core.errors import SignedOut, TooMany
from sealdesk.people import commands, confirming, guard, onetime, second
from sealdesk.people.factors import Shown, WrongFactor
from sealdesk.people.passkeys import Assertion, Attestation, Party
from sealdesk.people.sessions import Choice, Issued, SecondNeeded, Visit
from sealdesk.web.tokens import token_hash
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""}, bound=b"p" * 32)
ELSEWHERE = replace(VISIT, bound=b"q" * 32)
PARTY = Party("https://desk.test", "desk.test")
EMAIL = "agent@acme.test"


@dataclass
class Now:
    """The clock of the test, at the beginning of a step."""

    at: datetime

    def on(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture(name="now")
def steady() -> Iterator[Now]:
    """Time stands still until the test moves it."""
    begin = clock.now()
    now = Now(begin - timedelta(seconds=begin.timestamp() % onetime.STEP))
    clock.set_source(lambda: now.at)
    yield now
    clock.set_source(None)


@dataclass
class App:
    """An authenticator app with the agent's seed, and the recovery codes that came with it."""

    now: Now
    seed: str
    codes: tuple[str, ...]

    def code(self, later: float = 0) -> str:
        return TOTP(self.seed).at(int(self.now.at.timestamp() + later))


@pytest.fixture(name="app")
async def with_app(world: World, now: Now) -> App:
    agent = world.acme.agent
    begun = await enrolment.begin_totp(world.desk, agent, VISIT)
    code = TOTP(begun.text).at(int(now.at.timestamp()))
    done = await enrolment.add_totp(world.desk, agent, begun.challenge, code, "Phone", VISIT)
    now.on(onetime.STEP)
    return App(now, begun.text, done.codes)


async def first(world: World, visit: Visit = VISIT) -> str:
    """The password is right: the challenge of the second step."""
    found = await commands.sign_in(world.desk, EMAIL, PASSWORD, None, visit)
    assert isinstance(found, SecondNeeded)
    return found.challenge


async def step_two(world: World, challenge: str, code: str, visit: Visit = VISIT) -> Issued | Choice:
    return await second.answer_second(world.desk, challenge, Shown(PARTY, code), None, visit)


async def with_passkey(world: World, *, verifies: bool = True) -> Authenticator:
    """The agent's new passkey."""
    made = Authenticator(PARTY.origin, verifies=verifies)
    begun = await enrolment.begin_passkey(world.desk, world.acme.agent, VISIT)
    answer = made.create(begun.challenge, user="")
    made.handle = begun.user.bytes
    attestation = msgspec.convert(answer, Attestation)
    await enrolment.add_passkey(world.desk, world.acme.agent, begun.challenge, attestation, PARTY, "Key", VISIT)
    return made


def signing(made: Authenticator, challenge: str) -> Shown:
    return Shown(PARTY, assertion=msgspec.convert(made.get(challenge), Assertion))


async def entries(world: World) -> list[str]:
    async with world.desk.read(world.acme.auditor) as work:
        rows = await work.rows(
            "select type from ledger.entry where stream_id = $1 order by stream_seq", world.acme.agent.member
        )
    return [row["type"] for row in rows]


async def test_it_works(world: World, app: App) -> None:
    """V7.2.4: the password alone issues nothing; password and code issue a session, and the session of the browser ends."""
    old = token_hash((await entered(await step_two(world, await first(world), app.code()))).token)
    app.now.on(onetime.STEP)
    visit = replace(VISIT, old=old)
    issued = await entered(await step_two(world, await first(world, visit), app.code(), visit))
    assert await world.desk.peek(old) is None
    found = await world.desk.peek(token_hash(issued.token))
    assert found is not None
    assert found.member == world.acme.agent.member
    assert (await entries(world))[-2:] == ["auth.login", "auth.login"]


async def entered(found: Issued | Choice) -> Issued:
    assert isinstance(found, Issued)
    return found


async def test_a_code_of_an_app_counts_once(world: World, app: App) -> None:
    """V6.5.1: the same code is refused the second time, and so is one of a step before it; the one that set it up is used up too."""
    await step_two(world, await first(world), app.code())
    for later in (0, -onetime.STEP):
        with pytest.raises(WrongFactor):
            await step_two(world, await first(world), app.code(later))


@pytest.mark.parametrize("later", [-2, 2, 40])
async def test_a_code_lives_for_its_step(world: World, app: App, later: int) -> None:
    """V6.5.5: a step is 30 seconds of our own clock, and one beside it is taken for clocks that are not exact."""
    assert onetime.STEP == 30
    with pytest.raises(WrongFactor):
        await step_two(world, await first(world), app.code(later * onetime.STEP))
    assert isinstance(await step_two(world, await first(world), app.code(onetime.STEP)), Issued)


async def test_a_recovery_code_counts_once(world: World, app: App) -> None:
    """V6.5.1: it stands in for the app, as it was typed, and then no more."""
    code = app.codes[3]
    assert isinstance(await step_two(world, await first(world), f" {code.upper().replace('-', ' ')} "), Issued)
    with pytest.raises(WrongFactor):
        await step_two(world, await first(world), code)


async def test_recovery_codes_have_128_bits_and_only_hashes_are_stored(world: World, app: App) -> None:
    """V6.5.2, V6.5.4: 26 letters of base32, all different; neither they nor the seed are in the database."""
    assert len(set(app.codes)) == onetime.RECOVERY_CODES
    for code in app.codes:
        plain = code.replace("-", "")
        assert set(plain) <= set("abcdefghijklmnopqrstuvwxyz234567")
        assert len(b32decode(plain.upper() + "======")) * 8 == 128
    connection = await world.superuser()
    try:
        rows = await connection.fetch(
            "select f::text as row from sec.factor f union all select r::text from sec.recovery_code r"
            " union all select c::text from sec.challenge c"
        )
    finally:
        await connection.close()
    text = "\n".join(row["row"] for row in rows)
    seed = b32decode(app.seed)
    assert len(seed) == onetime.SEED_BYTES
    for secret in (app.seed, seed.hex(), *app.codes, *(code.replace("-", "") for code in app.codes)):
        assert secret not in text


def test_what_is_drawn_is_drawn_well() -> None:
    """V6.5.4: over many codes every letter comes as often as any other, as far as chance has it."""
    counts: dict[str, int] = {}
    for code in (code for _ in range(200) for code in onetime.new_recovery_codes()):
        for letter in code.replace("-", "")[:25]:  # the last one carries three bits
            counts[letter] = counts.get(letter, 0) + 1
    total = sum(counts.values())
    entropy = -sum(count / total * log2(count / total) for count in counts.values())
    assert entropy > 4.99


async def test_a_removed_factor_is_dead_at_once(world: World, app: App) -> None:
    """V6.5.6: also for a challenge that was given out before."""
    await with_passkey(world)
    challenge = await first(world)
    async with world.desk.read(world.acme.agent) as work:
        factor = await work.value("select factor_id from sec.own_factors() where kind = 'totp'")
    await account.remove_factor(world.desk, world.acme.agent, factor)  # pyright: ignore[reportArgumentType]
    with pytest.raises(SignedOut):
        await step_two(world, challenge, app.code())
    with pytest.raises(WrongFactor):
        await step_two(world, await first(world), app.code())
    assert (await entries(world))[-1] == "credential.changed"


async def test_a_challenge_belongs_to_one_browser_and_one_sign_in(world: World, app: App) -> None:
    """V6.6.2: it is of no use in another browser, under another purpose, or a second time."""
    challenge = await first(world)
    with pytest.raises(SignedOut):
        await step_two(world, challenge, app.code(), ELSEWHERE)
    with pytest.raises(SignedOut):
        await commands.choose(world.desk, challenge, world.acme.org, VISIT)
    assert isinstance(await step_two(world, challenge, app.code()), Issued)
    with pytest.raises(SignedOut):
        await step_two(world, challenge, app.codes[0])


async def test_five_tries_then_the_challenge_is_over(world: World, app: App) -> None:
    """V6.6.3: the right code comes too late."""
    challenge = await first(world)
    for _ in range(5):
        with pytest.raises(WrongFactor):
            await step_two(world, challenge, "not it")
    with pytest.raises(SignedOut, match="too often"):
        await step_two(world, challenge, app.code())


async def test_ten_tries_then_the_account_waits(world: World, app: App) -> None:
    """V6.6.3: new challenges give no new tries; a browser that signed in before is still let in."""
    known = await entered(await step_two(world, await first(world), app.codes[0]))
    assert known.device
    challenges = [await first(world) for _ in range(3)]
    for number in range(guard.PER_ACCOUNT):
        with pytest.raises(WrongFactor):
            await step_two(world, challenges[number // 4], "000000")
    with pytest.raises(TooMany) as refused:
        await step_two(world, await first(world), app.code())
    assert 0 < int(refused.value.headers["Retry-After"]) <= guard.WINDOW
    visit = replace(VISIT, device=known.device)
    assert isinstance(await step_two(world, await first(world, visit), app.code(), visit), Issued)


@pytest.mark.parametrize("kind", ["totp", "recovery"])
async def test_of_two_uses_at_once_one_is_right(world: World, app: App, kind: str) -> None:
    """V6.5.1: in a race as well."""
    code = app.code() if kind == "totp" else app.codes[0]
    challenges = [await first(world) for _ in range(8)]
    tries = [step_two(world, challenge, code) for challenge in challenges]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Issued) for each in found) == 1
    assert sum(isinstance(each, WrongFactor) for each in found) == len(found) - 1


async def test_a_passkey_is_a_second_factor(world: World, now: Now) -> None:
    """V6.7.2: it signs the challenge of this sign-in, 32 random bytes; one that does not verify its user will do here."""
    made = await with_passkey(world, verifies=False)
    challenge, other = await first(world), await first(world)
    assert len(challenge) == 43
    with pytest.raises(WrongFactor):
        await second.answer_second(world.desk, challenge, signing(made, other), None, VISIT)
    shown = signing(made, challenge)
    assert isinstance(await second.answer_second(world.desk, challenge, shown, None, VISIT), Issued)
    with pytest.raises(SignedOut):
        await second.answer_second(world.desk, challenge, shown, None, VISIT)


async def test_challenges_are_never_the_same(world: World) -> None:
    """V6.7.2: over 64 bits, and no two alike."""
    posed = {await second.pose_passkey(world.desk, VISIT) for _ in range(200)}
    assert len(posed) == 200


async def test_a_passkey_alone_signs_in(world: World, now: Now) -> None:
    """V6.7.2: without a password, if its authenticator verified its user; the challenge works once and in this browser."""
    made = await with_passkey(world)
    challenge = await second.pose_passkey(world.desk, VISIT)
    with pytest.raises(SignedOut):
        await second.sign_in_with_passkey(world.desk, challenge, signing(made, challenge), None, ELSEWHERE)
    shown = signing(made, challenge)
    issued = await second.sign_in_with_passkey(world.desk, challenge, shown, None, VISIT)
    assert isinstance(issued, Issued)
    assert issued.actor.member == world.acme.agent.member
    with pytest.raises(SignedOut):
        await second.sign_in_with_passkey(world.desk, challenge, shown, None, VISIT)


async def test_what_does_not_sign_in(world: World, now: Now) -> None:
    """Without user verification, at another origin, with a counter that stands still, with another's key or handle: nobody enters."""
    made = await with_passkey(world)

    async def refused(shown: Authenticator) -> None:
        challenge = await second.pose_passkey(world.desk, VISIT)
        with pytest.raises(WrongFactor):
            await second.sign_in_with_passkey(world.desk, challenge, signing(shown, challenge), None, VISIT)

    await refused(replace(made, verifies=False))
    await refused(replace(made, origin="https://desk.test.evil.example"))
    await refused(replace(made, origin="http://desk.test"))
    await refused(replace(made, key=Authenticator("").key))
    await refused(replace(made, handle=b"x" * 16))
    await refused(replace(made, id=b"unknown"))
    used = replace(made, count=50)
    challenge = await second.pose_passkey(world.desk, VISIT)
    assert isinstance(
        await second.sign_in_with_passkey(world.desk, challenge, signing(used, challenge), None, VISIT), Issued
    )
    await refused(replace(made, count=used.count - 1))


async def test_step_up(world: World, app: App) -> None:
    """V7.5.1, V7.5.3, V7.2.4: after ten minutes what matters asks again; a confirmation gives a new token and ends the old one."""
    agent = (await entered(await step_two(world, await first(world), app.code()))).actor
    app.now.on(CONFIRMED_FOR.total_seconds() + 1)
    for permission in (Permission.CREDENTIAL_OWN, Permission.EXPORT_REQUEST):
        with pytest.raises(ConfirmFirst):
            agent.demand(permission)
    with pytest.raises(ConfirmFirst):
        await enrolment.begin_totp(world.desk, agent, VISIT)
    for password, code in (("wrong", app.code()), (PASSWORD, ""), (PASSWORD, "000000"), ("", app.codes[0])):
        with pytest.raises(WrongFactor):
            await confirming.confirm(world.desk, agent, password, "", Shown(PARTY, code), VISIT)
    issued = await confirming.confirm(world.desk, agent, PASSWORD, "", Shown(PARTY, app.code()), VISIT)
    assert await world.desk.peek(agent.session_hash) is None
    connection = await world.superuser()
    at = await connection.fetchval("select confirmed_at from sec.session where hash = $1", issued.actor.session_hash)
    await connection.close()
    clock.set_source(lambda: at)
    issued.actor.demand(Permission.CREDENTIAL_OWN)
    assert (await entries(world))[-1] == "session.rotated"


async def test_a_passkey_confirms(world: World, now: Now) -> None:
    """V7.5.1: one that verifies its user stands alone; one that does not goes with the password; neither for another session."""
    made = await with_passkey(world)
    agent, other = world.acme.agent, world.acme.admin
    challenge, ids = await confirming.pose(world.desk, agent, VISIT)
    assert ids == (made.id,)
    theirs, _ = await confirming.pose(world.desk, other, VISIT)
    with pytest.raises(WrongFactor):
        await confirming.confirm(world.desk, agent, PASSWORD, theirs, signing(made, theirs), VISIT)
    issued = await confirming.confirm(world.desk, agent, "", challenge, signing(made, challenge), VISIT)
    plain = replace(made, verifies=False)
    for password, right in (("", False), (PASSWORD, True)):
        challenge, _ = await confirming.pose(world.desk, issued.actor, VISIT)
        work = confirming.confirm(world.desk, issued.actor, password, challenge, signing(plain, challenge), VISIT)
        if right:
            assert isinstance(await work, Issued)
        else:
            with pytest.raises(WrongFactor):
                await work


async def test_wrong_confirmations_are_counted(world: World) -> None:
    """V6.6.3: whoever took a session does not try passwords for ever."""
    agent = world.acme.agent
    for _ in range(guard.PER_ACCOUNT):
        with pytest.raises(WrongFactor):
            await confirming.confirm(world.desk, agent, "wrong", "", Shown(PARTY), VISIT)
    with pytest.raises(TooMany):
        await confirming.confirm(world.desk, agent, PASSWORD, "", Shown(PARTY), VISIT)
