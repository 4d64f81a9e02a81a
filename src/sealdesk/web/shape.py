"""Whether every schema is closed and bounded: each string and list with a maximum, each struct refusing what it does not know.

For the shape test, over every route of the whole application.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import inspect as shapes

from sealdesk.web.route import Route


def unbounded(routes: Iterable[Route]) -> list[str]:
    """What is open or without a maximum in the schemas of `routes`, as sentences; empty when all is well."""
    found: list[str] = []
    for route in routes:
        for parameter in route.signature.parameters:
            if parameter.kind in ("json", "form", "submitted", "query", "path"):
                place = f"{'/'.join(sorted(route.methods))} {route.path} {parameter.name}"
                found.extend(_walk(shapes.type_info(parameter.type), place, set()))
    return found


def _walk(shape: shapes.Type, place: str, seen: set[Any]) -> Iterator[str]:
    if isinstance(shape, (shapes.AnyType, shapes.RawType)):
        yield f"{place}: anything at all"
    if isinstance(shape, _SIZED) and shape.max_length is None:
        yield f"{place}: {type(shape).__name__} without max_length"
    if isinstance(shape, shapes.StructType):
        if shape.cls in seen:
            return
        seen.add(shape.cls)
        if not shape.forbid_unknown_fields:
            yield f"{place}: {shape.cls.__name__} takes unknown fields"
    for name, part in _parts(shape):
        yield from _walk(part, place + name, seen)


_SIZED = (
    shapes.StrType,
    shapes.BytesType,
    shapes.ListType,
    shapes.SetType,
    shapes.FrozenSetType,
    shapes.VarTupleType,
    shapes.DictType,
)


def _parts(shape: shapes.Type) -> Iterator[tuple[str, shapes.Type]]:
    match shape:
        case shapes.ListType() | shapes.SetType() | shapes.FrozenSetType() | shapes.VarTupleType():
            yield "[]", shape.item_type
        case shapes.DictType():
            yield " key", shape.key_type
            yield "{}", shape.value_type
        case shapes.Metadata():
            yield "", shape.type
        case shapes.UnionType():
            yield from (("", part) for part in shape.types)
        case shapes.TupleType():
            yield from ((f"[{index}]", part) for index, part in enumerate(shape.item_types))
        case shapes.StructType():
            yield from ((f".{field.encode_name}", field.type) for field in shape.fields)
        case _:
            return
