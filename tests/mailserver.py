"""A real mail server in the test's own process, which can be down, demand TLS, or refuse; and what it received."""

import asyncio
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from running import free_port


@dataclass
class Mailbox:
    """The server, and what came: (recipients, message)."""

    port: int
    host: str = "127.0.0.1"
    received: list[tuple[list[str], EmailMessage]] = field(default_factory=list[tuple[list[str], EmailMessage]])
    answer: str = "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a message, or answer as told."""
        del server, session
        if self.answer.startswith("250"):
            message = message_from_bytes(cast("bytes", envelope.content), policy=default)
            self.received.append((list(envelope.rcpt_tos), message))
        return self.answer

    @contextmanager
    def open(self, **options: Any) -> Generator["Mailbox"]:
        """Up for as long as the block lasts."""
        controller = Controller(self, hostname=self.host, port=self.port, **options)
        controller.start()
        try:
            yield self
        finally:
            controller.stop()


def mailbox(host: str = "127.0.0.1") -> Mailbox:
    """One that is not up yet."""
    return Mailbox(free_port(), host)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of 127.0.0.1 and 0.0.0.0 shows, and what a client has to trust to believe it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    places = [x509.IPAddress(ip_address(each)) for each in ("127.0.0.1", "0.0.0.0")]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    path = folder / "mail.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


async def arrived(box: Mailbox, count: int, seconds: float = 20) -> None:
    """Wait until so many messages came."""
    for _ in range(int(seconds / 0.05)):
        if len(box.received) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(box.received)} of {count} messages came")
