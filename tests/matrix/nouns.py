"""The things that paths name, in each state they have, within reach of whoever asks and beyond it."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from evidence import builder
from matrix.stage import ROLES, Member, Stage, nobodys
from matrix.unread import Unread, judge_message
from sealdesk.abuse.commands import Decision, decide
from sealdesk.abuse.model import Decided
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.errors import OutsideReach, StateConflict
from sealdesk.exports import commands as exports
from sealdesk.exports.commands import Asked
from sealdesk.exports.model import Export
from sealdesk.exports.scope import Threads
from sealdesk.members import commands as members
from sealdesk.members import invitations, recovery
from sealdesk.members.commands import Wanted
from sealdesk.members.invitations import Newcomer
from sealdesk.members.model import Member as MemberNoun
from sealdesk.members.model import NotThem
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft, Thread
from sealdesk.threads.states import change_state
from sealdesk.tickets import commands as tickets
from sealdesk.tickets.model import STATUSES, Ticket, Work
from sealdesk.tickets.taking import TakenAlready
from watching import flagged
from world import Cast

OWN, ANOTHERS, FOREIGN = "own", "another member's", "another organisation's"
WHERE = {"address": "192.0.2.77", "agent": "canary-browser", "session": "canary-session"}
NOTE = "canary-note"
ASSIGNEE = "Canary Assignee"
STAFF = frozenset({Role.AGENT, Role.ADMIN, Role.AUDITOR})
REACH: Mapping[str, frozenset[Role]] = {
    "thread": STAFF,
    "entry": STAFF,
    "message": STAFF,
    "export": frozenset({Role.ADMIN, Role.AUDITOR}),
    "member": STAFF,
    "recovery": STAFF,
    "flag": STAFF,
    "session": frozenset(),
    "held session": frozenset(),
    "factor": frozenset(),
    "token": frozenset(),
    "organisation's token": frozenset({Role.ADMIN}),
}
"""Who reaches what another member of the organisation has. Nobody reaches another organisation's."""
STATES: Mapping[str, tuple[str, ...]] = {
    "thread": (*STATUSES, "locked", "chat"),
    "entry": ("sealed", "pending", "internal"),
    "message": ("plain", "redacted", "asked", "erased"),
    "export": ("built", "queued", "building", "failed", "expired"),
    "member": ("active", "deactivated", "invited"),
    "flag": ("open", "confirmed", "dismissed"),
    "recovery": ("waiting", "nothing", "no factor"),
    "session": ("live", "ended"),
    "held session": ("held", "live", "ended"),
    "factor": ("there", "removed"),
    "token": ("live", "ended", "expired"),
    "organisation's token": ("live", "ended", "expired"),
}
"""The first of each is the one in which everything else is tried."""


def _never(_method: str, _verb: str, _says: Any) -> None:
    """The state refuses nothing."""


@dataclass(frozen=True, slots=True)
class Noun:
    """A thing by the values that a path takes; `judge` raises what its state says to a method, the last word of a path, and a body."""

    values: Mapping[str, str]
    reached: bool = True
    judge: Callable[[str, str, Any], None] = _never


class Nouns:
    """Makes them. What no cell changes is made once."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.unread = Unread(stage, self._actor)
        self._kept: dict[tuple[object, ...], Any] = {}
        self._exports: dict[tuple[Role, str], UUID] = {}

    async def make(self, name: str, state: str, whose: str, holder: Member, *, fresh: bool) -> Noun:
        """One `name` in a state, as `holder` finds it. `fresh` where it is going to be changed."""
        reached = whose == OWN or (whose == ANOTHERS and holder.role in REACH[name])
        makers: dict[str, Callable[..., Awaitable[Noun]]] = {
            "thread": self._thread,
            "entry": self._entry,
            "message": self._message,
            "export": self._export,
            "member": self._member,
            "recovery": self._recovery,
            "flag": self._flag,
        }
        return await makers.get(name, self._credential)(name, state, whose, holder, reached, fresh)

    async def conversation(self, state: str, whose: str, *, fresh: bool = False) -> UUID:
        """A conversation with desk work on it, as far as its state has any."""
        key = ("thread", state, whose)
        if fresh or key not in self._kept:
            made = await self._converse(state, whose, rich=not fresh)
            if fresh:
                return made
            self._kept[key] = made
        return self._kept[key]

    async def _converse(self, state: str, whose: str, *, rich: bool) -> UUID:
        desk, world = self._stage.world.desk, self._stage.world
        cast: Cast = world.globex if whose == FOREIGN else world.acme
        opener = await self._actor(cast, "stranger" if whose == ANOTHERS else "requester")
        agent = await self._actor(cast, "agent")
        opening = threads.open_thread if state == "chat" else tickets.open_request
        thread = await opening(desk, opener, "A subject", Draft("A body"), "portal", key=None, origin=WHERE)
        if rich:
            said = (Draft("An answer"), Draft(f"{NOTE} of the desk", "internal"))
            for draft in said:
                await threads.post_message(desk, agent, thread, draft, key=None, origin=WHERE)
        if state != "chat":
            assignee = await self._assignee() if rich and whose != FOREIGN else None
            work = Work(state if state in STATUSES else None, "urgent", assignee)
            await tickets.change_ticket(desk, agent, thread, work, lambda _: None)
        if state == "locked":
            await change_state(desk, agent, thread, "lock", "other", "as the matrix has it")
        return thread

    async def _thread(self, name: str, state: str, whose: str, holder: Member, reached: bool, fresh: bool) -> Noun:
        thread = await self.conversation(state, whose, fresh=fresh)
        if whose == OWN and holder.role is Role.REQUESTER:
            await self._stage.admin.execute(
                "insert into app.thread_member (org_id, thread_id, member_id) values ($1, $2, $3) on conflict do nothing",
                holder.org,
                thread,
                holder.id,
            )
        key = ("judge", thread)
        if key not in self._kept:
            async with self._stage.world.desk.read(await self._reader(whose)) as work:
                self._kept[key] = await Thread.find(work, thread, ()), await Ticket.find(work, thread, ())
        found, ticket = self._kept[key]

        def judge(method: str, verb: str, says: Any) -> None:
            if (method, verb) == ("POST", "messages"):
                found.post(self._stage.world.acme.agent, Draft("x"), None)
            if verb == "take" and ticket is not None and ticket.assignee is not None:
                raise TakenAlready
            if verb == "ticket" and ticket is None and method != "PUT":
                raise OutsideReach

        return Noun({"thread": str(thread)}, reached, judge)

    async def _entry(self, name: str, state: str, whose: str, holder: Member, reached: bool, fresh: bool) -> Noun:
        thread = await self._thread("thread", "open", whose, holder, reached, fresh=False)
        kind, seq = ("ticket", 2) if state == "internal" else ("thread", 1)
        query = "select entry_id from ledger.entry where stream_kind = $1 and stream_id = $2 and stream_seq = $3"
        if state == "pending":
            actor = await self._actor(self._stage.world.globex if whose == FOREIGN else self._stage.world.acme, "agent")
            said = Draft("Not sealed yet")
            posted = await threads.post_message(
                self._stage.world.desk, actor, UUID(thread.values["thread"]), said, key=None, origin=WHERE
            )
            entry = posted.entry_id
        else:
            entry = await self._stage.admin.fetchval(query, kind, UUID(thread.values["thread"]), seq)
        hidden = state == "internal" and holder.role is Role.REQUESTER
        return Noun({**thread.values, "entry": str(entry)}, reached and not hidden)

    async def _message(self, name: str, state: str, whose: str, holder: Member, reached: bool, fresh: bool) -> Noun:
        """A message of an agent, redacted or to be erased, where the organisation erases."""
        cast = self._stage.world.globex if whose == FOREIGN else self._stage.world.acme
        await self.unread.turn(cast.org, "on")
        around = await self._thread("thread", "open", whose, holder, reached, fresh)
        thread, key = UUID(around.values["thread"]), ("message", state, whose, around.values["thread"])
        if fresh or key not in self._kept:
            self._kept[key] = await self.unread.said(cast, thread, state)
        judge = partial(judge_message, state)
        return Noun({**around.values, "message": str(self._kept[key])}, reached, judge)

    async def prepare_exports(self) -> None:
        """Have a bundle built for each role, and ask for those that stay as they are."""
        world, desk = self._stage.world, self._stage.world.desk
        thread = await self.conversation("open", OWN)
        asked = Asked("A purpose", Threads((thread,)))
        actors = {role: await self._stage.actor(self._stage.cast(role)) for role in ROLES}
        for role, actor in actors.items():
            self._exports[role, "built"] = (await exports.request_export(desk, actor, asked, key=None)).id
        await world.seal()
        for _ in actors:
            assert await builder(world).step()
        for role, actor in actors.items():
            for state in STATES["export"][1:]:
                made = await exports.request_export(desk, actor, asked, key=None)
                self._exports[role, state] = made.id
                setting = "update app.export set state = $2 where export_id = $1"
                await self._stage.admin.execute(setting, made.id, state)

    async def _export(self, name: str, state: str, whose: str, holder: Member, reached: bool, fresh: bool) -> Noun:
        if not self._exports:
            await self.prepare_exports()
        if whose == FOREIGN:
            export, found = await self._foreign_export(), None
        else:
            others = Role.AGENT if holder.role is Role.REQUESTER else Role.REQUESTER
            export = self._exports[others if whose == ANOTHERS else holder.role, state]
            if ("export", export) not in self._kept:
                async with self._stage.world.desk.read(await self._reader(OWN)) as work:
                    self._kept["export", export] = await Export.find(work, export, ())
            found = self._kept["export", export]

        def judge(method: str, verb: str, says: Any) -> None:
            if verb == "bundle" and found is not None:
                _ = found.kept

        return Noun({"export": str(export)}, reached, judge)

    async def _foreign_export(self) -> UUID:
        if ("foreign export",) not in self._kept:
            actor = await self._actor(self._stage.world.globex, "requester")
            asked = Asked("x", Threads((await self.conversation("open", FOREIGN),)))
            made = await exports.request_export(self._stage.world.desk, actor, asked, key=None)
            self._kept["foreign export",] = made.id
        return self._kept["foreign export",]

    async def _member(self, name: str, state: str, whose: str, holder: Member, reached: bool, fresh: bool) -> Noun:
        if holder.role is Role.REQUESTER and whose == OWN and state == "active":
            return Noun({"member": str(holder.id)})
        key = ("member", state, whose)
        if fresh or key not in self._kept:
            self._kept[key] = await self._in_state(
                state, self._stage.world.globex.org if whose == FOREIGN else holder.org
            )
        found: MemberNoun = self._kept[key]
        reached = reached and holder.role in STAFF  # requesters reach themselves alone

        def judge(method: str, verb: str, says: Any) -> None:
            if verb == "reset":
                found.reset(signs_in=True)
            if isinstance(says, dict):
                if "role" in says:
                    found.with_role(Role(says["role"]), signs_in=True)
                if says.get("active") in (True, "yes"):
                    found.reactivated(joined=state == "deactivated")
                if says.get("active") in (False, "no"):
                    found.deactivated()

        return Noun({"member": str(found.id)}, reached, judge)

    async def _recovery(self, name: str, state: str, whose: str, holder: Member, reached: bool, fresh: bool) -> Noun:
        """Somebody who may have lost every second factor, and what was asked for them by an admin who is nobody else here."""
        key = ("recovery", state, whose)
        if fresh or key not in self._kept:
            org = self._stage.world.globex.org if whose == FOREIGN else self._stage.world.acme.org
            somebody = await self._stage.joined(Role.AGENT, org)
            if state != "no factor":
                await self.factor(somebody)
            if state == "waiting":
                cast = self._stage.world.globex if whose == FOREIGN else self._stage.world.acme
                asker = await self._actor(cast, "admin")
                await recovery.ask(self._stage.world.desk, asker, somebody.id, "We met in person")
            self._kept[key] = somebody
        somebody = self._kept[key]

        def judge(method: str, verb: str, says: Any) -> None:
            asks = (method, verb) == ("POST", "recovery")
            if asks and state == "waiting":
                raise StateConflict
            if asks and state == "no factor":
                raise NotThem
            if method != "GET" and not asks and state != "waiting":
                raise recovery.NothingWaits

        return Noun({"member": str(somebody.id)}, reached and holder.role in STAFF, judge)

    async def _flag(self, name: str, state: str, whose: str, holder: Member, reached: bool, fresh: bool) -> Noun:
        key = ("flag", state, whose)
        if fresh or key not in self._kept:
            cast = self._stage.world.globex if whose == FOREIGN else self._stage.world.acme
            thread = await self.conversation("open", whose)
            self._kept[key] = flag = await flagged(self._stage.world, await self._actor(cast, "agent"), thread)
            decided: Decision = "confirmed" if state == "confirmed" else "dismissed"
            if state != "open":
                await decide(self._stage.world.desk, await self._actor(cast, "agent"), flag, decided, "A reason")

        def judge(method: str, verb: str, says: Any) -> None:
            if method == "POST" and state != "open":
                raise Decided

        return Noun({"flag": str(self._kept[key])}, reached and holder.role in STAFF, judge)

    async def _in_state(self, state: str, org: UUID) -> MemberNoun:
        world, desk = self._stage.world, self._stage.world.desk
        admin = await self._actor(world.globex if org == world.globex.org else world.acme, "admin")
        if state == "invited":
            email = f"{secrets.token_hex(6)}@invited.test"
            number = await invitations.invite(desk, admin, Newcomer(email, "Invited", Role.AGENT))
        else:
            number = (await self._stage.joined(Role.AGENT, org)).id
        if state == "deactivated":
            await members.change_member(desk, admin, number, Wanted(active=False), lambda _: None)
        async with desk.read(admin) as work:
            found = await MemberNoun.find(work, number, ())
        assert found is not None
        return found

    async def _credential(self, name: str, state: str, whose: str, holder: Member, reached: bool, fresh: bool) -> Noun:
        """A session, token or factor; the holder's own is made for the holder."""
        cast = self._stage.world.globex if whose == FOREIGN else self._stage.world.acme
        owner = holder if whose == OWN else Member(cast.org, cast.stranger.member, Role.REQUESTER)
        number = str(await self._one(name, state, owner))

        def judge(method: str, verb: str, says: Any) -> None:
            if verb == "recovery-codes":
                if state == "removed":
                    raise StateConflict
            elif state in ("ended", "expired", "removed") or (verb == "vouch" and state != "held"):
                raise OutsideReach

        return Noun({name.rpartition(" ")[2]: number}, reached, judge)

    async def _one(self, name: str, state: str, owner: Member) -> object:
        if name == "factor":
            return nobodys() if state == "removed" else await self.factor(owner)
        kind = "session" if name.endswith("session") else "token"
        scopes = None if kind == "session" else ["thread.read"]
        _, number = await self._stage.mint(owner, kind, scopes=scopes, held=state == "held", ended=state == "ended")
        if state == "expired":
            await self._stage.admin.execute("update sec.session set hard_until = now() where session_id = $1", number)
        return number

    async def factor(self, owner: Member) -> UUID:
        """A second factor of somebody's: an app whose seed nobody knows."""
        return await self._stage.admin.fetchval(
            "insert into sec.factor (factor_id, person_id, kind, name, secret) select gen_random_uuid(), person_id, 'totp', 'App', '\\x00'"
            " from app.member where org_id = $1 and member_id = $2 returning factor_id",
            owner.org,
            owner.id,
        )

    async def _assignee(self) -> UUID:
        if ("assignee",) not in self._kept:
            self._kept["assignee",] = (await self._stage.joined(Role.AGENT, name=ASSIGNEE)).id
        return self._kept["assignee",]

    async def _actor(self, cast: Cast, name: str) -> Actor:
        found: Actor = getattr(cast, name)
        kept: Actor | None = self._kept.get(("actor", found.member))
        # Some of what is asked for ends everybody's sessions.
        if kept is None or await self._stage.world.desk.peek(kept.session_hash) is None:
            kept = await self._stage.actor(Member(found.org, found.member, found.role))
            self._kept["actor", found.member] = kept
        return kept

    async def _reader(self, whose: str) -> Actor:
        return await self._actor(self._stage.world.globex if whose == FOREIGN else self._stage.world.acme, "auditor")
