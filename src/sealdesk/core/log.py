"""Logs: one record, one line, on standard error; JSON, or readable on a terminal. Secrets are dropped by name."""

import logging
import os
import re
import sys
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, cast

import structlog
from structlog.tracebacks import ExceptionDictTransformer

SECRETS = frozenset(
    {
        "password",
        "passphrase",
        "passwd",
        "secret",
        "token",
        "cookie",
        "authorization",
        "apikey",
        "key",
        "session",
        "credential",
    }
    | {"credentials", "salt", "otp", "totp", "csrf", "dsn", "kek", "dek", "body"}
)
DROPPED = "[dropped]"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure(form: str, *, part: str = "") -> None:
    """Log as `form` ("json" or "console") says from now on, the standard library's records too. `part` names the process."""
    structlog.contextvars.clear_contextvars()
    name = part or os.environ.get("SEALDESK_PART", "sealdesk")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        lambda _, __, record: {"part": name, **record},
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _failure(form),
        drop_secrets,
    ]
    if form == "json":
        last: list[structlog.typing.Processor] = [structlog.processors.JSONRenderer(sort_keys=True)]
    else:
        last = [_one_line, structlog.dev.ConsoleRenderer()]
    structlog.configure(
        # Past the standard library, whose way takes as long again for each record: a flood of refusals logs every one.
        processors=[*shared, *last],
        logger_factory=lambda *_: Lines(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[strip, *last]))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


class Lines(structlog.WriteLogger):
    """Lines on a stream. One that can't be written (the disk is full, its reader is gone) is lost: what it tells of stands all the same."""

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def _failure(form: str) -> structlog.processors.ExceptionRenderer:
    """What a record tells of an exception: never the local variables of a frame, which hold what people wrote."""
    if form == "json":
        return structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return structlog.processors.format_exc_info


def drop_secrets(_: Any, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that names a secret, at any depth: `password`, `api_key`, `Set-Cookie`, `sessionToken`."""
    for name, value in record.items():
        record[name] = DROPPED if _is_secret(name) else _without_secrets(value)
    return record


@contextmanager
def request(request_id: str) -> Generator[None]:
    """Records made within the block carry the request's id."""
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        yield


@lru_cache(1000)
def _is_secret(name: str) -> bool:
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)
    return not SECRETS.isdisjoint(re.split(r"[^a-z]+", words.lower()))


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        return {name: DROPPED if _is_secret(str(name)) else _without_secrets(each) for name, each in members.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(each) for each in cast("list[object]", value)]
    return value


def _one_line(_: Any, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in record.items():
        if isinstance(value, str):
            # Lines of a traceback stay lines, each marked as one of its record: what a message holds can't pass for another record.
            lines = value.split("\n") if name == "exception" else [value]
            record[name] = "\n".join("  | " * (len(lines) > 1) + CONTROL.sub(_escaped, line) for line in lines)
    return record


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
