"""Sessions that end while requests are under way, and the last two admins against each other: nothing outlives what ended it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import product
from uuid import UUID

from counts import count
from newcomers import hashed, join
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.account import commands as account
from sealdesk.account.tokens_commands import Wanted as WantedToken
from sealdesk.account.tokens_commands import issue
from sealdesk.core.errors import NotPermitted, Refusal, SignedOut, StateConflict
from sealdesk.ledger.events import Stream
from sealdesk.ledger.fsck import fsck
from sealdesk.members import commands
from sealdesk.members.commands import Wanted, change_member
from sealdesk.members.rules import SignInRules, set_sign_in_rules
from sealdesk.people import commands as people
from sealdesk.people import confirming
from sealdesk.people.sessions import Known, Visit
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft
from sealdesk.verification.terminal import with_state
from sealdesk.web.tokens import new_token, token_hash
from world import World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
EMAIL = "racer@acme.test"
RULES = SignInRules((Role.AUDITOR,), 60, 24)


def whatever(_: int) -> None:
    return None


@dataclass
class Race:
    """A member whose sessions are ended while they act: in `acme`, where it happens, and in `globex`, from where they come over.

    `made` are the hashes of what was given out in acme during this race, `verified` is the version of the credential when it began.
    """

    world: World
    person: UUID
    member: UUID
    thread: UUID
    chance: random.Random
    here: Actor
    elsewhere: Actor
    verified: int = 0
    made: list[bytes] = field(default_factory=list[bytes])

    async def enter(self, org: UUID) -> Actor:
        """Sign in: all that comes after the password was found right."""
        return await entered(self.world, self.person, org)

    async def alive(self) -> list[tuple[str, bool]]:
        """Kind and weakness of what still opens anything for the member in acme, as the desk itself sees it."""
        found = [await self.world.desk.peek(each) for each in self.made]
        return [(each.kind, each.weak) for each in found if each is not None]


# What is under way: each gives what it got to work with in acme, if that is anything.


async def posts(race: Race) -> bytes | None:
    await threads.post_message(race.world.desk, race.here, race.thread, Draft("under way"), key=None, origin=None)


async def takes_a_token(race: Race) -> bytes | None:
    token, _ = await issue(race.world.desk, race.here, WantedToken("racer", frozenset({"thread.read"}), 1))
    return token_hash(token)


async def confirms(race: Race) -> bytes | None:
    """What follows on a right answer to step-up."""
    async with race.world.desk.change(race.here, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", race.member))
        token = await confirming.rotate(change, "confirmed", "password")
    return token_hash(token)


async def comes_over(race: Race) -> bytes | None:
    issued = await account.switch_organisation(race.world.desk, race.elsewhere, race.world.acme.org)
    return token_hash(issued.token)


async def signs_in(race: Race) -> bytes | None:
    """With the password that was right when the race began."""
    return (await entered(race.world, race.person, race.world.acme.org, race.verified)).session_hash


# What ends sessions.


async def signs_out(race: Race) -> None:
    await people.sign_out(race.world.desk, race.here)


async def is_signed_out(race: Race) -> None:
    await commands.end_sessions(race.world.desk, race.world.acme.admin, race.member)


async def is_signed_out_with_all(race: Race) -> None:
    await commands.end_all_sessions(race.world.desk, race.world.acme.admin)


async def gets_another_role(race: Race) -> None:
    await change_member(race.world.desk, race.world.acme.admin, race.member, Wanted(role=Role.AUDITOR), whatever)


async def resets_the_password(race: Race) -> None:
    """By a mailed link, in both organisations."""
    link, pool = new_token(), await race.world.desk.database.pool("desk_gate")
    mailing = "select sec.mail_link($1, 'reset', $2, interval '1 hour', gen_random_uuid(), $3)"
    await pool.execute(mailing, token_hash(link), EMAIL, bytes(29))
    encoded = f"{hashed()}{race.chance.random()}"  # nobody verifies it here
    assert await pool.fetchval("select sec.reset_password($1, $2, null)", token_hash(link), encoded) == EMAIL


async def is_deactivated(race: Race) -> None:
    await change_member(race.world.desk, race.world.acme.admin, race.member, Wanted(active=False), whatever)


FLIGHTS: tuple[Callable[[Race], Awaitable[bytes | None]], ...] = (
    posts, takes_a_token, confirms, comes_over, signs_in,
)  # fmt: skip
ENDINGS: tuple[Callable[[Race], Awaitable[None]], ...] = (
    signs_out, is_signed_out, is_signed_out_with_all, gets_another_role, is_deactivated, resets_the_password,
)  # fmt: skip


async def begin(world: World) -> Race:
    """A member of both organisations, and a conversation to write in."""
    await set_sign_in_rules(world.desk, world.acme.admin, RULES, whatever)
    member = await join(world.desk, world.acme.org, Role.AGENT, EMAIL)
    await join(world.desk, world.globex.org, Role.AGENT, EMAIL)
    connection = await world.superuser()
    person = await connection.fetchval("select person_id from sec.person where email = $1", EMAIL)
    await connection.close()
    opening = threads.open_thread(world.desk, world.acme.requester, "x", Draft("y"), "chat", key=None, origin=None)
    return Race(world, person, member, await opening, random.Random(5), world.acme.agent, world.acme.agent)


async def later(race: Race, work: Awaitable[bytes | None] | Awaitable[None]) -> bytes | None:
    """A moment later, so that every order has its turn."""
    await asyncio.sleep(race.chance.choice((0, 0, 0.002, 0.005, 0.01, 0.02)))
    return await work


async def run(
    race: Race, flight: Callable[[Race], Awaitable[bytes | None]], ending: Callable[[Race], Awaitable[None]]
) -> None:
    """One race, and what must hold after it."""
    race.here, race.elsewhere = await race.enter(race.world.acme.org), await race.enter(race.world.globex.org)
    race.made, race.verified = [race.here.session_hash], await version_of(race.world, race.person)
    got, ended = await asyncio.gather(later(race, flight(race)), later(race, ending(race)), return_exceptions=True)
    assert got is None or isinstance(got, bytes | Refusal), repr(got)
    assert ended is None or (ending is signs_out and isinstance(ended, SignedOut)), repr(ended)
    if isinstance(got, bytes):
        race.made.append(got)
    alive = await race.alive()
    label = f"{flight.__name__}, {ending.__name__}"
    if flight in (signs_in, comes_over) and ending not in (is_deactivated, resets_the_password):
        # A new session may come after all that: then it is the only one, and as the rules have it for the role of now.
        assert alive in ([], [("session", ending is gets_another_role)]), label
    elif ending is signs_out and flight is takes_a_token:
        assert alive in ([], [("token", False)]), label  # a token outlives the session that made it
    elif ended is None:
        assert alive == [], label
    await restore(race, ending)


async def restore(race: Race, ending: Callable[[Race], Awaitable[None]]) -> None:
    """An agent with access again. Nothing that was dead comes to life by that."""
    if ending in (is_deactivated, gets_another_role):
        wanted = Wanted(active=True) if ending is is_deactivated else Wanted(role=Role.AGENT)
        await change_member(race.world.desk, race.world.acme.admin, race.member, wanted, whatever)
        assert await race.alive() == []


async def test_no_session_outlives_what_ended_it(world: World) -> None:
    """ASVS V7.4.1, V7.4.2, V8.3.2: whatever is under way at that moment, nothing that was given out opens anything afterwards."""
    race = await begin(world)
    pairs = list(product(FLIGHTS, ENDINGS))
    for number in range(count(60, 750)):
        await run(race, *pairs[number % len(pairs)])
        if number % 20 == 0:
            await world.seal()
    await settled(world)


async def test_two_admins_lower_or_remove_each_other_at_once(world: World) -> None:
    """Exactly one act stands each time, and never is there no admin."""
    race = await begin(world)
    await change_member(world.desk, world.acme.admin, race.member, Wanted(role=Role.ADMIN), whatever)
    keeper, other = world.acme.admin, await race.enter(world.acme.org)
    for number in range(count(20, 250)):
        wanted = Wanted(role=Role.AGENT) if number % 2 else Wanted(active=False)
        ended = await asyncio.gather(
            change_member(world.desk, keeper, other.member, wanted, whatever),
            change_member(world.desk, other, keeper.member, wanted, whatever),
            return_exceptions=True,
        )
        assert sorted(isinstance(each, Refusal) for each in ended) == [False, True], ended
        refused = next(each for each in ended if isinstance(each, BaseException))
        assert isinstance(refused, StateConflict | SignedOut | NotPermitted), refused
        assert await admins(world) == 1
        keeper, lost = (other, keeper) if isinstance(ended[0], BaseException) else (keeper, other)
        assert await world.desk.peek(lost.session_hash) is None
        again = Wanted(role=Role.ADMIN) if number % 2 else Wanted(active=True)
        await change_member(world.desk, keeper, lost.member, again, whatever)
        other = await back(world, lost.member)
        if number % 20 == 0:
            await world.seal()
    await settled(world)


async def admins(world: World) -> int:
    """How many there are in acme."""
    async with world.desk.read(world.acme.auditor) as work:
        found = await work.value("select count(*) from app.member where role = 'admin' and active")
    assert isinstance(found, int)
    return found


async def back(world: World, member: UUID) -> Actor:
    """A member's new session."""
    connection = await world.superuser()
    person = await connection.fetchval("select person_id from app.member where member_id = $1", member)
    await connection.close()
    return await entered(world, person, world.acme.org)


async def version_of(world: World, person: UUID) -> int:
    """Of a person's credential: what was checked against an earlier one opens nothing."""
    connection = await world.superuser()
    found = await connection.fetchval("select credential_version from sec.person where person_id = $1", person)
    await connection.close()
    assert isinstance(found, int)
    return found


async def entered(world: World, person: UUID, org: UUID, version: int | None = None) -> Actor:
    """Signed in: all that comes after the password was found right, against the credential of `version` (by default the present one)."""
    found = tuple(await people.memberships(world.desk, person))
    there = next((each for each in found if each.org == org), None)
    if there is None:
        raise SignedOut  # put out since the password was checked: the desk says so to who signs in, too
    known = Known(person, found, 0, "password", version if version is not None else await version_of(world, person))
    return (await people.issue(world.desk, known, there, VISIT)).actor


async def settled(world: World) -> None:
    """The record and what stands beside it agree."""
    await world.seal()
    report = await fsck(world.desk.database, world.signer, sealer=world.desk.sealer)
    assert list((await with_state(world.desk.database, report, None, world.desk.sealer)).differences()) == []
