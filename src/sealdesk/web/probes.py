"""Which ids a refused request asked for, wherever they stood in it: the record decides whether they are another organisation's.

Nothing here depends on whether an id exists, and it runs after the answer went out: a prober learns nothing from it.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice
from typing import Final, cast
from uuid import UUID

from sealdesk.core.errors import BadRequest, Refusal
from sealdesk.web import caps
from sealdesk.web.exchange import Exchange
from sealdesk.web.strict_form import decode_fields
from sealdesk.web.strict_json import decode_json

MOST_IDS: Final = 2000
"""Twice as many as one request may name: nothing that is looked up hides behind ids that are not."""
# Every spelling that a schema's UUID takes: the canonical form, capitals, without hyphens.
_ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]{2}")


def asked_ids(exchange: Exchange, refusal: Refusal) -> tuple[UUID, ...]:
    """The ids that the request asked for, each once, `MOST_IDS` at most; none where `refusal` says nothing about ids.

    Of a 400 the path does not count: it was found before, or nothing was looked up. Of a caller whom nobody knows, the path alone does, and
    of a 403 or 429, where it is only asked in which conversation that was; or the document alone, where the path names nothing, as that
    of a socket.
    """
    found = (each for text in _texts(exchange, refusal.status) for each in read_ids(text))
    return tuple(islice(dict.fromkeys(found), MOST_IDS))


def _texts(exchange: Exchange, status: int) -> Iterator[str]:
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        yield from exchange.path.split("/")
    if exchange.actor is None:
        return
    try:
        if status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
            if exchange.document and not any(map(read_ids, exchange.path.split("/"))):
                yield from _leaves(decode_json(exchange.document))
            return
        if status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
            return
        yield from _leaves(decode_fields(exchange.query, at_most=caps.QUERY_FIELDS))
        yield from _leaves(exchange.form)
        yield from _leaves(decode_json(exchange.document) if exchange.document else None)
    except BadRequest:
        return  # what can't be read was not looked up either


def read_ids(text: str) -> list[UUID]:
    """Those in a text that is made of ids and what separates them. Who writes of an id in a sentence has not asked for it."""
    found = cast("list[str]", _ID.findall(text))
    return [UUID(each) for each in found] if found and not _WORD.search(_ID.sub(" ", text)) else []


def _leaves(value: object) -> Iterator[str]:
    """Every text in decoded JSON or a form, names of members included."""
    match value:
        case str():
            yield value
        case dict():
            for name, each in cast("dict[str, object]", value).items():
                yield name
                yield from _leaves(each)
        case list():
            for each in cast("list[object]", value):
                yield from _leaves(each)
        case _:
            pass
