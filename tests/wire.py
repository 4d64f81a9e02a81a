"""A network between a browser and the desk that can be cut: a SOCKS 5 proxy (RFC 1928), one for each browser."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self

CONNECTED = bytes((5, 0, 0, 1, 0, 0, 0, 0, 0, 0))


class Wire:
    """Relays connections while it is whole. `cut` ends all with a reset and lets none be made; `hush` keeps them and carries
    nothing over them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._whole, self._pairs = True, set[asyncio.StreamWriter]()
        self._carries = asyncio.Event()
        self._carries.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.mend()
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def address(self) -> str:
        """For the browser's `proxy`."""
        return f"socks5://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """No network."""
        self._whole = False
        self._run(self._break())

    def sever(self) -> None:
        """Every connection ends; new ones can be made at once."""
        self._run(self._break())

    def hush(self) -> None:
        """Nothing arrives any more, in either direction, and nobody is told."""
        self._loop.call_soon_threadsafe(self._carries.clear)

    def mend(self) -> None:
        """All is well again; what was kept back in silence is lost with its connection."""
        self._whole = True
        if not self._carries.is_set():
            self._run(self._break())
            self._loop.call_soon_threadsafe(self._carries.set)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _end(self) -> None:
        await self._break()
        if serving := asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            await asyncio.wait(serving, timeout=10)

    async def _break(self) -> None:
        for writer in list(self._pairs):
            writer.transport.abort()
        self._pairs.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        self._pairs.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*await _asked(reader, writer))
        except (OSError, EOFError):
            writer.transport.abort()
            self._pairs.discard(writer)
            return
        self._pairs.add(far_writer)
        if not self._whole:
            await self._break()
        writer.write(CONNECTED)
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        self._pairs -= {writer, far_writer}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                await self._carries.wait()
                writer.write(data)
                await writer.drain()
            writer.close()
        except OSError:
            writer.transport.abort()


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
    """The host and port that are asked for; Chromium writes a host as a name, also where it is an address."""
    methods = (await reader.readexactly(2))[1]
    await reader.readexactly(methods)
    writer.write(bytes((5, 0)))
    _, command, _, kind, length = await reader.readexactly(5)
    if (command, kind) != (1, 3):
        raise EOFError
    host = await reader.readexactly(length)
    return host.decode(), int.from_bytes(await reader.readexactly(2))
