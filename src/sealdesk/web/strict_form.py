"""`application/x-www-form-urlencoded` fields, of forms and of query strings, without what parsers guess."""

import re
from binascii import unhexlify
from typing import Final

from sealdesk.core.errors import BadRequest
from sealdesk.web.strict_json import check_text

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# Runs of them: one by one, a body full of escapes takes a hundred milliseconds.
_ESCAPES: Final = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")


def decode_fields(data: bytes, *, at_most: int) -> dict[str, str]:
    """Name to value, in order.

    Raises `BadRequest` for a name given twice, a pair without `=`, an escape that is none, text that is not UTF-8, NUL, and more than
    `at_most` fields.
    """
    if not data:
        return {}
    pairs = data.split(b"&")
    if len(pairs) > at_most:
        raise BadRequest(f"At most {at_most} fields are taken.")
    fields: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition(b"=")
        if not equals or not name:
            raise BadRequest("Each field needs a name and a value.")
        key = _text(name)
        if key in fields:
            raise BadRequest("A field is given twice.")
        fields[key] = _text(value)
    return fields


def _text(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise BadRequest("A percent sign has to begin an escape.")
        raw = _ESCAPES.sub(lambda match: unhexlify(match[0].replace(b"%", b"")), raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("A field is not UTF-8.") from None
    check_text(text)
    return text
