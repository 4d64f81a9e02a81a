"""The client's part of a WebSocket handshake (RFC 6455, 4.2.1), judged before anybody is asked about it."""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from sealdesk.core.errors import BadRequest
from sealdesk.web.refusals import UpgradeRequired

_ONCE: Final = (b"sec-websocket-key", b"sec-websocket-version")


def check_handshake(method: str, version: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raise `UpgradeRequired` for another version of the protocol, `BadRequest` for what is no handshake at all."""
    found = {name: [value for each, value in headers if each == name] for name in _ONCE}
    if method != "GET" or version != "1.1" or any(len(values) > 1 for values in found.values()):
        raise BadRequest("This is not a handshake of RFC 6455.")
    if found[b"sec-websocket-version"] != [b"13"]:
        raise UpgradeRequired("Version 13 of the WebSocket protocol is spoken here.")
    if not _is_key(b"".join(found[b"sec-websocket-key"])):
        raise BadRequest("A handshake has a key of 16 bytes in base64.")


def _is_key(value: bytes) -> bool:
    try:
        return len(value) == 24 and len(b64decode(value, validate=True)) == 16
    except binascii.Error:
        return False
