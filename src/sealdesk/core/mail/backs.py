"""Where mail goes without a server: a folder."""

import os
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

from sealdesk.core.mail.smtp import NotSent, Server, Smtp
from sealdesk.core.settings import Settings

__all__ = ["Folder", "Mailer", "NotSent", "mailer_of"]


class Mailer(Protocol):
    """The port: whoever takes a message takes it for good."""

    async def send(self, message: EmailMessage) -> None:
        """Hand the message on; `NotSent` if it was not taken."""
        ...


class Folder:
    """One file a message, `<Message-ID>.eml`, readable by its owner only: the links in it open accounts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: EmailMessage) -> None:
        """Write it, durably; a repeat replaces the same file."""
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        place = self._path / f"{name}.eml"
        scratch = place.with_suffix(".new")
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(message.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(place)
        except OSError as error:
            raise NotSent(str(error)) from error


def mailer_of(settings: Settings) -> Mailer:
    """The back that the settings name."""
    if settings.smtp_url:
        return Smtp(Server.of_url(settings.smtp_url))
    return Folder(settings.mail)
