"""How often a route may be called: policies declared on routes, counted per person, address and target.

A refusal carries `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-11 has them (pinned: still a draft) and
`Retry-After` (RFC 9110, 10.2.3).
"""

import ipaddress
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import Storage

from sealdesk.core import clock
from sealdesk.core.counters import Count, Counters, Hit
from sealdesk.core.errors import TooMany
from sealdesk.core.faults import Fault

KINDS: Final = ("person", "address", "target", "org")
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limit:
    """A named policy. Each figure reads like `30/minute`; None leaves that count out. `name` is stable: it is the key of the counters.

    `per_person` counts the acting member, `per_address` the peer's address (an IPv6 network of 64 bits), `per_target` what the path
    names, over all people of an organisation, and `per_org` all of them together.
    """

    name: str
    per_person: str | None = None
    per_address: str | None = None
    per_target: str | None = None
    per_org: str | None = None
    person: RateLimitItem | None = field(init=False)
    address: RateLimitItem | None = field(init=False)
    target: RateLimitItem | None = field(init=False)
    org: RateLimitItem | None = field(init=False)

    def __post_init__(self) -> None:
        for kind in KINDS:
            text: str | None = getattr(self, f"per_{kind}")
            object.__setattr__(self, kind, parse(text) if text else None)
        if not any(getattr(self, kind) for kind in KINDS):
            raise ValueError(f"the limit policy {self.name} limits nothing")


READ: Final = Limit("read", per_person="1200/minute", per_address="2400/minute")
"""What a plain read may cost when its route says nothing else."""


def read_policies(text: str) -> dict[str, Limit]:
    """The operator's own policies by name, from `NAME:person=120/minute,address=600/minute,target=240/minute`, separated by blanks.

    What a policy leaves out stays as its route declares it; the word `off` alone is no policy. Raises `Fault` for what makes no sense.
    """
    policies: dict[str, Limit] = {}
    if text == "off":
        return policies
    for each in text.split():
        name, _, figures = each.partition(":")
        try:
            counts = {f"per_{kind}": amount for kind, _, amount in (part.partition("=") for part in figures.split(","))}
            policies[name] = Limit(name, **counts)
        except (TypeError, ValueError):
            raise Fault(
                f"SEALDESK_LIMITS has no sense at {each!r}; write for example message-post:person=120/minute,address=600/minute."
            ) from None
    return policies


class Limiter:
    """Counts in `storage`, which is this process's own, and what changes something in `shared`, which all web processes see.

    `policies` are an operator's figures by name: each wins over ours, and takes no other count away. `off` counts nothing: for
    measurements, and refused in production.
    """

    def __init__(
        self,
        storage: Storage,
        policies: Mapping[str, Limit] | None = None,
        shared: Counters | None = None,
        *,
        off: bool = False,
    ) -> None:
        self._off = off
        self._storage = storage
        self._shared = shared
        self._policies = dict(policies or {})
        self._merged: dict[Limit, Limit] = {}

    def _of(self, limit: Limit) -> Limit:
        """The policy with the operator's figures where there are any."""
        own = self._policies.get(limit.name)
        if own is None:
            return limit
        if limit not in self._merged:
            counts = {f"per_{kind}": getattr(own, f"per_{kind}") or getattr(limit, f"per_{kind}") for kind in KINDS}
            self._merged[limit] = Limit(limit.name, **counts)
        return self._merged[limit]

    async def admit_early(self, limit: Limit, address: str) -> None:
        """A cheap bound ahead of `admit_change`, before anybody asks who sends it: twice what the address may. Raises `TooMany`."""
        limit = self._of(limit)
        if limit.address is not None and not self._off:
            await self._hit(limit, "address", limit.address, address_bucket(address), slack=2 if self._shared else 1)

    async def admit_change(
        self, limit: Limit, address: str | None, member: str | None, path: str, org: str | None = None
    ) -> None:
        """Count a request that changes something, by all it is counted by, at once and over all processes. Raises `TooMany`.

        Without `address` it was counted by that already.
        """
        if self._off:
            return
        if self._shared is None:
            if member is not None:
                await self.admit_person(limit, member, path)
            return
        # A target is one of an organisation: whoever knows another one's id uses up nothing there.
        limit, of = self._of(limit), f"/{org}" if org else ""
        counted = [
            (kind, item, key)
            for kind, item, key in (
                ("address", limit.address, address_bucket(address) if address else None),
                ("person", limit.person, member),
                ("target", limit.target, target_of(path) + of if member is not None else None),
                ("org", limit.org, org),
            )
            if item is not None and key is not None
        ]
        hits = [Hit(f"{limit.name}/{kind}/{key}", item.get_expiry()) for kind, item, key in counted]
        full = self._shared.full
        for hit, (kind, _, _) in zip(hits, counted, strict=True):
            if known := full.find(hit.name):
                raise _over(limit, await self._whose(self._shared, limit, kind, member), known[0])
        for hit, (kind, item, _), count in zip(
            hits, counted, await self._shared.hit(*hits) if hits else [], strict=True
        ):
            if count.number > item.amount:
                full.keep(hit.name, count)
                raise _over(limit, await self._whose(self._shared, limit, kind, member), count)

    @staticmethod
    async def _whose(shared: Counters, limit: Limit, kind: str, member: str | None) -> str:
        """The kind of count that is used up: a person's own, too, once they try more than they may where others used it up."""
        if kind == "person" or member is None or limit.person is None:
            return kind
        hit = Hit(f"{limit.name}/refused/{member}", limit.person.get_expiry())
        if shared.full.find(hit.name):
            return "person"
        (count,) = await shared.hit(hit)
        if count.number <= limit.person.amount:
            return kind
        shared.full.keep(hit.name, count)
        return "person"

    async def admit_address(self, limit: Limit, address: str) -> None:
        """Count a request by where it comes from, before anybody asks who sends it. Raises `TooMany`."""
        limit = self._of(limit)
        if limit.address is not None and not self._off:
            await self._hit(limit, "address", limit.address, address_bucket(address))

    async def admit_person(self, limit: Limit, member: str, path: str) -> None:
        """Count a request by who sends it and what it is about. Raises `TooMany`."""
        if self._off:
            return
        limit = self._of(limit)
        if limit.person is not None:
            await self._hit(limit, "person", limit.person, member)
        if limit.target is not None:
            await self._hit(limit, "target", limit.target, target_of(path))

    async def _hit(self, limit: Limit, kind: str, item: RateLimitItem, key: str, *, slack: int = 1) -> None:
        # The library's fixed-window strategy, without the five calls it needs to make a key: this runs twice a request.
        name = f"{limit.name}/{kind}/{key}"
        if await self._storage.incr(name, item.get_expiry()) > item.amount * slack:
            reset = await self._storage.get_expiry(name)
            raise _refusal(limit, kind, max(1, math.ceil(reset - time.time())))


class Crowded(TooMany):
    """The limit of an address, a conversation or an organisation: whoever is refused need not be who used it up.

    It is of a kind of its own on record, as it says nothing of them.
    """

    slug = "crowded"


def _over(limit: Limit, kind: str, count: Count) -> TooMany:
    return _refusal(limit, kind, max(1, math.ceil((count.until - clock.now()).total_seconds())))


def _refusal(limit: Limit, kind: str, seconds: int) -> TooMany:
    policies = {kind: item for kind in KINDS if (item := getattr(limit, kind)) is not None}
    announced = ", ".join(
        f'"{limit.name}-{name}";q={item.amount};w={item.get_expiry()}' for name, item in policies.items()
    )
    return (Crowded if kind in ("address", "target", "org") else TooMany)(
        "Too many requests of this kind; nothing was changed.",
        seconds=seconds,
        headers={
            "RateLimit": f'"{limit.name}-{kind}";r=0;t={seconds}',
            "RateLimit-Policy": announced,
        },
        **{"violated-policies": [f"{limit.name}-{kind}"]},
    )


def target_of(path: str) -> str:
    """What a path names: its first id, so that a conversation is one target by whichever route one writes into it."""
    found = _ID.search(path)
    return found[0].lower() if found else path


def address_bucket(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one IPv6 customer has to itself."""
    if ":" not in address:
        return address
    try:
        host = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(host.ipv4_mapped or ipaddress.IPv6Network((int(host) >> 64 << 64, 64)))
