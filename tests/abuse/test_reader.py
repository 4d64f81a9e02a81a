"""Where texts are read: in a process of the worker's own, with what organisations look for kept ready within one bound."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from threading import Timer

import pytest

from needs import ROOT
from people.test_hasher import gone
from sealdesk.abuse import watches
from sealdesk.abuse.commands import change_lexicon
from sealdesk.abuse.follower import Abuse
from sealdesk.abuse.lexicon import LEXICONS, Lexicon, Rule, Watch, shipped
from sealdesk.abuse.reader import Reader, ReaderGone
from sealdesk.abuse.watches import Look, Watches
from sealdesk.core import companion
from sealdesk.following import Following
from watching import THREAT, flags, opened, say
from world import World

SHIPPED = tuple(Lexicon(name, True, 0, shipped(name)) for name in LEXICONS)
PARENT = """
import time
from sealdesk.abuse.reader import Reader
from sealdesk.abuse.watches import Look

reader = Reader()
reader.find(Look("x", "", ""))
print(reader.process.pid, flush=True)
time.sleep(600)
"""


def own(*lines: str) -> tuple[Lexicon, ...]:
    return (Lexicon("custom", True, 1, lines),)


@pytest.fixture(name="reader")
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    reader = Reader()
    yield reader
    reader.close()


async def test_it_works(world: World, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made ready, and nothing is read, in the process that asks; each organisation's own terms hold, and change at once."""

    def never(*_: object) -> None:
        raise AssertionError("in this process")

    monkeypatch.setattr(Watch, "__init__", never)
    monkeypatch.setattr(Watch, "find", never)
    await change_lexicon(world.desk, world.acme.admin, "custom", "add", ["nightjar"])
    following, abuse = Following(world.desk, ()), Abuse(reader.find)
    for cast in (world.acme, world.globex):
        await say(world, cast.requester, await opened(world, by=cast.requester), "n1ghtjar")
        await say(world, cast.requester, await opened(world, by=cast.requester), THREAT)
    await world.seal()
    await following.catch_up(abuse)
    assert [each.flag.kinds for each in await flags(world)] == [("threat",), ("custom",)]
    assert [each.flag.kinds for each in await flags(world, world.globex.agent)] == [("threat",)]
    await change_lexicon(world.desk, world.acme.admin, "custom", "remove", ["nightjar"])
    await say(world, world.acme.requester, await opened(world), "n1ghtjar")
    await world.seal()
    await following.catch_up(abuse)
    assert len(await flags(world)) == 2


def test_killed_it_is_replaced(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, also where it only hangs, and what it knew is asked for again; where none stays alive the text is not passed over."""
    asked = Look(f"{THREAT} \n\0 é", "", "", SHIPPED)
    found = reader.find(asked)
    assert found == Watch(SHIPPED).find(asked.text) != ()
    assert reader.process is not None
    os.kill(reader.process.pid, signal.SIGKILL)
    assert reader.find(Look(THREAT, "", "")) is None
    assert reader.find(asked) == found
    os.kill((hung := reader.process).pid, signal.SIGSTOP)

    def timer(most: float, end: Callable[[object], None], of: tuple[object]) -> Timer:
        return Timer(0.5 if of == (hung,) else most, end, of)  # the next may take its time

    monkeypatch.setattr(companion, "Timer", timer)
    assert reader.find(asked) == found
    assert hung.returncode == -signal.SIGKILL
    monkeypatch.setattr(sys, "executable", "/bin/false")
    os.kill(reader.process.pid, signal.SIGKILL)
    with pytest.raises(ReaderGone):
        reader.find(asked)


def test_it_ends_with_its_worker() -> None:
    """Killed with SIGKILL, that one closes the pipe all the same."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen([sys.executable, "-c", PARENT], env=environ, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)


def test_one_is_kept_of_each_organisation() -> None:
    """Of the edition that holds; of another one it has to be told the lexicons."""
    kept = Watches()
    assert kept.find(Look("nitwit", "a", "1")) is None
    assert kept.find(Look("nitwit", "a", "1", own("nitwit"))) == (Rule("custom", 1, 0),)
    for edition in ("2", "3", "4"):
        assert kept.find(Look("nitwit", "a", edition)) is None
        assert kept.find(Look("nitwit", "a", edition, own("dimwit"))) == ()
        assert kept.find(Look("dimwit", "a", edition)) == (Rule("custom", 1, 0),)
    assert kept.size == Watch(own("dimwit")).size


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """By letters, of all together: who was not asked for the longest goes; one that is larger than all is there alone."""
    monkeypatch.setattr(watches, "MOST_KEPT", 21)
    kept = Watches()
    for whose in ("a", "b", "c"):
        kept.find(Look("", whose, "1", own("nitwit")))
    assert kept.size == 21
    assert kept.find(Look("nitwit", "a", "1"))
    kept.find(Look("", "d", "1", own("dimwit")))
    assert [whose for whose in "abcd" if kept.find(Look("", whose, "1")) is not None] == ["a", "c", "d"]
    kept.find(Look("", "e", "1", own("a word and another and yet one more")))
    assert [whose for whose in "abcde" if kept.find(Look("", whose, "1")) is not None] == ["e"]
