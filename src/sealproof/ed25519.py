"""Ed25519 verification (RFC 8032, 5.1.7) in its strict, cofactorless reading, the same on every machine.

Beyond the RFC, points of small order and encodings that are not canonical are refused for A and R, because libraries
differ on them and because a key of small order verifies anything. What is left, OpenSSL and the pure code judge alike.
"""

from collections.abc import Callable
from hashlib import sha512
from typing import Final, TypeAlias

PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 64

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_SQRT_M1: Final = pow(2, (_P - 1) // 4, _P)
_SIGN_BIT: Final = 1 << 255
# y of the eight points whose order divides 8: 1, p-1, 0, and those of order 8.
_ORDER_8_Y: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P - 1, _ORDER_8_Y, _P - _ORDER_8_Y})

_Point: TypeAlias = tuple[int, int, int, int]
_Verify: TypeAlias = Callable[[bytes, bytes, bytes], bool]


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) by `public_key` (32 bytes) over `message` holds. Never raises on hostile input."""
    if not _strict(public_key, signature):
        return False
    return (_openssl or _verify_pure)(public_key, message, signature)


def verify_pure(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """As `verify`, by this module's own arithmetic (about 5 ms); a second opinion where the library is present."""
    return _strict(public_key, signature) and _verify_pure(public_key, message, signature)


def is_strict_point(encoded: bytes) -> bool:
    """Whether 32 bytes encode a point that a key may be: canonical, on the curve, not of small order."""
    return len(encoded) == PUBLIC_KEY_SIZE and _well_formed(encoded) and _decompress(encoded) is not None


def _strict(public_key: bytes, signature: bytes) -> bool:
    return (
        len(public_key) == PUBLIC_KEY_SIZE
        and len(signature) == SIGNATURE_SIZE
        and int.from_bytes(signature[32:], "little") < _L
        and _well_formed(public_key)
        and _well_formed(signature[:32])
    )


def _well_formed(encoded: bytes) -> bool:
    y = int.from_bytes(encoded, "little") & (_SIGN_BIT - 1)
    return y < _P and y not in _SMALL_ORDER_Y


def _verify_pure(public_key: bytes, message: bytes, signature: bytes) -> bool:
    a = _decompress(public_key)
    if a is None:
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = int.from_bytes(sha512(r + public_key + message).digest(), "little") % _L
    minus_a = (_P - a[0], a[1], a[2], _P - a[3])
    return _compress(_double_multiply(s, _BASE, k, minus_a)) == r


def _decompress(encoded: bytes) -> _Point | None:
    number = int.from_bytes(encoded, "little")
    y, sign = number & (_SIGN_BIT - 1), number >> 255
    y2 = y * y % _P
    u, v = y2 - 1, _D * y2 + 1
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if (v * x * x - u) % _P:
        x = x * _SQRT_M1 % _P
        if (v * x * x - u) % _P:
            return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _compress(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    x, y = x * inverse % _P, y * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _add(p: _Point, q: _Point) -> _Point:
    """Complete addition in extended coordinates (RFC 8032, 5.1.4); it also doubles."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double_multiply(m: int, p: _Point, n: int, q: _Point) -> _Point:
    """m*p + n*q, both scalars walked together. Not constant in time: everything here is public."""
    both = _add(p, q)
    total: _Point = (0, 1, 1, 0)
    for bit in range(max(m.bit_length(), n.bit_length()) - 1, -1, -1):
        total = _add(total, total)
        match (m >> bit & 1, n >> bit & 1):
            case (1, 1):
                total = _add(total, both)
            case (1, 0):
                total = _add(total, p)
            case (0, 1):
                total = _add(total, q)
            case _:
                pass
    return total


def _base_point() -> _Point:
    point = _decompress((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    assert point is not None
    return point


_BASE: Final = _base_point()


def _load_openssl() -> _Verify | None:
    """OpenSSL's verification by way of `cryptography`; None where either is missing or has no Ed25519."""
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError:
        return None

    def verify_openssl(public_key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    try:
        verify_openssl(_compress(_BASE), b"", bytes(SIGNATURE_SIZE))
    except UnsupportedAlgorithm:
        return None
    return verify_openssl


_openssl = _load_openssl()
have_openssl: Final = _openssl is not None
