"""Files of the embedded database that belong to no relation: what PostgreSQL leaves when it is killed while a table is written anew.

Killed before the COMMIT of `ledger.rewrite_keys`, it goes back to the old file, and never deletes the new one, a copy of every key. So
whoever owns the folder does. A file belongs to nobody when no relation has it and no transaction that was running when it was first seen is
still on its way: one that is being made belongs to whoever makes it, and is in no catalogue yet. A crash is followed by a checkpoint before
anybody comes in, so no log that is still to be replayed speaks of the file.
"""

import asyncio
import os
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from sealdesk.core.db import ABSENT
from sealdesk.redactions.rewriting import LATE
from sealdesk.unit import Desk

EVERY: Final = 15.0
AGAIN: Final = 1.0
_FILE: Final = re.compile(r"(\d+)(?:_(?:fsm|vm))?(?:\.\d+)?")
_PLACE = "select pg_relation_filepath('ledger.content_key') as path, pg_postmaster_start_time() as began"
_RUNNING = """select array(select virtualtransaction from pg_locks where locktype = 'virtualxid' and pid <> pg_backend_pid()) as running,
  exists (select from pg_prepared_xacts) as prepared"""
# By the index, and once more by the rows: a damaged index is no reason to delete anything.
_NOBODYS = """select n from unnest($1::bigint[]) n where pg_filenode_relation(0, n::oid) is null
  and n not in (select pg_relation_filenode(c.oid)::bigint from pg_class c where pg_relation_filenode(c.oid) is not null)"""

log = structlog.get_logger("security")


class Mark(NamedTuple):
    """Which file it is, and that nobody wrote to it."""

    inode: int
    size: int
    written: int


class Strays:
    """Looks for them in the folder of the server that `desk` is connected to, and deletes them."""

    def __init__(self, desk: Desk, cluster: Path) -> None:
        self._desk, self._cluster = desk, cluster
        self._seen: dict[str, Mark] = {}
        self._running: set[str] = set()
        self._since = 0.0

    async def look(self) -> list[str]:
        """Look once; gives the names of what was deleted. It takes two looks, with no transaction that was running at both."""
        pool = await self._desk.database.pool("desk_worker")
        place = await pool.fetchrow(_PLACE)
        assert place is not None
        if not place["path"].startswith("base/") or not _serves(self._cluster, place["began"]):
            return []
        with _folder(self._cluster, Path(place["path"]).parent) as folder:
            there = _files(folder)
            # In this order: whoever made a file that is there runs now, or has ended, and is in the catalogue when that is asked.
            under_way = await pool.fetchrow(_RUNNING)
            assert under_way is not None
            running = set(under_way["running"])
            numbers = sorted({int(match[1]) for name in there if (match := _FILE.fullmatch(name))})
            nobodys = {row["n"] for row in await pool.fetch(_NOBODYS, numbers)}
            found = {
                name: mark for name, mark in there.items() if int(name.partition(".")[0].partition("_")[0]) in nobodys
            }
            # What was prepared goes by another name than while it ran: as long as anything is, nothing is sure to be nobody's.
            if self._seen and (under_way["prepared"] or self._running & running):
                # Who came in since the first look is no matter; what came since is looked at once they have gone.
                self._seen = {name: mark for name, mark in self._seen.items() if found.get(name) == mark}
                self._tell()
                return []
            gone = sorted(name for name, mark in found.items() if self._seen.get(name) == mark)
            for name in gone:
                os.unlink(name, dir_fd=folder)
            if gone:
                os.fsync(folder)
        if gone:
            log.warning("stray_files_deleted", files=gone, bytes=sum(found[name].size for name in gone))
        self._seen, self._running = {name: found[name] for name in found if name not in gone}, running
        self._since = time.monotonic()
        return gone

    def _tell(self) -> None:
        """Once a day, what waits for a transaction that does not end."""
        if self._seen and time.monotonic() - self._since > LATE.total_seconds():
            self._since = time.monotonic()
            log.warning("stray_files_wait", files=sorted(self._seen))

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until `stop`, and again soon after one was seen."""
        while not stop.is_set():
            try:
                await self.look()
            except ABSENT as error:
                log.warning("strays.interrupted", reason=repr(error))
            try:
                await asyncio.wait_for(stop.wait(), AGAIN if self._seen else EVERY)
            except TimeoutError:
                continue


def _serves(cluster: Path, began: datetime) -> bool:
    """Whether the server that began then is the one of this very folder, not of a copy or another."""
    try:
        _, folder, since, *_ = (cluster / "postmaster.pid").read_text().splitlines()
    except (OSError, ValueError):
        return False
    return Path(folder).resolve() == cluster.resolve() and abs(began.timestamp() - int(since)) < 60


@contextmanager
def _folder(cluster: Path, below: Path) -> Generator[int]:
    """A folder of the server's, opened step by step: as root we follow no link that its account may have laid."""
    handle = os.open(cluster, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in below.parts:
            handle, above = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle), handle
            os.close(above)
        yield handle
    finally:
        os.close(handle)


def _files(folder: int) -> dict[str, Mark]:
    """The files of relations with anything in them: an empty one waits for a checkpoint, so that its number is not given out anew."""
    found: dict[str, Mark] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if _FILE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if facts.st_size:
                    found[entry.name] = Mark(facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return found
