"""The OpenAPI 3.1 description of the routes under /api/, made from their declarations."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args, get_origin

import msgspec

from sealdesk import __version__
from sealdesk.web.answers import Answer, Bytes, Download
from sealdesk.web.headers import etag
from sealdesk.web.problems import PROBLEM_TYPE, Problem
from sealdesk.web.public import PublicRoute, find_public
from sealdesk.web.route import Route
from sealdesk.web.routes import get

Schema = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{name}"
_KEY: Final[Schema] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Chosen by the client, 1 to 255 visible ASCII characters; a repeat with the same key has one effect (24 hours).",
    "schema": {"type": "string", "minLength": 1, "maxLength": 257, "pattern": "^[!-~]+$"},
}
_EXPECTED: Final[Schema] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The entity tag of the version that is to be changed; 412 if it is no longer the current one.",
    "schema": {"type": "string", "maxLength": 1024, "examples": ['"7"']},
}
_SCHEMES: Final[Schema] = {
    "session": {"type": "apiKey", "in": "cookie", "name": "__Host-sid"},
    "token": {"type": "http", "scheme": "bearer"},
}
_REASONS: Final = {
    400: "Not well formed, or not fitting the schema",
    401: "No live session or token",
    403: "Not permitted, from another site, or without the anti-CSRF token",
    404: "Not found, or out of reach",
    405: "Method not allowed",
    408: "The request took too long to arrive",
    409: "Not possible in this state",
    412: "Changed in the meantime",
    413: "Too large",
    414: "The address is too long",
    415: "Not the content type or coding that is taken",
    421: "Not served here",
    422: "The Idempotency-Key was used with another request",
    428: "The expected version is missing",
    429: "A limit is used up",
    431: "Header fields too large",
    500: "A fault of ours",
    503: "Overloaded; nothing was done",
}
_ALWAYS: Final = {400, 401, 403, 404, 405, 408, 413, 414, 415, 421, 429, 431, 500, 503}


class Description:
    """The document as JSON bytes, filled in when all routes are known."""

    def __init__(self) -> None:
        self.document = b"{}"

    def describe(self, routes: Iterable[Route], public: tuple[PublicRoute, ...]) -> None:
        """Describe the `routes` of the API that are not hidden."""
        shown = [route for route in routes if not route.page and not route.hidden]
        types = [Problem, *{schema: None for route in shown for schema in _schemas(route)}]
        references, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
        by_type = dict(zip(map(repr, types), references, strict=True))
        paths: dict[str, Schema] = {}
        for route in sorted(shown, key=lambda route: route.path):
            operations = paths.setdefault(route.path.replace(":str}", "}"), {})
            for method in sorted(route.methods - {"HEAD"}):
                is_public = find_public(public, route.path, method) is not None
                operations[method.lower()] = _operation(route, method, by_type, public=is_public)
        self.document = msgspec.json.encode(
            {
                "openapi": "3.1.0",
                "info": {"title": "Sealdesk", "version": __version__, "description": _ABOUT},
                "servers": [{"url": "/"}],
                "security": [{"session": []}, {"token": []}],
                "paths": paths,
                "components": {"schemas": components, "securitySchemes": _SCHEMES, "responses": _problems(by_type)},
            }
        )


_ABOUT: Final = (
    "A support desk whose record stands up as evidence. Requests that change something with the session cookie also carry X-CSRF-Token "
    "and an Origin of the desk. Every error is problem details (RFC 9457)."
)


def _schemas(route: Route) -> Iterator[Any]:
    yield from (parameter.type for parameter in route.signature.parameters if parameter.kind in ("json", "query"))
    if (result := _result(route)) is not None:
        yield result
    if route.pending is not None:
        yield route.pending


def _result(route: Route) -> Any:
    """The type that the answer's JSON has; None for an answer without one."""
    result: Any = route.signature.result
    if get_origin(result) is Answer:
        result = get_args(result)[0]
    return None if result in (None, type(None), Bytes, Download) else result


def _operation(route: Route, method: str, by_type: dict[str, Schema], *, public: bool) -> Schema:
    operation: Schema = {
        "operationId": getattr(route.handler, "__name__", route.path),
        "summary": route.summary,
        "parameters": list(_parameters(route)),
        "responses": _responses(route, method, by_type),
    }
    if public:
        operation["security"] = []
    if route.permission or route.audience:
        operation["x-permission"], operation["x-audience"] = route.permission, route.audience
    if body := route.signature.of("json"):
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": by_type[repr(body.type)]}},
        }
    return operation


def _parameters(route: Route) -> Iterator[Schema]:
    for parameter in route.signature.parameters:
        if parameter.kind == "path":
            schema = msgspec.json.schema(parameter.type)
            yield {"name": parameter.name, "in": "path", "required": True, "schema": schema}
        elif parameter.kind == "query":
            for field in msgspec.structs.fields(parameter.type):
                schema = msgspec.json.schema(field.type)
                yield {"name": field.encode_name, "in": "query", "required": field.required, "schema": schema}
        elif parameter.kind == "key":
            yield _KEY
        elif parameter.kind == "expected":
            yield _EXPECTED


def _responses(route: Route, method: str, by_type: dict[str, Schema]) -> Schema:
    result = _result(route)
    answer: Schema = {"description": route.summary or method}
    if result is not None:
        answer["content"] = {"application/json": {"schema": by_type[repr(result)]}}
    elif route.signature.result is Bytes or route.signature.result is Download:
        answer["content"] = {"application/octet-stream": {}}
    codes = _ALWAYS | ({409} if route.mutates else set[int]())
    codes |= {422} if route.signature.of("key") else set[int]()
    codes |= {412, 428} if route.signature.of("expected") else set[int]()
    status = 204 if result is None and route.status == 200 and "content" not in answer else route.status
    pending = {"202": _pending(by_type[repr(route.pending)])} if route.pending else {}
    return {
        str(status): answer,
        **pending,
        **{str(code): {"$ref": f"#/components/responses/{code}"} for code in sorted(codes)},
    }


def _pending(schema: Schema) -> Schema:
    return {
        "description": "Not ready: ask again after the seconds of Retry-After.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
        "content": {"application/json": {"schema": schema}},
    }


def _problems(by_type: dict[str, Schema]) -> Schema:
    content = {PROBLEM_TYPE.decode(): {"schema": by_type[repr(Problem)]}}
    return {str(code): {"description": reason, "content": content} for code, reason in _REASONS.items()}


@get("/api/openapi.json", hidden=True)
async def send_description(description: Description) -> Bytes:
    """This description."""
    tag = etag(f"{hash(description.document):x}".lstrip("-"))
    return Bytes(description.document, "application/json", tag, ((b"cache-control", b"no-cache"),))
