"""What a desk that people depend on must not be started with. `sealdesk doctor` shows the list; production refuses on any of it."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

from sealdesk.core import credentials
from sealdesk.core.db import Database
from sealdesk.core.faults import Fault
from sealdesk.core.settings import Environment, Settings

LEAST_PASSWORD = 16
KEK_BYTES = 32
LEAST_DIFFERENT = 8
"""Random bytes and passwords of these lengths have more different characters than that, but for one in many billions."""
MOST_SOCKETS = 50, 2000
"""Of a member and of an address: beyond that they are no bounds for anybody."""
IDLE = 60, 7200
DEFAULTS = ("password", "passwort", "changeme", "change-me", "secret", "postgres", "sealdesk", "example", "default")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `say` is a sentence: what is so, or what is wrong and what to do about it.

    `advice`: nothing is wrong, but it could be better; production starts all the same.
    """

    check: str
    fine: bool
    say: str
    advice: bool = False


def look_at_settings(settings: Settings) -> list[Finding]:
    """What can be judged without a database."""
    looked = (_origins, _limits, _sockets, _files, _passwords, _key, _breached)
    return [look(settings) for look in looked]


async def look_at_database(database: Database) -> list[Finding]:
    """What only the database knows; asked as the login that may do least. Its schema must be the newest."""
    pool = await database.pool("desk_gate")
    held = bool(await pool.fetchval("select sec.held_demo()"))
    privileged = [
        row["rolname"]
        for row in await pool.fetch(
            r"select rolname from pg_roles where (rolname like 'desk\_%' or rolname = session_user)"
            " and (rolsuper or rolbypassrls) order by 1"
        )
    ]
    return [
        _finding(
            "demonstration",
            not held,
            "The database has never held demonstration people.",
            "This database holds, or has held, demonstration people: start production on a new SEALDESK_DATA or database.",
        ),
        _finding(
            "database login",
            not privileged,
            "No login of the desk is a superuser.",
            f"The database login {', '.join(privileged)} is a superuser or bypasses row security:"
            f" run ALTER ROLE ... NOSUPERUSER NOBYPASSRLS on it.",
        ),
    ]


def refuse(settings: Settings, findings: Iterable[Finding]) -> None:
    """In production, raise `Fault` with the first thing that is not fine."""
    if settings.env is Environment.PRODUCTION:
        for finding in findings:
            if not finding.fine:
                raise Fault(finding.say)


def _origins(settings: Settings) -> Finding:
    plain = [origin for origin in settings.origins if not origin.startswith("https://")]
    return _finding(
        "origins",
        not plain,
        "Browsers come over https only.",
        f"{', '.join(plain)} is not https: put TLS in front and set SEALDESK_ORIGINS to the https:// address that people use,"
        " or set SEALDESK_ENV=development on your own machine.",
    )


def _limits(settings: Settings) -> Finding:
    return _finding(
        "limits",
        settings.limits.strip() != "off",
        "Limits are on.",
        "Limits are off, so one client can occupy the desk: unset SEALDESK_LIMITS.",
    )


def _sockets(settings: Settings) -> Finding:
    member, address, idle = settings.sockets
    doubt = ""
    if member > address:
        doubt = f"A member may have {member} live sockets, but only {address} can come from one address"
    elif member > MOST_SOCKETS[0] or address > MOST_SOCKETS[1]:
        doubt = f"{member} live sockets for a member and {address} for an address bound little"
    elif not IDLE[0] <= idle <= IDLE[1]:
        doubt = f"Live sockets end after {idle} seconds without a frame, which helps nobody"
    say = f"{doubt}: SEALDESK_SOCKETS is 5,20,600 by default." if doubt else "Live sockets are bounded."
    return Finding("sockets", fine=True, say=say, advice=bool(doubt))


def _files(settings: Settings) -> Finding:
    secret = (
        settings.credentials,
        settings.kek,
        settings.operator_key,
        settings.signer_state,
        settings.demo_file,
        settings.demo_site,
    )
    loose = [str(path) for path in secret if _readable_by_others(path)]
    return _finding(
        "files",
        not loose,
        "Keys and credentials are readable by their owner only.",
        f"Others on this machine can read {', '.join(loose)}: run chmod 600 on it, and replace the keys and passwords it holds"
        " if anybody may have.",
    )


def _passwords(settings: Settings) -> Finding:
    known = credentials.read(settings.credentials)
    logins = dict(cast("dict[str, object]", known.get("logins") or {}))
    if isinstance(admin := known.get("admin"), str):
        address = urlsplit(admin)
        logins |= {address.username or "postgres": unquote(address.password)} if address.password else {}
    weak = sorted(name for name, password in logins.items() if _is_guessable(str(password), name))
    return _finding(
        "passwords",
        not weak,
        "The passwords of the database logins are long and random.",
        f"The password of {', '.join(weak)} in {settings.credentials} is a default or too short: remove it there and run"
        " `sealdesk db migrate`, which makes a random one.",
    )


def _key(settings: Settings) -> Finding:
    kek = settings.kek.read_bytes() if settings.kek.is_file() else None
    return _finding(
        "sealing key",
        kek is None or (len(kek) == KEK_BYTES and len(set(kek)) >= LEAST_DIFFERENT),
        "The key that seals content is random.",
        f"{settings.kek} is not {KEK_BYTES} random bytes: put the key back that `sealdesk init` made.",
    )


def _breached(settings: Settings) -> Finding:
    if settings.breached_passwords:
        return Finding(
            "breached passwords", fine=True, say="People's passwords are looked up in your list of breached ones."
        )
    say = (
        "Only common passwords are refused, not breached ones: download the SHA-1 list of Have I Been Pwned, ordered by hash, and set"
        " SEALDESK_BREACHED_PASSWORDS to the file."
    )
    return Finding("breached passwords", fine=True, say=say, advice=True)


def _readable_by_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except FileNotFoundError:
        return False


def _is_guessable(password: str, login: str) -> bool:
    lowered = password.lower()
    return (
        len(password) < LEAST_PASSWORD
        or len(set(password)) < LEAST_DIFFERENT
        or login in lowered
        or any(lowered.startswith(each) for each in DEFAULTS)
    )


def _finding(check: str, fine: bool, so: str, wrong: str) -> Finding:  # noqa: FBT001 - it reads like a sentence
    return Finding(check, fine, so if fine else wrong)
