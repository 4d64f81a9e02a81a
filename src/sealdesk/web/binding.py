"""From a handler's signature to its arguments: each parameter says by its type or marker where its value comes from."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from sealdesk.access.actor import Actor
from sealdesk.core.errors import Refusal
from sealdesk.core.ids import read_id
from sealdesk.unit import Key
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import Expected
from sealdesk.web.intake import Intake
from sealdesk.web.pages import Page

T = TypeVar("T")


class BadRoute(TypeError):
    """A route that is declared wrongly; it fails when the module is imported or the application is built."""


@dataclass(frozen=True, slots=True)
class _Marker:
    kind: Literal["json", "form", "query"]


Json = Annotated[T, _Marker("json")]
"""The body as a JSON document of this schema."""
Form = Annotated[T, _Marker("form")]
"""The fields of a form, of this schema; what does not fit is refused before the handler runs."""
Query = Annotated[T, _Marker("query")]
"""The query string, of this schema."""


@dataclass(frozen=True, slots=True)
class Submitted(Generic[T]):
    """A form that may not fit its schema, for handlers that show it again.

    `value` is the form, or None with `refusal` as the reason and `errors` by field name; `kept` is what was typed.
    """

    value: T | None
    kept: Mapping[str, str]
    errors: Mapping[str, str]
    refusal: Refusal | None


Kind = Literal[
    "path",
    "json",
    "form",
    "submitted",
    "query",
    "actor",
    "visitor",
    "key",
    "expected",
    "page",
    "exchange",
    "intake",
    "resource",
]
_BY_TYPE: Final[dict[object, Kind]] = {
    Actor: "actor",
    Key: "key",
    Expected: "expected",
    Page: "page",
    Exchange: "exchange",
    Intake: "intake",
    Actor | None: "visitor",
}
_MARKED: Final[dict[str, Kind]] = {"json": "json", "form": "form", "query": "query"}
_IN_PATH: Final = re.compile(r"{([a-z_]+):str}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, where it comes from, and the type or schema it has to have."""

    name: str
    kind: Kind
    type: type[Any]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes and gives; parameters are sorted out once, by when they are read."""

    parameters: tuple[Parameter, ...]
    result: object

    json: Parameter | None = field(init=False)
    form: Parameter | None = field(init=False)
    query: Parameter | None = field(init=False)
    paths: tuple[Parameter, ...] = field(init=False)
    others: tuple[Parameter, ...] = field(init=False)

    def __post_init__(self) -> None:
        paths = tuple(parameter for parameter in self.parameters if parameter.kind == "path")
        others = tuple(parameter for parameter in self.parameters if parameter.kind not in ("path", "query"))
        sorted_out = {"json": self.of("json"), "form": self.of("form", "submitted"), "query": self.of("query")}
        for name, value in {**sorted_out, "paths": paths, "others": others}.items():
            object.__setattr__(self, name, value)

    def of(self, *kinds: Kind) -> Parameter | None:
        """The first parameter of one of `kinds`."""
        return next((parameter for parameter in self.parameters if parameter.kind in kinds), None)


def read_signature(handler: Callable[..., object], path: str) -> Signature:
    """The signature of a handler of `path`. Raises `BadRoute` for what can't be bound."""
    hints = get_type_hints(handler, include_extras=True)
    in_path = set(_IN_PATH.findall(path))
    if path.count("{") != len(in_path):
        raise BadRoute(f"{path}: path parameters are written {{name:str}}; the handler's annotation gives the type")
    names = list(inspect.signature(handler).parameters)
    parameters = tuple(_parameter(name, hints[name], in_path, path) for name in names)
    if missing := in_path - set(names):
        raise BadRoute(f"{path}: the handler does not take {sorted(missing)}")
    if sum(parameter.kind in ("json", "form", "submitted", "intake") for parameter in parameters) > 1:
        raise BadRoute(f"{path}: a request has one body")
    return Signature(parameters, hints.get("return"))


def _parameter(name: str, hint: object, in_path: set[str], path: str) -> Parameter:
    if name in in_path:
        if hint is not UUID and hint is not int and not _bounded_text(hint):
            raise BadRoute(f"{path}: {name} has to be a UUID, an int, or a str with a max_length")
        return Parameter(name, "path", hint)  # pyright: ignore[reportArgumentType]
    if get_origin(hint) is Submitted:
        return Parameter(name, "submitted", get_args(hint)[0])
    if get_origin(hint) is Annotated:
        schema, *marks = get_args(hint)
        for mark in marks:
            if isinstance(mark, _Marker):
                return Parameter(name, _MARKED[mark.kind], schema)
    if (kind := _BY_TYPE.get(hint)) is not None:
        return Parameter(name, kind, object)
    if isinstance(hint, type):
        return Parameter(name, "resource", hint)
    raise BadRoute(f"{path}: no way to fill the parameter {name}")


def _bounded_text(hint: object) -> bool:
    if get_origin(hint) is not Annotated:
        return False
    schema, *marks = get_args(hint)
    return schema is str and any(isinstance(mark, msgspec.Meta) and mark.max_length is not None for mark in marks)


def read_path_value(text: str, wanted: type[object]) -> object:
    """A path segment as `wanted`: an id in its one canonical form. Raises ValueError."""
    if wanted is UUID:
        return read_id(text)
    if wanted is int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and (text == "0" or text[0] != "0")):
            raise ValueError
        return int(text)
    return msgspec.convert(text, wanted)
