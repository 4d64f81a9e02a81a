"""Reading what a request carries: a JSON document, a form, a query; each strictly, each into its schema."""

from typing import Final, TypeVar

from sealdesk.core.errors import BadRequest, UnsupportedMedia
from sealdesk.web import caps
from sealdesk.web.exchange import Exchange
from sealdesk.web.schema import convert
from sealdesk.web.strict_form import decode_fields
from sealdesk.web.strict_json import decode_json

T = TypeVar("T")

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"


async def read_json(exchange: Exchange) -> bytes:
    """The bytes of a body declared as JSON.

    Raises `UnsupportedMedia` under any other content type (a browser sends those across sites without asking first), `BadRequest` if there
    is none, and what `Intake.body` raises.
    """
    if exchange.intake.finished:
        raise BadRequest("A JSON document is needed as the body.")
    require_type(exchange, JSON_TYPE)
    data = await exchange.intake.body()
    if not data:
        raise BadRequest("A JSON document is needed as the body.")
    exchange.document = data
    return data


def decode_body(data: bytes, schema: type[T]) -> T:
    """JSON bytes as `schema`. Raises `BadRequest` for what is not strict JSON and `Invalid` for what does not fit."""
    return convert(decode_json(data), schema)


async def read_form(exchange: Exchange) -> dict[str, str]:
    """The fields of a form, with line feeds where browsers send CR LF. Raises as `read_json`; no body is no fields."""
    if exchange.intake.finished:
        return {}
    require_type(exchange, FORM_TYPE)
    fields = decode_fields(await exchange.intake.body(), at_most=caps.FORM_FIELDS)
    exchange.form = {name: value.replace("\r\n", "\n") if "\r" in value else value for name, value in fields.items()}
    return exchange.form


def read_query(exchange: Exchange, schema: type[T]) -> T:
    """The query as `schema`. Raises `BadRequest` and `Invalid`."""
    return convert(decode_fields(exchange.query, at_most=caps.QUERY_FIELDS), schema, text=True)


def refuse_query(exchange: Exchange) -> None:
    """Raise `BadRequest` if there is a query at an address that takes none."""
    if exchange.query:
        raise BadRequest("This address takes no query.")


def require_type(exchange: Exchange, wanted: str) -> None:
    """Raise `UnsupportedMedia` unless the body is declared as `wanted`, in UTF-8 if a charset is named."""
    given = exchange.fields.get(b"content-type", b"").decode("latin-1").lower()
    kind, _, parameter = given.partition(";")
    if kind.strip() != wanted or parameter.strip() not in ("", "charset=utf-8", 'charset="utf-8"'):
        # RFC 9110, 12.5.1: in an answer, Accept says what would be taken.
        raise UnsupportedMedia(f"The body has to be {wanted}.", headers={"Accept": wanted})
