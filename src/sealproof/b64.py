"""Base64 that has one spelling per value (RFC 4648, sections 3.5 and 4)."""

from base64 import b64decode, b64encode
from binascii import Error


def encode(data: bytes) -> str:
    """`data` in standard Base64 with padding."""
    return b64encode(data).decode("ascii")


def decode(text: str) -> bytes:
    """The bytes that `text` spells; `ValueError` for any other spelling of them (trailing bits, blanks, padding)."""
    try:
        data = b64decode(text, validate=True)
    except (Error, ValueError) as error:
        raise ValueError("not Base64") from error
    if encode(data) != text:
        raise ValueError("not canonical Base64")
    return data
