"""Requests for any route, drafted from its declaration: whatever a new route takes is sent without anybody saying so here."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
from msgspec import inspect as shapes

from sealdesk.web.route import Route

Ids = Callable[[str], str]
"""The name of a parameter or field to the text of an id for it."""

# What a field of this name has to look like to be taken at all; for all others a word or an id will do.
_WORDS: Mapping[str, str] = {
    "after": "0",
    "earlier": "9.9",
    "email": "somebody@else.test",
    "next": "/",
    "origins": "https://widget.example",
    "permissions": "thread.read",
    "purpose": "a matter",
    "since": "2026-01-01",
    "until": "",
    "idle_minutes": "60",
    "absolute_hours": "24",
    "days": "1",
}
_MAY_BE_IDS = frozenset({"assignee", "organisation", "thread", "threads"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A request, but for who sends it."""

    method: str
    target: str
    document: object = None
    form: Mapping[str, str] | None = None
    fields: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def words(self) -> str:
        """All that the sender says."""
        return f"{self.target} {self.document} {self.form} {self.fields}"


class Drafter:
    """Drafts requests. An optional field is there half the time; a text is an id in `stray` of the cases, otherwise a word."""

    def __init__(self, chance: random.Random, ids: Ids, stray: float = 0.2) -> None:
        self._chance = chance
        self._ids = ids
        self._stray = stray

    def draft(self, method: str, route: Route) -> Draft:
        """A request that the route's declaration allows."""
        signature = route.signature
        path = route.path
        for parameter in signature.paths:
            path = path.replace(f"{{{parameter.name}:str}}", quote(self._ids(parameter.name), safe=""))
        query = self.leaves(signature.query.type) if signature.query else {}
        target = path + ("?" + "&".join(f"{name}={quote(text)}" for name, text in query.items()) if query else "")
        if signature.json:
            return Draft(method, target, document=self.document(signature.json.type))
        if route.page and route.mutates:
            form = signature.of("form", "submitted")
            return Draft(method, target, form={**(self.leaves(form.type) if form else {}), **kit_fields(route)})
        return Draft(method, target)

    def document(self, schema: type[Any]) -> Any:
        """A JSON document of `schema`."""
        return self._value(shapes.type_info(schema), "")

    def leaves(self, schema: type[Any]) -> dict[str, str]:
        """A form or query of `schema`."""
        return {name: _text(value) for name, value in self.document(schema).items() if value is not None}

    def _value(self, shape: shapes.Type, name: str) -> Any:
        chance = self._chance
        match shape:
            case shapes.Metadata():
                return self._value(shape.type, name)
            case shapes.StructType():
                return {
                    each.encode_name: self._value(each.type, each.encode_name)
                    for each in shape.fields
                    if each.required or chance.random() < 0.5
                }
            case shapes.UnionType():
                return self._value(chance.choice([each for each in shape.types if not _is_nothing(each)]), name)
            case shapes.LiteralType():
                return chance.choice(shape.values)
            case shapes.EnumType():
                return chance.choice(list(shape.cls)).value
            case shapes.ListType() | shapes.VarTupleType():
                return [self._value(shape.item_type, name) for _ in range(chance.randint(1, 2))]
            case shapes.StrType():
                return self._word(shape, name)
            case _:
                return self._plain(shape, name)

    def _plain(self, shape: shapes.Type, name: str) -> Any:
        match shape:
            case shapes.UUIDType():
                return self._ids(name)
            case shapes.IntType() if name in ("wait", "await"):
                return 0  # seconds that nobody has
            case shapes.IntType():
                return self._chance.randint(shape.ge or 0, min(shape.le or 50, (shape.ge or 0) + 50))
            case shapes.BoolType():
                return self._chance.random() < 0.5
            case shapes.DateType():
                return "2026-01-02"
            case shapes.DateTimeType():
                return "2027-01-02T03:04:05Z"
            case _:
                raise TypeError(f"no way to draft {name}: {shape}")

    def _word(self, shape: shapes.StrType, name: str) -> str:
        if shape.pattern:
            return "A" * 43
        if name == "before":
            return f"2027-01-02T03:04:05.000006Z_{self._ids('thread')}"
        an_id = name in _MAY_BE_IDS or (name not in _WORDS and self._chance.random() < self._stray)
        text = self._ids(name) if an_id else _WORDS.get(name, "word")
        return text[: shape.max_length]


def kit_fields(route: Route) -> dict[str, str]:
    """The hidden fields that the page of a form would carry, beside the anti-CSRF token."""
    key = {"idempotency_key": uuid4().hex} if route.signature.of("key") else {}
    return key | ({"version": "*"} if route.signature.of("expected") else {})


def _is_nothing(shape: shapes.Type) -> bool:
    return isinstance(shape, shapes.NoneType) or (
        isinstance(shape, shapes.CustomType) and shape.cls is msgspec.UnsetType
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
