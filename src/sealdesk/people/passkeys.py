"""Passkeys: what a browser's authenticator signs (WebAuthn Level 2), judged by py_webauthn."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from sealdesk.core.errors import BadRequest
from sealdesk.core.settings import Settings
from sealdesk.web.exchange import Exchange
from sealdesk.web.schema import Input

MAX_JSON = 16_384
"""Bytes of an assertion or attestation as JSON; the keys and statements of today take some 2,000."""
ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256, RS256 (COSE numbers, RFC 9053)."""
S = TypeVar("S")
_Part = Annotated[str, msgspec.Meta(max_length=8192)]
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class Assertion(Input, frozen=True):
    """What `navigator.credentials.get` gave: its parts in base64url without padding."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=1400)]
    client_data: _Part
    authenticator_data: _Part
    signature: _Part
    user_handle: Annotated[str, msgspec.Meta(max_length=100)] = ""


class Attestation(Input, frozen=True):
    """What `navigator.credentials.create` gave: its parts in base64url without padding."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=1400)]
    client_data: _Part
    attestation_object: _Part


@dataclass(frozen=True, slots=True)
class Party:
    """The relying party: the origin that the request came from, and its host, which passkeys are made for."""

    origin: str
    id: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A passkey as it is stored: `public_key` is a COSE key, `sign_count` what its authenticator last counted (0: it counts nothing).

    `version` is that of the credential of its person.
    """

    factor: UUID
    person: UUID
    public_key: bytes
    sign_count: int
    version: int


@dataclass(frozen=True, slots=True)
class Signed:
    """An assertion that holds. `user_verified`: the authenticator asked for a PIN or a finger, so it stands for two factors."""

    sign_count: int
    user_verified: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """A new passkey: the credential's id, its COSE public key, and where its counter stands."""

    credential: bytes
    public_key: bytes
    sign_count: int


def party_of(exchange: Exchange, settings: Settings) -> Party:
    """The relying party of a request, whose Origin was judged; one of the configured origins in any case."""
    said = exchange.fields.get(b"origin", b"").decode("latin-1")
    host = exchange.fields.get(b"host", b"").decode("latin-1")
    ours = (origin for origin in settings.origins if origin == said or (not said and urlsplit(origin).netloc == host))
    origin = next(ours, settings.origins[0])
    return Party(origin, urlsplit(origin).hostname or "")


def parse(text: str, schema: type[S]) -> S:
    """An assertion or attestation from a form's field. Raises `BadRequest`."""
    try:
        return msgspec.json.decode(text, type=schema)
    except (msgspec.MsgspecError, UnicodeError):
        raise BadRequest("The passkey's answer is not well formed. Try again.") from None


def asked(challenge: str, ids: tuple[bytes, ...] = ()) -> str:
    """What the script of a page asks `navigator.credentials.get` for, as JSON in base64url; without ids, any passkey of this host."""
    allowed = [{"id": encoded(each), "type": "public-key"} for each in ids]
    options = {"challenge": challenge, "allowCredentials": allowed, "userVerification": "preferred", "timeout": 120_000}
    return msgspec.json.encode(options).decode()


def verify_assertion(assertion: Assertion, challenge: str, party: Party, known: Credential) -> Signed | None:
    """Judge a signature over `challenge` (a token: 32 random bytes, ASVS 6.7.2). None where it does not hold."""
    try:
        raw = decoded(assertion.id)
        handle = decoded(assertion.user_handle)
        if handle and handle != known.person.bytes:
            return None
        found = verify_authentication_response(
            credential=AuthenticationCredential(
                id=assertion.id,
                raw_id=raw,
                response=AuthenticatorAssertionResponse(
                    client_data_json=decoded(assertion.client_data),
                    authenticator_data=decoded(assertion.authenticator_data),
                    signature=decoded(assertion.signature),
                    user_handle=handle or None,
                ),
            ),
            expected_challenge=decoded(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=known.sign_count,
        )
    except Exception:
        # Whatever a hostile document makes the parsers raise, it is no signature.
        return None
    return Signed(found.new_sign_count, found.user_verified)


def verify_attestation(attestation: Attestation, challenge: str, party: Party) -> Registered | None:
    """Judge what a new passkey says of itself; its maker's statement is not asked for. None where it does not hold."""
    try:
        found = verify_registration_response(
            credential=RegistrationCredential(
                id=attestation.id,
                raw_id=decoded(attestation.id),
                response=AuthenticatorAttestationResponse(
                    client_data_json=decoded(attestation.client_data),
                    attestation_object=decoded(attestation.attestation_object),
                ),
            ),
            expected_challenge=decoded(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
        )
    except Exception:
        return None  # as above
    return Registered(found.credential_id, found.credential_public_key, found.sign_count)


def decoded(text: str) -> bytes:
    """Base64url without padding, in its one canonical form. Raises `BadRequest`."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if _BASE64URL.fullmatch(text) else b""
    except (binascii.Error, ValueError):
        raw = b""
    if encoded(raw) != text:
        raise BadRequest("The passkey's answer is not well formed. Try again.")
    return raw


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
