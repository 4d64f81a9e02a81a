import errno
import io
import json
import logging
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import structlog

from sealdesk.core import log

Lines = Callable[[], list[str]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """What was logged since it was last asked."""
    # asyncio tells at any time what earlier tests left: a child whose loop is closed, a task that is collected.
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", True)
    handlers, level = logging.root.handlers[:], logging.root.level

    def told() -> list[str]:
        return capsys.readouterr().err.splitlines()

    yield told
    logging.root.handlers[:], logging.root.level = handlers, level
    structlog.reset_defaults()


def test_a_record_is_one_line_of_json(lines: Lines) -> None:
    log.configure("json", part="web server")
    with log.request("0197"):
        structlog.get_logger().info("thread.opened", thread="T", note='two\nlines "quoted"')
    structlog.get_logger().info("outside")
    first, second = (json.loads(line) for line in lines())
    assert (first["event"], first["part"], first["request_id"], first["level"]) == (
        "thread.opened",
        "web server",
        "0197",
        "info",
    )
    assert str(first["timestamp"]).endswith("Z")
    assert "request_id" not in second


def test_the_standard_library_logs_alike(lines: Lines) -> None:
    log.configure("json", part="worker")
    logging.getLogger("uvicorn.error").warning("Started\n%s", "twice")
    (record,) = (json.loads(line) for line in lines())
    assert (record["event"], record["level"], record["part"]) == ("Started\ntwice", "warning", "worker")


@pytest.mark.parametrize(
    "name", ["password", "new_password", "api_key", "Set-Cookie", "sessionToken", "X-CSRF-Token", "AUTHORIZATION"]
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_dropped_by_name_at_any_depth(lines: Lines, name: str, form: str) -> None:
    log.configure(form)
    structlog.get_logger().info("tried", **{name: "hunter2"}, nested={"list": [{name: "hunter2"}], "kept": "yes"})
    (line,) = lines()
    assert "hunter2" not in line
    assert "yes" in line


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_failure_tells_no_local_variables(lines: Lines, form: str) -> None:
    log.configure(form)
    body = f"what {uuid4()} wrote"
    try:
        int("x" + body[:0])
    except ValueError:
        structlog.get_logger().exception("failed")
    told = "\n".join(lines())
    assert "ValueError" in told
    assert "Logging error" not in told
    assert body not in told


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_record_that_cannot_be_written_breaks_nothing(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """The act that it tells of is done; whoever asked for it gets their answer."""
    full = Full()
    monkeypatch.setattr("sys.stderr", full)
    log.configure(form)
    structlog.get_logger().info("login", member="M")
    assert full.tried == 1


class Full(io.StringIO):
    """A stream on a disk that is full."""

    tried = 0

    def write(self, text: str, /) -> int:
        self.tried += 1
        raise OSError(errno.ENOSPC, "No space left on device", text)


@pytest.mark.parametrize("hostile", ["a\nb", "a\r\nb", "a\u2028b", "a\x1b[2Jb", "a\x00b", 'a"}\n{"event":"forged"}'])
@pytest.mark.parametrize("form", ["json", "console"])
def test_nobody_can_forge_a_second_record(lines: Lines, hostile: str, form: str) -> None:
    log.configure(form)
    structlog.get_logger().info(hostile, said=hostile)
    assert len(lines()) == 1
