"""The half-built bundle: a folder that nobody else reads, and the one thread that works in it beside the event loop."""

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from sealdesk.exports.build.people import People
from sealdesk.exports.build.transcripts import Transcripts
from sealproof.writer import BundleWriter

_P = ParamSpec("_P")
_R = TypeVar("_R")
_A = TypeVar("_A")


class Behind:
    """Work in the stage's thread that the event loop does not wait for until it has the next: the database and we work at once."""

    def __init__(self, stage: "Stage") -> None:
        self._stage = stage
        self._last: asyncio.Future[None] | None = None

    async def do(self, work: Callable[[_A], None], argument: _A) -> None:
        """Wait for the work before, and begin this."""
        await self._wait()
        self._last = asyncio.ensure_future(self._stage.run(work, argument))

    async def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            await last

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._wait()
        except Exception:
            # Of two errors the first is told.
            if error is None:
                raise


class Stage:
    """Holds what is written until the bundle is whole; gone when the block is left, and what a killed builder left before it begins."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # One thread: the writer's index belongs to the thread that made it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="export")
        self.container = folder / "bundle.zip"
        self.people = People()
        self.writer: BundleWriter
        self.transcripts: Transcripts

    async def run(self, work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Do a piece of work in the stage's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    async def __aenter__(self) -> Self:
        await self.run(self._set_up)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not `run`: a cancelled builder must still clear its stage, and behind the work that may be under way.
        await asyncio.shield(asyncio.wrap_future(self._thread.submit(self._take_down)))
        self._thread.shutdown(wait=False)

    def _set_up(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)
        self.writer = BundleWriter(self._folder / "parts")
        self.transcripts = Transcripts(self._folder / "transcripts.sqlite3")

    def _take_down(self) -> None:
        self.writer.close()
        self.transcripts.close()
        shutil.rmtree(self._folder, ignore_errors=True)
