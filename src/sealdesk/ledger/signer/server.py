"""The signer's socket: one task per connection, one request at a time across all of them."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from sealdesk.ledger.signer import wire
from sealdesk.ledger.signer.places import prepare_socket_folder
from sealdesk.ledger.signer.refusal import ALARMS, Code, SignerRefused
from sealdesk.ledger.signer.signer import Signer

_log = structlog.get_logger("sealdesk.signer")

REPLY_PATIENCE: Final = 10.0  # seconds for a client to take its reply
TOLD_EVERY: Final = 3600.0
"""Seconds between two records of the same refusal to sign a frozen log."""


class Server:
    """Serves `signer` at `socket` until `stop`, or until its memory fails."""

    def __init__(self, signer: Signer, socket: Path) -> None:
        self._signer = signer
        self._socket = socket
        self._connections: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Future[None] | None = None
        self._told: dict[str, tuple[str, float]] = {}

    def stop(self) -> None:
        """End `serve`; replies that are due are not given any more, and asking again is harmless."""
        self._end(None)

    async def serve(self) -> None:
        """Serve. Raises what broke the memory: then the process ends, and the next one reads what the disk has."""
        self._ending = asyncio.get_running_loop().create_future()
        prepare_socket_folder(self._socket)
        # A socket left by a killed signer is replaced; the memory's lock, held by now, says that none is alive.
        self._socket.unlink(missing_ok=True)
        listener = await asyncio.start_unix_server(self._connected, self._socket)
        try:
            self._socket.chmod(0o600)
            _log.info("signer.ready", socket=str(self._socket))
            await self._ending
        finally:
            listener.close()
            for connection in self._connections:
                connection.cancel()
            self._socket.unlink(missing_ok=True)

    def _end(self, error: Exception | None) -> None:
        if self._ending is None or self._ending.done():
            return
        if error is None:
            self._ending.set_result(None)
        else:
            self._ending.set_exception(error)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
                await self._converse(reader, writer)
        except Exception as error:
            self._end(error)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                body = await wire.read_frame(reader, wire.MAX_REQUEST)
            except wire.FrameTooLarge as error:
                # What follows can't be told apart from the next frame, so the conversation is over.
                await _send(writer, self._refuse(None, SignerRefused(Code.TOO_LARGE, f"{error}.")))
                return
            await _send(writer, self._reply(body))

    def _reply(self, body: bytes) -> wire.Reply:
        request = None
        try:
            request = wire.decode_request(body)
            return self._signer.answer(request)
        except wire.NOT_A_MESSAGE as error:
            return self._refuse(None, SignerRefused(Code.MALFORMED, f"Not a request: {error}"))
        except SignerRefused as refused:
            return self._refuse(request, refused)

    def _refuse(self, request: wire.Request | None, refused: SignerRefused) -> wire.Refused:
        """The refusal as a reply, after it is in the log: that a frozen log is asked for every second is said once an hour."""
        origin, now = str(getattr(request, "origin", None)), time.monotonic()
        before, at = self._told.get(origin, ("", 0.0))
        if refused.code is not Code.FROZEN or before != refused.sentence or now - at >= TOLD_EVERY:
            self._told[origin] = refused.sentence, now
            _tell(request, refused)
        return wire.Refused(refused.code, refused.sentence)


def _tell(request: wire.Request | None, refused: SignerRefused) -> None:
    record = _log.critical if refused.code in ALARMS else _log.warning
    record(
        "signer.refused",
        code=refused.code.value,
        sentence=refused.sentence,
        origin=getattr(request, "origin", None),
        size=getattr(request, "size", None),
        alarm=refused.alarm,
    )


async def _send(writer: asyncio.StreamWriter, reply: wire.Reply) -> None:
    writer.write(wire.encode(reply))
    async with asyncio.timeout(REPLY_PATIENCE):
        await writer.drain()
