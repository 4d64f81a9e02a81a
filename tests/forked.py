"""Signers of tests: each a process of its own, of which a hundred import the same only once."""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.process import BaseProcess

from sealdesk.ledger.signer.__main__ import main

_context = multiprocessing.get_context("forkserver")
# The server that they are copies of has no thread, nothing of a test, and ends with this process.
_context.set_forkserver_preload(["forked"])


def start(environ: Mapping[str, str], *arguments: str) -> BaseProcess:
    """A signer, as `python -m sealdesk.ledger.signer` is one."""
    process = _context.Process(target=_be, args=(dict(environ), list(arguments)), daemon=True)
    process.start()
    return process


def _be(environ: dict[str, str], arguments: list[str]) -> None:
    os.environ.update(environ)
    sys.exit(main(arguments))
