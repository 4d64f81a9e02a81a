"""The signer as the sequencer, the exporter and the terminal see it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

from sealdesk.ledger.signer import wire
from sealdesk.ledger.signer.places import is_guarded
from sealdesk.ledger.signer.refusal import Code, SignerRefused, SignerUnavailable
from sealproof import note

_R = TypeVar("_R", bound=wire.Message)
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SignerClient:
    """One connection, opened when needed and again after a loss; requests of several tasks wait for each other.

    Every method raises `SignerRefused` with the signer's reason, or `SignerUnavailable` if there is no answer within
    `timeout` seconds. After the latter the request may or may not have been carried out, and may be repeated.
    """

    def __init__(self, socket: Path, *, timeout: float = 5.0) -> None:
        self._socket = socket
        self._timeout = timeout
        self._streams: _Streams | None = None
        self._turn = asyncio.Lock()

    async def head(self, origin: str) -> wire.SignedHead | None:
        """The size and root that the next consistency proof of `origin` must start from; None before its first."""
        return (await self._ask(wire.AskHead(origin), wire.HeadReply)).head

    async def sign_checkpoint(
        self,
        origin: str,
        size: int,
        root: bytes,
        consistency_proof: Sequence[bytes] = (),
        *,
        old_size: int | None = None,
        genesis: wire.Genesis | None = None,
    ) -> bytes:
        """The signed note of a checkpoint.

        `consistency_proof` leads from `head(origin)` to `size` (RFC 9162, 2.1.4); the first checkpoint has `genesis`
        instead. With `old_size`, the size it starts from, a proof from an outdated head is refused as `moved_on` and raises
        no alarm. The checkpoint signed last is signed again on request, whatever the proof.
        """
        request = wire.AskCheckpoint(origin, size, root, tuple(consistency_proof), old_size, genesis)
        return (await self._ask(request, wire.NoteReply)).note

    async def sign_export(self, export_id: UUID, tagmanifest_sha256: str) -> bytes:
        """The seal of an export: a signed note over its id and the SHA-256 (hex) of `tagmanifest-sha256.txt`."""
        return (await self._ask(wire.AskExportSeal(export_id, tagmanifest_sha256), wire.NoteReply)).note

    async def freeze(self, origin: str, reason: str) -> wire.Freeze:
        """Stop signing for `origin`, across restarts; the freeze in force, which may be an earlier one."""
        return (await self._ask(wire.AskFreeze(origin, reason), wire.FreezeReply)).freeze

    async def thaw(self, origin: str) -> bool:
        """Sign for `origin` again; whether it was frozen."""
        return (await self._ask(wire.AskThaw(origin), wire.ThawReply)).was_frozen

    async def status(self) -> wire.Status:
        """All that the signer remembers."""
        return await self._ask(wire.AskStatus(), wire.Status)

    async def identity(self) -> wire.Identity:
        """The ledger's name, the public key and the beginning of the signer's memory."""
        return await self._ask(wire.AskIdentity(), wire.Identity)

    async def public_key(self) -> bytes:
        """The operator's Ed25519 key, 32 bytes."""
        return (await self.identity()).public_key

    async def vkey(self, origin: str) -> str:
        """The verifier key (C2SP signed-note) for checkpoints of `origin`, or for seals by `<ledger name>/export`."""
        return note.make_vkey(origin, await self.public_key())

    async def vkeys(self) -> dict[str, str]:
        """The verifier keys by name: of the system log, of export seals, and of every log remembered."""
        status = await self.status()
        name, public_key = status.identity.ledger_name, status.identity.public_key
        names = [f"{name}/ledger/sys", f"{name}/export", *(log.origin for log in status.logs)]
        return {name: note.make_vkey(name, public_key) for name in names}

    async def close(self) -> None:
        """Hang up; a later request connects again."""
        async with self._turn:
            self._drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, request: wire.Request, expected: type[_R]) -> _R:
        frame = wire.encode(request)
        if len(frame) - wire.HEADER > wire.MAX_REQUEST:  # the signer would hang up while it is still being sent
            raise SignerRefused(Code.TOO_LARGE, f"A request has at most {wire.MAX_REQUEST} bytes.")
        try:
            async with asyncio.timeout(self._timeout), self._turn:
                reply = await self._exchange(frame)
        except TimeoutError as error:
            raise SignerUnavailable(f"The signer gave no answer within {self._timeout:g} s.") from error
        if isinstance(reply, wire.Refused):
            raise SignerRefused(reply.code, reply.sentence)
        if not isinstance(reply, expected):
            raise SignerUnavailable("The signer answered something else than was asked.")
        return reply

    async def _exchange(self, frame: bytes) -> wire.Reply:
        try:
            if self._streams is not None:
                try:
                    return await self._send(frame, self._streams)
                except (OSError, asyncio.IncompleteReadError):
                    self._drop()  # the signer was restarted; all requests may be repeated, so try once with the new one
            self._streams = await self._connect()
            return await self._send(frame, self._streams)
        except (OSError, asyncio.IncompleteReadError, wire.FrameTooLarge, *wire.NOT_A_MESSAGE) as error:
            self._drop()
            raise SignerUnavailable(f"The signer can't be reached at {self._socket}: {error}") from error
        except BaseException:
            self._drop()  # cancelled or timed out: a reply that comes late must not answer the next request
            raise

    async def _connect(self) -> _Streams:
        if not is_guarded(self._socket.parent):
            raise PermissionError("the folder of its socket is not this user's alone")
        return await asyncio.open_unix_connection(self._socket)

    @staticmethod
    async def _send(frame: bytes, streams: _Streams) -> wire.Reply:
        reader, writer = streams
        writer.write(frame)
        await writer.drain()
        return wire.decode_reply(await wire.read_frame(reader, wire.MAX_REPLY))

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
