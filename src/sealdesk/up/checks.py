"""What can be judged before anything is started. Each check raises `Fault` with one sentence."""

import fcntl
import socket
from typing import IO

from sealdesk.core.faults import Fault
from sealdesk.core.postgres import folders
from sealdesk.core.postgres.account import server_account
from sealdesk.core.settings import Environment, Settings


def fit_for_production(settings: Settings) -> None:
    """Production starts on nothing that `sealdesk doctor` finds wrong; what only the database knows, its parts look at."""
    if settings.env is Environment.PRODUCTION:
        from sealdesk.core import production  # noqa: PLC0415 - the supervisor of a demonstration stays without a driver

        production.refuse(settings, production.look_at_settings(settings))


def data_can_be_kept(settings: Settings) -> None:
    """The data folder is there and can be written to, by the database server's account too."""
    account = server_account(settings.postgres_account, settings.postgres) if settings.embedded else None
    folders.data_folder(settings.data.resolve(), account)
    settings.run.mkdir(mode=0o700, exist_ok=True)


def alone(settings: Settings) -> IO[str]:
    """Lock the data folder: the lock holds as long as the answer is open, and ends with the process however it ends."""
    lock = (settings.run / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise Fault(f"Another `sealdesk up` already runs on {settings.data}.") from None
    return lock


def port_is_free(settings: Settings) -> None:
    """Nobody else listens where the desk is to be."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except PermissionError:
            raise Fault(f"Port {settings.port} is reserved for root: set SEALDESK_PORT to 1024 or more.") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise Fault(
                f"{settings.host}:{settings.port} can't be used ({reason}): stop what uses it, or set SEALDESK_PORT to another."
            ) from None
