"""`python -m sealdesk.ledger.signer [--init]`: serve until told to stop."""

import argparse
import asyncio
import os
import signal
import sqlite3
import sys

import structlog

from sealdesk.core import clock
from sealdesk.core.faults import Fault
from sealdesk.core.log import Lines
from sealdesk.core.settings import Settings
from sealdesk.ledger.signer.key import OperatorKey, load_key, make_key
from sealdesk.ledger.signer.memory import Memory
from sealdesk.ledger.signer.places import socket_path
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
    try:
        settings = Settings.load()
        known_answer()
        memory, key = _begin(settings) if options.init else _resume(settings)
        second_opinion(key)
        asyncio.run(_serve(Server(Signer(memory, key), socket_path(settings.data))))
    except Fault as fault:
        print(fault, file=sys.stderr)
        return 1
    except (sqlite3.Error, OSError) as error:
        print(f"The signer stops, because its memory or socket failed: {error}.", file=sys.stderr)
        return 1
    memory.close()
    return 0


def _begin(settings: Settings) -> tuple[Memory, OperatorKey]:
    """A new memory. The key comes first: a crash between the two leaves a key that the next `--init` takes up."""
    if not kinds.origin(f"{settings.ledger_name}/ledger/sys"):
        raise Fault("SEALDESK_LEDGER_NAME must be a host name of at most 128 characters.")
    key = make_key(settings.operator_key)
    identity = Identity(settings.ledger_name, key.public_key, clock.stamp(clock.now()))
    return Memory.create(settings.signer_state, identity), key


def _resume(settings: Settings) -> tuple[Memory, OperatorKey]:
    """The memory there is, and the key it was begun with; the environment's ledger name does not count any more."""
    memory = Memory.open(settings.signer_state)
    key = load_key(settings.operator_key)
    if key.public_key != memory.identity.public_key:
        raise Fault(f"{settings.operator_key} is not the key that this signer has signed with: put that one back.")
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
        logger_factory=lambda *_: Lines(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
