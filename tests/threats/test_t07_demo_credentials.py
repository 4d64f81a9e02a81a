"""T07: demonstration accounts reach nobody but whoever sits at the machine, and no production desk (ASVS V13.2.3)."""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from databases import Clone
from needs import ROOT
from running import free_port
from sealdesk import demo
from sealdesk.access.permissions import Role
from sealdesk.people import founding
from sealdesk.people.founding import NewPerson
from up.test_production import HTTPS, environ, execute, refused, run, wrong
from world import World

__all__ = ["environ"]

DEMO = NewPerson("ada@harbour.example", "Ada Lindqvist", Role.AGENT, "made up for the demonstration", demo=True)
UNCHECKED = """
import sys
from sealdesk.core import production
production.refuse = lambda *_: None
from sealdesk.app import main
sys.exit(main())
"""


def test_production_refuses_a_database_with_demonstration_people(environ: dict[str, str], database: Clone) -> None:
    """And one that had them: what was known to everybody once may have been used (ASVS V13.2.3)."""
    execute(
        database, "insert into sec.deployment (ledger_name, environment, web_secret) values ('d', 'demo', sha256('x'))"
    )
    assert wrong(environ) == {}
    person = "insert into sec.person (person_id, email, email_norm, demo) values (gen_random_uuid(), 'a@b.test', 'a@b.test', true)"
    for statement in (person, "delete from sec.person"):
        execute(database, statement)
        found = wrong(environ)
        assert set(found) == {"demonstration"}
        told = refused(environ)
        assert told["sealdesk.app"] == told["sealdesk.worker"] == found["demonstration"]
        assert found["demonstration"] in told["sealdesk.cli"]


def test_a_production_database_takes_no_demonstration(environ: dict[str, str], database: Clone) -> None:
    """ASVS V6.3.2: a fresh desk knows nobody, so that there is no default account, and nobody made up gets in."""
    founded = run(environ, "sealdesk.cli", "init")
    assert founded.returncode == 0, founded.stderr
    for table in ("sec.person", "app.member", "app.org", "sec.session"):
        execute(database, f"do $$ begin if exists (select from {table}) then raise 'somebody is there'; end if; end $$")
    refused_by_settings = run(environ, "sealdesk.cli", "demo")
    assert "no demonstration" in refused_by_settings.stderr
    at_home = {**environ, "SEALDESK_ENV": "demo", "SEALDESK_ORIGINS": ""}
    refused_by_database = run(at_home, "sealdesk.cli", "demo")
    assert "belongs to production" in refused_by_database.stderr
    assert (refused_by_settings.returncode, refused_by_database.returncode) == (1, 1)


def test_each_installation_makes_its_own_passwords(tmp_path: Path) -> None:
    """72 random bits each, in a file that its owner alone reads, and the same ones at the next start."""
    files = [tmp_path / f"{n}.json" for n in range(20)]
    made = [each.password for path in files for each in demo._sign_ins(path)]
    assert len(set(made)) == len(made) == 100
    assert min(map(len, made)) >= 12
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
    assert [each.password for each in demo._sign_ins(files[0])] == made[:5]


@pytest.mark.parametrize("mode", ["demo", "development"])
@pytest.mark.parametrize("module", ["sealdesk.app", "sealdesk.worker", "sealdesk.cli"])
def test_no_other_machine_reaches_made_up_people(mode: str, module: str) -> None:
    """Not by starting a part of the desk by itself, nor by calling a demonstration's folder something else."""
    told = run(
        {"SEALDESK_ENV": mode, "SEALDESK_HOST": "0.0.0.0"}, module, *(["up"] if module == "sealdesk.cli" else [])
    )
    assert told.returncode == 1
    assert "leave SEALDESK_HOST unset" in told.stderr


@contextmanager
def started(world: World, *command: str) -> Generator[tuple[subprocess.Popen[bytes], str]]:
    """A production web server over the database of `world`: its process and its address."""
    place, port = world.desk.database.where, free_port()
    ours = {
        "SEALDESK_DATA": str(world.folder),
        "SEALDESK_ENV": "production",
        "SEALDESK_ORIGINS": HTTPS,
        "SEALDESK_DATABASE_URL": f"postgresql:///{place.database}?host={place.host}&port={place.port}",
        "SEALDESK_PORT": str(port),
        "PYTHONPATH": str(ROOT / "src"),
    }
    with subprocess.Popen([sys.executable, *command], env={**os.environ, **ours}, stderr=subprocess.PIPE) as process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def attack(address: str, process: subprocess.Popen[bytes]) -> int:
    """Somebody who knows the demonstration's password signs in as soon as there is anything to sign in to; 0 where there never is."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        try:
            body = {"email": DEMO.email, "password": DEMO.password}
            return httpx.post(f"{address}/api/v1/session", json=body, headers={"host": "desk.example"}).status_code
        except httpx.TransportError:
            time.sleep(0.1)
    return 0


async def test_sabotage(drill: World) -> None:
    """Without the check at the start the made-up person is in, so the tests above can fail."""
    await founding.add_person(drill.desk, drill.acme.org, DEMO)
    with started(drill, "-m", "sealdesk.app") as (process, address):
        assert attack(address, process) == 0
        assert process.stderr is not None
        assert b"demonstration people" in process.stderr.read()
    with started(drill, "-c", UNCHECKED) as (process, address):
        assert attack(address, process) == 200
