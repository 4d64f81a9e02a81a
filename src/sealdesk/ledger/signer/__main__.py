"""`python -m sealdesk.ledger.signer [--init]`: serve until told to stop."""

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from sealdesk.core import clock
from sealdesk.ledger.signer.key import OperatorKey, load_key, make_key
from sealdesk.ledger.signer.memory import Memory
from sealdesk.ledger.signer.places import key_path, socket_path, state_path
from sealdesk.ledger.signer.refusal import StartRefused
from sealdesk.ledger.signer.selftest import known_answer, second_opinion
from sealdesk.ledger.signer.server import Server
from sealdesk.ledger.signer.signer import Signer
from sealdesk.ledger.signer.wire import Identity
from sealproof import kinds


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 after a stop, 1 with one sentence on standard error if the signer can't start or go on."""
    parser = argparse.ArgumentParser(prog="python -m sealdesk.ledger.signer", description=__doc__)
    parser.add_argument("--init", action="store_true", help="begin the signer's memory; once, with a new ledger")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    _log_to_standard_error()
    data, ledger_name = _settings(os.environ)
    try:
        known_answer()
        memory, key = _begin(data, ledger_name) if options.init else _resume(data)
        second_opinion(key)
        asyncio.run(_serve(Server(Signer(memory, key), socket_path(data))))
    except StartRefused as refused:
        print(refused, file=sys.stderr)
        return 1
    except (sqlite3.Error, OSError) as error:
        print(f"The signer stops, because its memory or socket failed: {error}.", file=sys.stderr)
        return 1
    memory.close()
    return 0


def _settings(environ: Mapping[str, str]) -> tuple[Path, str]:
    home = "/var/lib/sealdesk" if os.geteuid() == 0 else "./var"
    return Path(environ.get("SEALDESK_DATA") or home), environ.get("SEALDESK_LEDGER_NAME") or "desk.localhost"


def _begin(data: Path, ledger_name: str) -> tuple[Memory, OperatorKey]:
    """A new memory. The key comes first: a crash between the two leaves a key that the next `--init` takes up."""
    if not kinds.origin(f"{ledger_name}/ledger/sys"):
        raise StartRefused(f"{ledger_name} can't name a ledger: use a host name of at most 128 characters.")
    key = make_key(key_path(data))
    identity = Identity(ledger_name, key.public_key, clock.stamp(clock.now()))
    return Memory.create(state_path(data), identity), key


def _resume(data: Path) -> tuple[Memory, OperatorKey]:
    memory = Memory.open(state_path(data))
    key = load_key(key_path(data))
    if key.public_key != memory.identity.public_key:
        raise StartRefused(f"{key_path(data)} is not the key that this signer has signed with: put that one back.")
    return memory, key


async def _serve(server: Server) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def _log_to_standard_error() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
