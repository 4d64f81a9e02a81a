"""Bodies and queries that fit a route, made from its schema: a new route needs a sample only where a field has a meaning of its own."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect as shapes
from pyotp.totp import TOTP

from authenticator import Authenticator
from matrix.stage import Holder, Stage
from sealdesk.account import enrolment
from sealdesk.people.sessions import Visit
from sealdesk.web.route import Route
from sealdesk.web.tokens import token_hash
from world import PASSWORD

NEXT_PASSWORD = "kettle and two cups"
_VISIT = Visit({"address": "192.0.2.1", "agent": "matrix", "session": "matrix"})


class NoSample(AssertionError):
    """A field whose meaning the schema does not say."""


@dataclass
class Meaning:
    """What fields stand for where their type does not say it: a conversation in reach, a requester, a hold, an answer."""

    thread: UUID
    organisation: UUID
    member: UUID
    hold: UUID
    colleague: UUID
    challenge: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def of(self, name: str, shape: shapes.Type) -> object:
        """The value of a field by its name; None for one that its type says enough about."""
        match name, shape:
            case "scope", shapes.StructType():
                return {"threads": [str(self.thread)]}
            case _, shapes.LiteralType() if name in _CHOICES:
                return _CHOICES[name]
            case ("challenge" | "code" | "attestation") as part, _:
                return self.challenge.get(part)
            case _:
                made = _MEANINGS.get(name)
                return made(self) if made else None


_CHOICES = {"scope": "list", "mode": "withhold", "audience": "requester", "code": "other", "change": "on"}

_MEANINGS: dict[str, Callable[[Meaning], object]] = {
    "email": lambda _: f"{secrets.token_hex(8)}@new.test",
    "password": lambda _: PASSWORD,
    "current": lambda _: PASSWORD,
    "new": lambda _: NEXT_PASSWORD,
    "organisation": lambda meaning: str(meaning.organisation),
    "threads": lambda meaning: str(meaning.thread),
    "permissions": lambda _: ["ledger.read"],
    "ledger_read": lambda _: "on",
    "purpose": lambda _: "A purpose",
    "after": lambda _: "0",
    "confirm": lambda _: "Acme",
    "assignee": lambda meaning: str(meaning.colleague),
    "member": lambda meaning: str(meaning.member),
    "hold": lambda meaning: str(meaning.hold),
    "reason": lambda _: "A reason",
}


def body_of(route: Route, meaning: Meaning) -> dict[str, Any] | None:
    """What its body may hold; None for a route without one."""
    parameter = route.signature.json or route.signature.form
    return _struct(shapes.type_info(parameter.type), meaning, route.path) if parameter else None


def query_of(route: Route, meaning: Meaning) -> dict[str, Any]:
    """What its query has to say."""
    parameter = route.signature.query
    return _struct(shapes.type_info(parameter.type), meaning, route.path) if parameter else {}


def fields_of(schema: type[Any]) -> tuple[shapes.Field, ...]:
    """The fields of a body."""
    shape = shapes.type_info(schema)
    assert isinstance(shape, shapes.StructType)
    return shape.fields


def saying(body: dict[str, Any], said: str) -> dict[str, Any]:
    """The body with one field as a declaration's `saying` has it, such as `visibility=internal`."""
    name, _, text = said.partition("=")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return {**body, name: value}


def _struct(shape: shapes.Type, meaning: Meaning, place: str) -> dict[str, Any]:
    assert isinstance(shape, shapes.StructType)
    made: dict[str, Any] = {}
    for each in shape.fields:
        value = meaning.of(each.name, each.type)
        if value is None and each.required:
            value = _value(each.type, meaning, f"{place}: {each.name}")
        if value is not None:
            made[each.encode_name] = value
    return made


def _value(shape: shapes.Type, meaning: Meaning, place: str) -> Any:
    match shape:
        case shapes.Metadata():
            return _value(shape.type, meaning, place)
        case shapes.StructType():
            return _struct(shape, meaning, place)
        case shapes.LiteralType():
            return shape.values[0]
        case shapes.IntType():
            return shape.ge or 1
        case shapes.BoolType():
            return False
        case shapes.ListType() | shapes.VarTupleType():
            return [_value(shape.item_type, meaning, place) for _ in range(shape.min_length or 0)]
        case shapes.StrType() if shape.pattern is None:
            return "x" * max(1, shape.min_length or 1)
        case shapes.StrType():
            return "A" * 43  # the form of a token, which is what patterns are for here
        case _:
            raise NoSample(f"{place} is a {type(shape).__name__}: say in bodies.py what it stands for")


async def begun(stage: Stage, route: Route, holder: Holder, *, allowed: bool) -> dict[str, Any]:
    """A challenge of this session and its right answer, where the route takes one."""
    word = route.path.rpartition("/")[2]
    if not allowed or word not in ("totp", "passkey", "passkeys") or not route.mutates:
        return {"challenge": "A" * 43, "code": "000000", "attestation": _ATTESTATION if word == "passkeys" else "{}"}
    actor = await stage.world.desk.peek(token_hash(holder.token))
    assert actor is not None
    if word == "totp":
        seed = await enrolment.begin_totp(stage.world.desk, actor, _VISIT)
        return {"challenge": seed.challenge, "code": TOTP(seed.text).now()}
    creation = await enrolment.begin_passkey(stage.world.desk, actor, _VISIT)
    made = Authenticator(stage.settings.origins[0]).create(creation.challenge)
    attestation: Any = made if word == "passkeys" else msgspec.json.encode(made).decode()
    return {"challenge": creation.challenge, "attestation": attestation}


_ATTESTATION = {"id": "AA", "client_data": "AA", "attestation_object": "AA"}
