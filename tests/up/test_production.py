"""What production refuses to start on, in one sentence each, and the doctor that says the same (ASVS V13.1.1, V13.4.2)."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

import places
from counts import count
from databases import Clone
from needs import ROOT
from running import apart, running
from sealdesk.core import credentials, production
from sealdesk.core.settings import Settings
from sealdesk.ledger.seal import make_master

HTTPS = "https://desk.example"


@pytest.fixture
def environ(database: Clone) -> Iterator[dict[str, str]]:
    """The variables of a production desk on a database of its own, in which nothing is wrong."""
    with places.folder() as folder:
        shutil.copy(database.credentials, folder / "credentials.json")
        (folder / "credentials.json").chmod(0o600)
        (folder / "keys").mkdir()
        make_master(folder / "keys" / "kek.bin")
        place = credentials.read(folder / "credentials.json")
        yield {
            "SEALDESK_DATA": str(folder),
            "SEALDESK_ENV": "production",
            "SEALDESK_ORIGINS": HTTPS,
            "SEALDESK_DATABASE_URL": f"postgresql:///{place['database']}?host={place['host']}&port={place['port']}",
        }


def run(environ: dict[str, str], module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of our programs as a process of its own."""
    ours = {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200", **environ}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env={**os.environ, **ours}, capture_output=True, text=True, timeout=60, check=False)


def execute(database: Clone, statement: str) -> None:
    """As the database's administrator."""

    async def work() -> None:
        connection = await asyncpg.connect(database.admin_dsn)
        await connection.execute(statement)
        await connection.close()

    apart(work())


def wrong(environ: dict[str, str]) -> dict[str, str]:
    """What the doctor finds wrong, by check."""
    done = run(environ, "sealdesk.cli", "doctor", "--json")
    found = {each["check"]: each["say"] for each in json.loads(done.stdout) if not each["fine"]}
    assert done.returncode == (1 if found else 0), done.stderr
    return found


def refused(environ: dict[str, str], turn: int | None = None) -> dict[str, str]:
    """The one sentence with which the web server, the worker and `up` refuse to start, by program; or in `turn`."""
    told: dict[str, str] = {}
    programs = (("sealdesk.app",), ("sealdesk.worker",), ("sealdesk.cli", "up"))
    asked = programs if turn is None or count(0, 1) else (programs[turn % 3],)
    for module, *arguments in asked:
        done = run(environ, module, *arguments)
        assert done.returncode == 1, (module, done.stderr)
        told[module] = done.stderr.strip().splitlines()[-1].removeprefix("sealdesk: ")
    return told


def test_it_works(environ: dict[str, str]) -> None:
    done = run(environ, "sealdesk.cli", "doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("fine ") == 8
    assert wrong(environ) == {}


def test_a_list_of_breached_passwords_is_advised(environ: dict[str, str]) -> None:
    """ASVS V6.2.12: production starts without one, and the doctor says what it lacks."""
    done = run(environ, "sealdesk.cli", "doctor")
    (said,) = [line for line in done.stdout.splitlines() if "breached passwords" in line]
    assert said.startswith("tip")
    assert "SEALDESK_BREACHED_PASSWORDS" in said
    assert done.returncode == 0
    listed = Path(environ["SEALDESK_DATA"]) / "breached"
    listed.write_text("0" * 40 + ":1\n")
    done = run({**environ, "SEALDESK_BREACHED_PASSWORDS": str(listed)}, "sealdesk.cli", "doctor")
    assert done.stdout.count("fine ") == 9


@pytest.mark.parametrize(
    ("sockets", "said"),
    [
        ("5,20,600", ""),
        ("20,500,3600", ""),
        ("50,20,600", "only 20 can come"),
        ("51,2000,600", "bound little"),
        ("5,2001,600", "bound little"),
        ("5,20,59", "helps nobody"),
        ("5,20,7201", "helps nobody"),
    ],
)
def test_bounds_of_sockets_that_bound_nothing_are_doubted(sockets: str, said: str) -> None:
    settings = Settings.load({"SEALDESK_SOCKETS": sockets})
    (found,) = [each for each in production.look_at_settings(settings) if each.check == "sockets"]
    assert found.fine
    assert found.advice is bool(said)
    assert said in found.say


def loosen(path: str) -> Callable[[dict[str, str]], None]:
    return lambda environ: (Path(environ["SEALDESK_DATA"]) / path).chmod(0o644)


def shorten(environ: dict[str, str]) -> None:
    """Give a login a default password; the server takes any, so that only our check can refuse it."""
    path = Settings.load(environ).credentials
    logins = credentials.read(path)["logins"]
    assert isinstance(logins, dict)
    credentials.merge(path, {"logins": {**logins, "desk_auditor": "changeme-please-2026"}})


def open_to_all(environ: dict[str, str]) -> None:
    """The server's own superuser under a password that everybody tries."""
    path = Settings.load(environ).credentials
    credentials.merge(path, {"admin": "postgresql://postgres:postgres@127.0.0.1/sealdesk"})


def blank_key(environ: dict[str, str]) -> None:
    Settings.load(environ).kek.write_bytes(bytes(32))


SETTINGS: dict[str, tuple[str, Callable[[dict[str, str]], None], str]] = {
    "plain http": (
        "origins",
        lambda environ: environ.update(SEALDESK_ORIGINS="http://desk.example"),
        "SEALDESK_ORIGINS",
    ),
    "no origin said": ("origins", lambda environ: environ.update(SEALDESK_ORIGINS=""), "https://"),
    "one of two": (
        "origins",
        lambda environ: environ.update(SEALDESK_ORIGINS=f"{HTTPS} http://[::1]:8000"),
        "https://",
    ),
    "limits off": ("limits", lambda environ: environ.update(SEALDESK_LIMITS="off"), "unset SEALDESK_LIMITS"),
    "readable credentials": ("files", loosen("credentials.json"), "chmod 600"),
    "readable key": ("files", loosen("keys/kek.bin"), "chmod 600"),
    "default password": ("passwords", shorten, "sealdesk db migrate"),
    "a guessable superuser": ("passwords", open_to_all, "sealdesk db migrate"),
    "a key of zeros": ("sealing key", blank_key, "sealdesk init"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_production_refuses_a_setting(environ: dict[str, str], case: str) -> None:
    check, spoil, advice = SETTINGS[case]
    spoil(environ)
    found = wrong(environ)
    assert set(found) == {check}
    assert advice in found[check]
    assert set(refused(environ, list(SETTINGS).index(case)).values()) == {found[check]}


def test_production_refuses_a_superuser(environ: dict[str, str], database: Clone) -> None:
    """Of the server itself, so it is put back whatever happens."""
    try:
        execute(database, "alter role desk_auditor bypassrls")
        found = wrong(environ)
        assert set(found) == {"database login"}
        assert "desk_auditor" in found["database login"]
        assert all("desk_auditor" in said for said in refused(environ).values())
    finally:
        execute(database, "alter role desk_auditor nobypassrls")


def test_elsewhere_the_doctor_only_warns(environ: dict[str, str]) -> None:
    """Plain http on loopback is for trying out; the doctor says what production would refuse."""
    environ |= {"SEALDESK_ENV": "development", "SEALDESK_ORIGINS": ""}
    assert set(wrong(environ)) == {"origins"}
    assert "not founded yet" in run(environ, "sealdesk.app").stderr


def test_the_doctor_speaks_before_the_first_start() -> None:
    """What the settings alone tell is told, and what is missing."""
    with places.folder() as folder:
        found = wrong({"SEALDESK_DATA": str(folder), "SEALDESK_ENV": "production", "SEALDESK_ORIGINS": ""})
    assert set(found) == {"origins", "database"}
    assert "sealdesk db migrate" in found["database"]


def test_a_database_that_is_away_is_one_sentence(environ: dict[str, str]) -> None:
    environ["SEALDESK_DATABASE_URL"] = "postgresql://127.0.0.1:1/sealdesk"
    for program in (("sealdesk.cli", "up"), ("sealdesk.app",), ("sealdesk.worker",)):
        done = run(environ, *program)
        assert done.returncode == 1, program
        assert "Traceback" not in done.stderr, program
        assert "database" in done.stderr.lower(), program


def test_production_runs() -> None:
    """Behind TLS, under the one name that people use: ready by its own word, and no other name is answered for."""
    with running(ENV="production", ORIGINS=HTTPS) as desk:
        assert f"Sealdesk is at {HTTPS}" in desk.log.read_text()
        host = {"host": HTTPS.removeprefix("https://")}
        page = httpx.get(f"{desk.base}/sign-in", headers=host)
        assert page.status_code == 200
        assert httpx.get(f"{desk.base}/sign-in").status_code == 421
        assert desk.process.poll() is None
