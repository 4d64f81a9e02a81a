"""Settings come from the environment, once, at the start of a process."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from sealdesk.core.faults import Fault


class Environment(StrEnum):
    """What the installation is for. `demo` binds loopback only and knows made-up people; `production` is the default."""

    DEMO = "demo"
    DEVELOPMENT = "development"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Settings:
    """One installation's settings; `environ` gives them back in the form that `load` reads."""

    data: Path
    database_url: str
    env: Environment
    ledger_name: str
    host: str
    port: int
    origins: tuple[str, ...]
    web_processes: int
    log: str
    postgres_account: str
    security_contact: str = ""
    blobs_url: str = ""
    limits: str = ""
    trusted_proxies: tuple[str, ...] = ()
    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    breached_passwords: str = ""
    argon2: tuple[int, int, int] | None = None
    valkey_url: str = field(default="", repr=False)
    sockets: tuple[int, int, int] = (5, 20, 600)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, *, demo: bool = False) -> "Settings":
        """From `environ` (default: the process's own). Raises `Fault` naming the first variable that makes no sense or is not safe."""
        environ = os.environ if environ is None else environ
        host = environ.get("SEALDESK_HOST") or "127.0.0.1"
        port = _whole_number(environ, "SEALDESK_PORT", 8000, 1, 65_535)
        made = cls(
            data=Path(environ.get("SEALDESK_DATA") or _default_data()).expanduser().absolute(),
            database_url=environ.get("SEALDESK_DATABASE_URL", ""),
            env=Environment.DEMO if demo else _environment(environ),
            ledger_name=environ.get("SEALDESK_LEDGER_NAME") or "desk.localhost",
            host=host,
            port=port,
            origins=_origins(environ, host, port),
            web_processes=_whole_number(environ, "SEALDESK_WEB_PROCESSES", 1, 1, 64),
            log=_log(environ),
            postgres_account=environ.get("SEALDESK_POSTGRES_ACCOUNT", ""),
            security_contact=_contact(environ),
            blobs_url=environ.get("SEALDESK_BLOBS_URL", ""),
            limits=environ.get("SEALDESK_LIMITS", ""),
            trusted_proxies=_proxies(environ),
            smtp_url=environ.get("SEALDESK_SMTP_URL", ""),
            mail_from=_mail_from(environ),
            breached_passwords=environ.get("SEALDESK_BREACHED_PASSWORDS", ""),
            argon2=_argon2(environ),
            valkey_url=environ.get("SEALDESK_VALKEY_URL", ""),
            sockets=_sockets(environ),
        )
        _stay_at_home(made)
        return made

    def environ(self) -> dict[str, str]:
        """The variables that make a child process load equal settings."""
        return {
            "SEALDESK_DATA": str(self.data),
            "SEALDESK_DATABASE_URL": self.database_url,
            "SEALDESK_ENV": self.env.value,
            "SEALDESK_LEDGER_NAME": self.ledger_name,
            "SEALDESK_HOST": self.host,
            "SEALDESK_PORT": str(self.port),
            "SEALDESK_ORIGINS": " ".join(self.origins),
            "SEALDESK_WEB_PROCESSES": str(self.web_processes),
            "SEALDESK_LOG": self.log,
            "SEALDESK_POSTGRES_ACCOUNT": self.postgres_account,
            "SEALDESK_SECURITY_CONTACT": self.security_contact,
            "SEALDESK_BLOBS_URL": self.blobs_url,
            "SEALDESK_LIMITS": self.limits,
            "SEALDESK_TRUSTED_PROXIES": " ".join(self.trusted_proxies),
            "SEALDESK_SMTP_URL": self.smtp_url,
            "SEALDESK_MAIL_FROM": self.mail_from,
            "SEALDESK_BREACHED_PASSWORDS": self.breached_passwords,
            "SEALDESK_VALKEY_URL": self.valkey_url,
            "SEALDESK_SOCKETS": ",".join(map(str, self.sockets)),
            "SEALDESK_ARGON2": ",".join(map(str, self.argon2 or ())),
        }

    @property
    def embedded(self) -> bool:
        """Whether the desk runs its own database server."""
        return not self.database_url

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the bound address."""
        return _is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the desk."""
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def postgres(self) -> Path:
        """The embedded server's cluster."""
        return self.data / "postgres"

    @property
    def run(self) -> Path:
        """Sockets, locks and logs of what is running."""
        return self.data / "run"

    @property
    def credentials(self) -> Path:
        """Passwords of the database logins (0600)."""
        return self.data / "credentials.json"

    @property
    def keys(self) -> Path:
        """The folder of the operator's signing key and of the key that seals content."""
        return self.data / "keys"

    @property
    def operator_key(self) -> Path:
        """The operator's Ed25519 key, PEM."""
        return self.keys / "operator.pem"

    @property
    def kek(self) -> Path:
        """The key that seals content keys."""
        return self.keys / "kek.bin"

    @property
    def signer_state(self) -> Path:
        """The signer's own memory."""
        return self.data / "signer" / "state.sqlite3"

    @property
    def signer_socket(self) -> Path:
        """Where the signer listens."""
        return self.run / "signer.sock"

    @property
    def blobs(self) -> Path | str:
        """Where sealed blobs are kept: a folder, or a bucket by its URL."""
        return self.blobs_url or self.data / "blobs"

    @property
    def exports(self) -> Path:
        """Bundles being built."""
        return self.data / "exports"

    @property
    def mail(self) -> Path:
        """Mail, where no server takes it."""
        return self.data / "mail"

    @property
    def sender(self) -> str:
        """Whom mail is from."""
        host = urlsplit(self.origins[0]).hostname or ""
        return (
            self.mail_from or f"Sealdesk <no-reply@{host if host[-1:].isalpha() and ':' not in host else 'localhost'}>"
        )

    @property
    def demo_file(self) -> Path:
        """The sign-ins of the demonstration (0600)."""
        return self.data / "demo.json"

    @property
    def demo_site(self) -> Path:
        """What the demonstration's example site shows and signs with (0600)."""
        return self.data / "demo-site.json"

    @property
    def demo_site_origin(self) -> str:
        """Where the example site is: the next port, by a name that makes it another site than the desk."""
        return f"http://localhost:{self.port + 1}"


def _stay_at_home(settings: Settings) -> None:
    """Made-up people and plain http are for this machine alone; what production refuses beyond that, `core.production` says."""
    away = [each for each in settings.origins if not _is_loopback(urlsplit(each).hostname or "")]
    if settings.env is Environment.DEMO:
        if not settings.loopback:
            raise Fault("A demonstration binds loopback addresses only: leave SEALDESK_HOST unset, or drop --demo.")
        if away:
            raise Fault(f"A demonstration is for this machine only: take {away[0]} out of SEALDESK_ORIGINS.")
    if settings.env is Environment.DEVELOPMENT:
        plain = [each for each in settings.origins if each.startswith("http://")]
        if plain and (set(plain) & set(away) or not settings.loopback):
            raise Fault(
                f"Over plain http ({plain[0]}) the desk is for this machine only: leave SEALDESK_HOST unset,"
                " or put TLS in front and set SEALDESK_ORIGINS to the https:// address."
            )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _default_data() -> str:
    # PostgreSQL does not run as root, and its account can't reach a folder in root's private home.
    return "/var/lib/sealdesk" if os.geteuid() == 0 else "var"


def _environment(environ: Mapping[str, str]) -> Environment:
    text = environ.get("SEALDESK_ENV") or Environment.PRODUCTION
    try:
        return Environment(text)
    except ValueError:
        raise Fault("SEALDESK_ENV must be demo, development or production.") from None


def _whole_number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    raise Fault(f"{name} must be a whole number from {least} to {most}.")


def _log(environ: Mapping[str, str]) -> str:
    text = environ.get("SEALDESK_LOG") or ("console" if sys.stderr.isatty() else "json")
    if text not in {"json", "console"}:
        raise Fault("SEALDESK_LOG must be json or console.")
    return text


def _contact(environ: Mapping[str, str]) -> str:
    text = environ.get("SEALDESK_SECURITY_CONTACT", "")
    if text and (not text.startswith(("mailto:", "https://", "tel:")) or not text.isprintable() or " " in text):
        raise Fault(
            "SEALDESK_SECURITY_CONTACT must be an address such as mailto:security@example.org (RFC 9116, 2.5.3)."
        )
    return text


def _mail_from(environ: Mapping[str, str]) -> str:
    text = environ.get("SEALDESK_MAIL_FROM", "")
    if text and (not text.isprintable() or "@" not in parseaddr(text)[1]):
        raise Fault("SEALDESK_MAIL_FROM must be an address such as Harbour Lane <desk@example.org>.")
    return text


def _argon2(environ: Mapping[str, str]) -> tuple[int, int, int] | None:
    """Memory in KiB, passes and lanes. Less than OWASP's least (Password Storage: 7 MiB with 5 passes) is refused."""
    text = environ.get("SEALDESK_ARGON2", "")
    if not text:
        return None
    numbers = [int(part) for part in text.split(",") if part.isascii() and part.isdigit()]
    if len(numbers) == 3 and text.count(",") == 2:
        memory, passes, lanes = numbers
        if 7168 <= memory <= 4_194_304 and memory * passes >= 35_840 and passes <= 100 and 1 <= lanes <= 16:
            return memory, passes, lanes
    raise Fault("SEALDESK_ARGON2 is memory in KiB, passes, lanes: 19456,2,1 or more.")


def _sockets(environ: Mapping[str, str]) -> tuple[int, int, int]:
    """Live sockets of a member, and from one address; and seconds without a frame that end one."""
    text = environ.get("SEALDESK_SOCKETS") or "5,20,600"
    numbers = [int(part) for part in text.split(",") if part.isascii() and part.isdigit() and len(part) < 7]
    if len(numbers) == 3 and text.count(",") == 2:
        member, address, idle = numbers
        if 1 <= member <= 1000 and 1 <= address <= 100_000 and 1 <= idle <= 86_400:
            return member, address, idle
    raise Fault("SEALDESK_SOCKETS is sockets of a member, of an address, and idle seconds: 5,20,600 for example.")


def _origins(environ: Mapping[str, str], host: str, port: int) -> tuple[str, ...]:
    """The allow-list, separated by blanks or commas; by default what a browser on this machine sends (RFC 6454, 6.2)."""
    listed = tuple(environ.get("SEALDESK_ORIGINS", "").replace(",", " ").split())
    for origin in listed:
        scheme, separator, authority = origin.partition("://")
        if scheme not in {"http", "https"} or not separator or not authority or "/" in authority or "@" in authority:
            raise Fault("SEALDESK_ORIGINS must list origins such as https://desk.example, separated by blanks.")
    suffix = "" if port == 80 else f":{port}"
    return listed or tuple(dict.fromkeys((f"http://{_bracketed(host)}{suffix}", f"http://localhost{suffix}")))


def _proxies(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The networks of the proxies in front of the desk, separated by blanks or commas."""
    listed = environ.get("SEALDESK_TRUSTED_PROXIES", "").replace(",", " ").split()
    try:
        return tuple(str(ip_network(each)) for each in listed)
    except ValueError:
        raise Fault(
            "SEALDESK_TRUSTED_PROXIES must list networks such as 10.1.2.0/24 or 2001:db8::7, separated by blanks."
        ) from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
