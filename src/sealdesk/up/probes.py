"""Whether a part works, seen from outside."""

import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit

from sealdesk.core.settings import Settings

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - told apart, not bound


def answers(settings: Settings) -> bool:
    """Whether the web process says that it is well. It is asked as browsers ask it: no other Host is answered for."""
    host = urlsplit(settings.origins[0]).netloc
    connection = http.client.HTTPConnection(ANYWHERE.get(settings.host, settings.host), settings.port, timeout=1)
    try:
        connection.request("GET", "/healthz", headers={"Host": host, "Connection": "close"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(path: Path) -> bool:
    """Whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
