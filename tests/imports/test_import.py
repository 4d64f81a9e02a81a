"""History from elsewhere: all of it or nothing, once, and as imported."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from sealdesk.core.errors import StateConflict
from sealdesk.core.faults import Fault
from sealdesk.imports.commands import Imported, import_conversations
from sealdesk.imports.lines import read
from sealdesk.threads import queries
from sealdesk.threads.model import ThreadLocked
from sealdesk.threads.queries import Cursor, Message
from sealdesk.threads.states import change_state
from world import World


def line(
    thread: str, body: str, *, subject: str | None = None, author: str = "c1", role: str = "requester"
) -> dict[str, object]:
    """One message as the format has it."""
    told: dict[str, object] = {
        "thread": thread,
        "channel": "chat",
        "author": {"id": author, "role": role, "name": author.upper()},
        "at": "2020-04-01T17:31:32.000Z",
        "body": body,
    }
    return told | ({"subject": subject} if subject else {})


def write(folder: Path, *lines: object) -> Path:
    """A file of these lines; a string is written as it is."""
    path = folder / "history.jsonl"
    path.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines))
    return path


GOOD = (
    line("t1", "Help", subject="Broken"),
    line("t1", "Looking", author="a1", role="agent"),
    line("t2", "Hi", subject="Other"),
)


async def run(world: World, path: Path) -> Imported:
    """Import the file into the first organisation."""
    return await import_conversations(world.desk, world.acme.org, "old desk", read(path), lambda _: None)


async def test_it_works(world: World, tmp_path: Path) -> None:
    """Imported once; the claimed time is content, the entry's time is now."""
    path = write(tmp_path, *GOOD)
    assert await run(world, path) == Imported(2, 3)
    assert await run(world, path) == Imported(0, 0)
    await world.seal()
    async with world.desk.read(world.acme.agent) as work:
        thread = await work.value("select thread_id from app.imported where thread_key = 't1' limit 1")
        found = await queries.timeline(work, thread, Cursor())  # pyright: ignore[reportArgumentType]
    messages = [item for item in found.items if isinstance(item, Message)]
    assert [(m.body, m.author.name, m.author.role) for m in messages] == [
        ("Help", "C1", "requester"),
        ("Looking", "A1", "agent"),
    ]
    assert all(m.claim and m.claim.at == "2020-04-01T17:31:32.000000Z" and m.at.year > 2020 for m in messages)


async def test_a_file_that_grew_brings_what_is_new(world: World, tmp_path: Path) -> None:
    """The second run knows what the first brought."""
    await run(world, write(tmp_path, *GOOD))
    assert await run(world, write(tmp_path, *GOOD, line("t1", "Thanks"))) == Imported(0, 1)


async def test_changed_history_is_named_and_not_taken(world: World, tmp_path: Path) -> None:
    """What is on record can't be corrected by importing it again."""
    await run(world, write(tmp_path, *GOOD))
    with pytest.raises(StateConflict, match=r"^Line 2 says something else"):
        await run(
            world,
            write(tmp_path, GOOD[0], line("t1", "Edited", author="a1", role="agent"), GOOD[2], line("t1", "more")),
        )
    assert await run(world, write(tmp_path, *GOOD)) == Imported(0, 0)


async def test_a_locked_conversation_takes_no_history(world: World, tmp_path: Path) -> None:
    """T14: by no channel."""
    await run(world, write(tmp_path, *GOOD))
    async with world.desk.read(world.acme.agent) as work:
        thread = await work.value("select thread_id from app.imported limit 1")
    assert isinstance(thread, UUID)
    await change_state(world.desk, world.acme.agent, thread, "lock", "legal", "under review")
    with pytest.raises(ThreadLocked, match="Nothing was imported"):
        await run(world, write(tmp_path, *GOOD, *(line(key, "more") for key in ("t1", "t2"))))
    await change_state(world.desk, world.acme.agent, thread, "unlock", "legal", "review is over")
    assert await run(world, write(tmp_path, *GOOD, line("t1", "more"))) == Imported(0, 1)


async def test_a_requester_and_another_tenant_do_not_see_it(world: World, tmp_path: Path) -> None:
    """Nobody takes part in imported history but the desk."""
    await run(world, write(tmp_path, *GOOD))
    for actor in (world.acme.requester, world.globex.agent):
        async with world.desk.read(actor) as work:
            assert await work.value("select count(*) from app.thread") == 0


@pytest.mark.parametrize(
    ("bad", "number", "reason"),
    [
        ("{", 4, "JSON"),
        (line("t3", "no subject"), 4, "subject"),
        (line("t1", "twice", subject="Again"), 4, "subject"),
        (line("t3", "x" * 65_537, subject="s"), 4, "body"),
        (line("t3", "ü" * 40_000, subject="s"), 4, "65,536"),
        (line("t3", "x", subject="s") | {"at": "yesterday"}, 4, "at"),
        (line("t3", "x", subject="s") | {"extra": 1}, 4, "not known"),
        ('{"thread": "t3", "thread": "t4"}', 4, ""),
    ],
    ids=[
        "no json",
        "no subject",
        "two subjects",
        "too long",
        "too many bytes",
        "no time",
        "unknown member",
        "doubled member",
    ],
)
async def test_a_bad_line_is_named_and_nothing_is_imported(
    world: World, tmp_path: Path, bad: object, number: int, reason: str
) -> None:
    """The whole file is read before the first row is written."""
    with pytest.raises(Fault, match=rf"line {number}: .*{reason}.*Nothing was imported"):
        await run(world, write(tmp_path, *GOOD, bad))
    async with world.desk.read(world.acme.agent) as work:
        assert await work.value("select count(*) from app.thread") == 0


@pytest.mark.parametrize(
    "at",
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0202-05-01T00:00:00Z"],
)
def test_a_time_that_can_not_be_meant_is_named(tmp_path: Path, at: str) -> None:
    spoilt = GOOD[0] | {"at": at}
    with pytest.raises(Fault, match="line 1: `at` lies before 1970 or in the future"):
        read(write(tmp_path, spoilt))
