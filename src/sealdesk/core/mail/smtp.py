"""Mail by SMTP, encrypted: TLS from the first byte (smtps), or STARTTLS that must succeed (RFC 8314). Only this machine may be plain."""

import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib

from sealdesk.core.faults import Fault

SECONDS = 30.0


class NotSent(Exception):
    """The message was not taken; it may be tried again."""


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server. `implicit` is TLS from the first byte; `password` is shown nowhere."""

    host: str
    port: int
    implicit: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of_url(cls, url: str) -> "Server":
        """From `smtp://user:password@host:587` or `smtps://host`. Raises `Fault`, which repeats nothing of it."""
        try:
            parts = urlsplit(url)
            implicit, port = parts.scheme == "smtps", parts.port
        except ValueError:
            raise _FAULT from None
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise _FAULT
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port or (465 if implicit else 587), implicit, username, password)

    @property
    def loopback(self) -> bool:
        """Whether what is sent stays on this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


_FAULT = Fault(
    "SEALDESK_SMTP_URL must look like smtps://user:password@mail.example.org or smtp://user:password@mail.example.org:587."
)


class Smtp:
    """A connection for each message: the desk sends few. `trust` replaces the authorities of the machine."""

    def __init__(self, server: Server, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._trust = trust

    async def send(self, message: EmailMessage) -> None:
        """Send it; `NotSent` for whatever the server or the way to it says no to."""
        server = self._server
        try:
            await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.implicit,
                start_tls=not server.implicit and not server.loopback,
                tls_context=self._trust or ssl.create_default_context(),
                timeout=SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # Not its text: a server may repeat what it was told.
            raise NotSent(type(error).__name__) from error
