"""One request through one route: gate, arguments, handler, answer."""

from typing import Any, cast
from urllib.parse import urlencode

from litestar import Request

from sealdesk.core.errors import BadRequest, OutsideReach, Refusal
from sealdesk.unit import Key
from sealdesk.web.answers import Sent, encode_answer
from sealdesk.web.binding import Parameter, Submitted, read_path_value
from sealdesk.web.body import decode_body, read_form, read_json, read_query, refuse_query
from sealdesk.web.csrf import FORM_FIELD
from sealdesk.web.exchange import Exchange, current
from sealdesk.web.forms import KEY_FIELD, VERSION_FIELD
from sealdesk.web.gate import admit
from sealdesk.web.headers import read_idempotency_key, read_if_match
from sealdesk.web.kit import Kit
from sealdesk.web.pages import Page
from sealdesk.web.route import Route
from sealdesk.web.schema import Input, convert


class _NoFields(Input, frozen=True):
    """A form without fields of its own."""


async def dispatch(request: Request[Any, Any, Any], route: Route) -> Sent:
    """Answer `request`, which the router gave to `route`. Raises the refusals that `problems` turns into answers."""
    exchange = current.get()
    kit: Kit = request.app.state.kit
    exchange.route = route.path
    exchange.intake.cap = route.cap
    form = await admit(exchange, route, kit.rows.get((route.path, exchange.method)), kit)
    arguments = await _Arguments(exchange, route, kit, request.path_params, form).read()
    return encode_answer(await route.handler(**arguments), route.status, exchange)


class _Arguments:
    """The arguments of one call. Ids in the path come last: a malformed one is refused as one that does not exist, after all else."""

    def __init__(
        self, exchange: Exchange, route: Route, kit: Kit, path: dict[str, Any], form: dict[str, str] | None
    ) -> None:
        self._exchange = exchange
        self._route = route
        self._kit = kit
        self._path = path
        self._form = form
        self._body = b""

    async def read(self) -> dict[str, object]:
        """By name."""
        signature = self._route.signature
        arguments: dict[str, object] = {}
        if signature.query is not None:
            arguments[signature.query.name] = read_query(self._exchange, signature.query.type)
        else:
            refuse_query(self._exchange)
        if signature.form is not None and self._form is None:
            self._form = await read_form(self._exchange)
        elif signature.json is not None:
            self._body = await read_json(self._exchange)
        elif signature.form is None and signature.of("intake") is None:
            await self._refuse_body()
        for parameter in signature.others:
            arguments[parameter.name] = self._value(parameter)
        for parameter in signature.paths:
            arguments[parameter.name] = self._path_value(parameter)
        return arguments

    async def _refuse_body(self) -> None:
        """Raise `BadRequest` for a body where none is taken; a form may carry the kit's own fields."""
        if self._form is None and self._route.page:
            self._form = await read_form(self._exchange)
        elif self._form is None and await self._exchange.intake.body():
            raise BadRequest("This address takes no body.")
        if self._form_fields():
            convert(self._form_fields(), _NoFields, text=True)

    def _path_value(self, parameter: Parameter) -> object:
        try:
            return read_path_value(self._path[parameter.name], parameter.type)
        except ValueError:
            # Byte for byte the answer for an id that does not exist.
            raise OutsideReach from None

    def _value(self, parameter: Parameter) -> object:
        match parameter.kind:
            case "key":
                return self._key()
            case "expected":
                return read_if_match(self._text(VERSION_FIELD, b"if-match"))
            case "page":
                return Page(self._exchange, self._kit.pages, self._kit.csrf, self._kit.forms)
            case "resource":
                return self._kit.resources[parameter.type]
            case _:
                return self._from_request(parameter)

    def _from_request(self, parameter: Parameter) -> object:
        match parameter.kind:
            case "json":
                return decode_body(self._body, parameter.type)
            case "form":
                return convert(self._form_fields(), parameter.type, text=True)
            case "submitted":
                return self._submitted(parameter.type)
            case "exchange":
                return self._exchange
            case "intake":
                return self._exchange.intake
            case _:
                return self._exchange.actor

    def _text(self, field: str, header: bytes) -> str | bytes | None:
        """A hidden field of a form, or a header field of the API."""
        return self._exchange.fields.get(header) if self._form is None else self._form.get(field)

    def _form_fields(self) -> dict[str, str]:
        """The form without the fields that are the kit's."""
        ours = {
            FORM_FIELD,
            KEY_FIELD if self._route.signature.of("key") else "",
            VERSION_FIELD if self._route.signature.of("expected") else "",
        }
        return {name: value for name, value in (self._form or {}).items() if name not in ours}

    def _key(self) -> Key:
        value = read_idempotency_key(self._text(KEY_FIELD, b"idempotency-key"))
        # The path belongs to what was asked; the anti-CSRF token does not, as it differs on every page.
        asked = self._body if self._form is None else urlencode(sorted(self._form_fields().items())).encode()
        return Key.of(
            f"{self._exchange.method} {self._route.path}", value, self._exchange.path.encode() + b"\0" + asked
        )

    def _submitted(self, schema: type[Any]) -> Submitted[Any]:
        fields = self._form_fields()
        try:
            return Submitted(convert(fields, schema, text=True), fields, {}, None)
        except BadRequest as refusal:
            return Submitted(None, fields, _by_field(refusal), refusal)


def _by_field(refusal: Refusal) -> dict[str, str]:
    errors = cast("list[dict[str, str]]", refusal.members.get("errors", []))
    return {error["pointer"].removeprefix("/"): error["detail"] for error in errors}
