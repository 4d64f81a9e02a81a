"""Mail through one port: a folder by default, SMTP where it is configured."""

from sealdesk.core.mail.backs import Folder, Mailer, NotSent, mailer_of
from sealdesk.core.mail.message import Letter, UnfitHeader, compose
from sealdesk.core.mail.smtp import Server, Smtp

__all__ = ["Folder", "Letter", "Mailer", "NotSent", "Server", "Smtp", "UnfitHeader", "compose", "mailer_of"]
