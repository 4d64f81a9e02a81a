"""The signer's own program, which kills itself -9 at one moment of the first signature it is asked for."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sealdesk.ledger.signer import __main__ as program
from sealdesk.ledger.signer import signer
from sealdesk.ledger.signer.memory import Memory


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(step: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*arguments: Any) -> None:
        step(*arguments)
        die()

    return dying


def dying_first(*_arguments: Any) -> None:
    die()


match sys.argv[1]:
    case "between-verify-and-persist":
        Memory.remember = dying_first  # pyright: ignore[reportAttributeAccessIssue]
    case "between-persist-and-sign":
        Memory.remember = then_die(Memory.remember)
    case "between-sign-and-reply":
        signer.Signer._sign_checkpoint = then_die(signer.Signer._sign_checkpoint)
    case "between-freeze-and-reply":
        signer.Signer._freeze = then_die(signer.Signer._freeze)
    case unknown:
        raise SystemExit(f"no moment {unknown}")

sys.exit(program.main([]))
