"""What an organisation's admins set: how its members sign in, and which other sites may show its widget."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest
from sealdesk.ledger.events import Stream
from sealdesk.members import events
from sealdesk.members.queries import admit
from sealdesk.people.holding import hold_role
from sealdesk.people.sessions import ABSOLUTE, IDLE
from sealdesk.unit import Change, Desk, Reading
from sealproof.canonical import JSON

ROLES = (Role.REQUESTER, Role.AGENT, Role.ADMIN, Role.AUDITOR)
IDLE_MINUTES = (5, 1440)
ABSOLUTE_HOURS = (1, 720)
MOST_ORIGINS = 50
_ORIGIN = re.compile(
    r"(?:https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*|http://(?:localhost|127\.0\.0\.1))"
    r"(?::[1-9][0-9]{0,4})?"
)
"""Of sites; and of one that somebody builds on their own machine, which no other machine can be."""

log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class SignInRules:
    """Roles that need a second factor, minutes without use and hours in all after which a session ends."""

    second_factor: tuple[Role, ...] = ()
    idle_minutes: int = int(IDLE.total_seconds() // 60)
    absolute_hours: int = int(ABSOLUTE.total_seconds() // 3600)

    def checked(self) -> "SignInRules":
        """Itself with roles in order; `BadRequest` for times out of bounds."""
        for name, value, (least, most) in (
            ("idle_minutes", self.idle_minutes, IDLE_MINUTES),
            ("absolute_hours", self.absolute_hours, ABSOLUTE_HOURS),
        ):
            if not least <= value <= most:
                raise BadRequest(f"It is {least} to {most:,}.", pointer=f"/{name}")
        if self.idle_minutes > self.absolute_hours * 60:
            raise BadRequest("A session can't last longer without use than in all.", pointer="/idle_minutes")
        roles = tuple(role for role in ROLES if role in self.second_factor)
        return SignInRules(roles, self.idle_minutes, self.absolute_hours)

    def written(self) -> dict[str, JSON]:
        """As it is stored."""
        roles: list[JSON] = [str(role) for role in self.second_factor]
        return {"second_factor": roles, "idle_minutes": self.idle_minutes, "absolute_hours": self.absolute_hours}


@dataclass(frozen=True, slots=True)
class Written:
    """A setting as it is now: its version, and whether it was another before."""

    version: int
    changed: bool


def checked_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Exact origins (RFC 6454, 6.2), sorted, each once: https and a name, or this machine; at most a port. `BadRequest` otherwise."""
    if len(origins) > MOST_ORIGINS:
        raise BadRequest(f"List up to {MOST_ORIGINS} origins; these are {len(origins)}.", pointer="/origins")
    for number, origin in enumerate(origins, 1):
        if len(origin) > 255 or not _ORIGIN.fullmatch(origin):
            example = "Write each as https://shop.example, in small letters, without a path."
            raise BadRequest(f"Number {number} in the list is not an origin. {example}", pointer="/origins")
    return tuple(sorted(set(origins)))


async def sign_in_rules(work: Reading) -> tuple[SignInRules, int]:
    """What holds, and its version; 0 where nothing was set."""
    admit(work.actor, Permission.RULES_MANAGE)
    value, version = await setting(work, "sign_in")
    if value is None:
        held = json.loads(str(await work.value("select sec.own_sign_in_rules()") or "{}"))
        return SignInRules(tuple(Role(role) for role in held.get("second_factor", ()))), 0
    kept = cast("dict[str, object]", value)
    roles = tuple(Role(role) for role in cast("list[str]", kept["second_factor"]))
    return SignInRules(roles, cast("int", kept["idle_minutes"]), cast("int", kept["absolute_hours"])), version


async def allowed_origins(work: Reading) -> tuple[tuple[str, ...], int]:
    """What is allowed, and its version; 0 where nothing was set."""
    admit(work.actor, Permission.RULES_MANAGE)
    value, version = await setting(work, "allowed_origins")
    return tuple(cast("list[str]", value or [])), version


async def set_sign_in_rules(desk: Desk, actor: Actor, rules: SignInRules, require: Callable[[int], None]) -> int:
    """Set how members sign in; it holds for those who are signed in from their next request on. Gives the version."""
    rules = rules.checked()
    async with desk.change(actor) as change:
        done = await set_setting(change, "sign_in", rules.written(), require)
        roles = [str(role) for role in rules.second_factor]
        limits = timedelta(minutes=rules.idle_minutes), timedelta(hours=rules.absolute_hours)
        await change.value("select sec.apply_sign_in_rules($1, $2, $3)", roles, *limits)
    tell(actor, "sign_in", done)
    return done.version


async def set_allowed_origins(
    desk: Desk, actor: Actor, origins: tuple[str, ...], require: Callable[[int], None]
) -> int:
    """Set which sites are allowed. Gives the version."""
    listed: list[JSON] = list(checked_origins(origins))
    async with desk.change(actor) as change:
        done = await set_setting(change, "allowed_origins", listed, require)
    tell(actor, "allowed_origins", done)
    return done.version


async def setting(work: Reading, name: str) -> tuple[object, int]:
    """What is set under a name, and its version; None and 0 where nothing was."""
    row = await work.row("select value, version from app.setting where org_id = $1 and name = $2", work.actor.org, name)
    return (json.loads(row["value"]), row["version"]) if row else (None, 0)


async def set_setting(change: Change, name: str, value: JSON, require: Callable[[int], None]) -> Written:
    """Set it, with its entry; what is so already stays so. `require` judges the present version. `tell` the operator after the commit."""
    org: UUID = change.actor.org
    change.demand(Permission.RULES_MANAGE)
    await change.lock(Stream("org", org))
    await hold_role(change, (Role.ADMIN,))
    old, version = await setting(change, name)
    require(version)
    if old == value:
        change.nothing()
        return Written(version, changed=False)
    prepared = change.prepare(events.rules_changed(org, name, cast("JSON", old), value))
    commit, text = prepared.commits["new"], events.written(value)
    if version:
        await change.execute(
            "update app.setting set value = $3, version = version + 1, commit = $4 where org_id = $1 and name = $2",
            org,
            name,
            text,
            commit,
        )
    else:
        await change.insert("app.setting", name=name, value=text, commit=commit)
    change.record(prepared)
    return Written(version + 1, changed=True)


def tell(actor: Actor, name: str, done: Written) -> None:
    """Tell the operator that a setting is another. Only once that stands: the log says nothing that did not happen."""
    if done.changed:
        log.info("rules_changed", owasp="authz_change", org=str(actor.org), member=str(actor.member), setting=name)
