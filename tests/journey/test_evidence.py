"""The whole journey: imported history, replies and an export over HTTP, and a stranger who verifies it with a policy of their own."""

import hashlib
import json
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import bagit
import httpx
import pytest

import needs
from journey.conftest import ORG, History
from journey.test_import import MESSAGES, THREADS
from needs import ROOT

REPLIES = 10


@dataclass(frozen=True, slots=True)
class Handed:
    """What the auditor has in hand: the bundle, the policy from elsewhere, and what the desk said of the bundle."""

    bundle: Path
    policy: Path
    export: dict[str, object]
    answer: httpx.Response
    progress: list[tuple[str, int, int]]
    replies: list[str]


@pytest.fixture(scope="module")
def handed(history: History, tmp_path_factory: pytest.TempPathFactory) -> Handed:
    """Ten replies, an export of everything, its download, and the policy."""
    folder = tmp_path_factory.mktemp("handed")
    agent = history.desk.client(history.agent)
    rows = agent.get("/api/v1/threads", params={"limit": "10"}).json()["conversations"]
    replies: list[str] = []
    for number, row in enumerate(rows):
        answer = agent.say(row["thread"], f"Reply {number}: we are on it.")
        assert answer.status_code == 201
        replies.append(answer.json()["receipt"]["entry_id"])
    assert len(replies) == REPLIES
    policy = folder / "policy.txt"
    policy.write_bytes(httpx.get(f"{history.desk.base}/.well-known/ledger-policy").content)
    auditor = history.desk.client(history.auditor)
    request = {"purpose": "Request of the consumer board", "scope": {"query": {"all": True}}}
    asked = auditor.act("POST", "/api/v1/exports", json=request)
    assert asked.status_code == 202, asked.text
    progress: list[tuple[str, int, int]] = []
    export = asked.json()
    until = time.monotonic() + 120
    while export["state"] in ("queued", "building") and time.monotonic() < until:
        time.sleep(0.2)
        export = auditor.get(asked.headers["location"]).json()
        progress.append((export["state"], export["done"], export["total"]))
    assert export["state"] == "built", (progress[-1], history.desk.log.read_text()[-3000:])
    answer = auditor.get(export["bundle"])
    assert answer.status_code == 200
    bundle = folder / "bundle.zip"
    bundle.write_bytes(answer.content)
    return Handed(bundle, policy, export, answer, progress, replies)


def sealproof(
    *arguments: str, python: tuple[str, ...] = (sys.executable, "-m", "sealproof")
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*python, *arguments], capture_output=True, text=True, cwd=ROOT / "src", timeout=300, check=False
    )


def test_it_works(handed: Handed) -> None:
    done = sealproof("verify", str(handed.bundle), "--policy", str(handed.policy))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SIGNED" in done.stdout
    print(done.stdout)


def test_the_verifier_in_one_file_needs_nothing_but_python(handed: Handed, tmp_path: Path) -> None:
    packed = tmp_path / "sealproof.pyz"
    subprocess.run([sys.executable, "-m", "sealproof.pack", str(packed)], cwd=ROOT / "src", check=True)
    # The interpreter that the virtual environment was made from, isolated and without any site-packages.
    plain = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    begin = time.monotonic()
    done = sealproof(
        "verify",
        str(handed.bundle),
        "--policy",
        str(handed.policy),
        "--json",
        python=(str(plain), "-I", "-S", str(packed)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "SIGNED"
    print(f"{handed.bundle.stat().st_size:,} bytes verified in {time.monotonic() - begin:.1f} s")


def test_the_policy_of_the_terminal_is_the_policy_of_the_web(history: History, handed: Handed) -> None:
    done = history.desk.command("ledger", "policy")
    assert (done.returncode, done.stdout) == (0, handed.policy.read_text())


def test_a_policy_of_another_desk_does_not_do(handed: Handed, tmp_path: Path) -> None:
    from sealproof.note import make_vkey

    name = next(line.split()[1] for line in handed.policy.read_text().splitlines() if line.startswith("log "))
    other = tmp_path / "policy.txt"
    origin = name.split("+")[0]
    other.write_text(handed.policy.read_text().replace(name, make_vkey(origin, hashlib.sha256(b"another").digest())))
    assert sealproof("verify", str(handed.bundle), "--policy", str(other)).returncode == 1


def test_the_download_is_what_the_desk_says_it_is(history: History, handed: Handed) -> None:
    digests = handed.export["digests"]
    assert isinstance(digests, dict)
    content = handed.bundle.read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (digests["zip_sha256"], digests["zip_bytes"])
    assert handed.answer.headers["content-disposition"].startswith("attachment")
    assert int(handed.answer.headers["content-length"]) == len(content)
    counts = history.counts()
    assert counts["export.requested"] == counts["export.built"] == 1
    assert counts["export.downloaded"] >= 1


def test_progress_only_goes_forward(handed: Handed) -> None:
    assert all(0 <= done <= total for _, done, total in handed.progress)
    assert [done for _, done, _ in handed.progress] == sorted(done for _, done, _ in handed.progress)
    assert handed.export["conversations"] == THREADS


def test_everything_is_in_it(handed: Handed, tmp_path: Path) -> None:
    with zipfile.ZipFile(handed.bundle) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("items.jsonl")]
        items = [json.loads(line) for line in archive.read(name).splitlines()]
    types = [item["type"] for item in items]
    assert types.count("message.imported") == MESSAGES
    assert types.count("message.posted") == REPLIES
    assert {item["id"] for item in items} >= set(handed.replies)


def test_other_tools_agree(handed: Handed, tmp_path: Path) -> None:
    with zipfile.ZipFile(handed.bundle) as archive:
        archive.extractall(tmp_path)
    (root,) = list(tmp_path.iterdir())
    assert bagit.Bag(str(root)).validate(processes=1)
    sha256sum = str(needs.program("sha256sum"))
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        done = subprocess.run(
            [sha256sum, "--quiet", "-c", manifest], cwd=root, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_stranger_does_not_get_it(history: History, handed: Handed) -> None:
    from sealdesk.access.permissions import Role

    (stranger,) = history.desk.populate("evidence", ("Stranger", Role.AUDITOR))
    client = history.desk.client(stranger)
    for path in (f"/api/v1/exports/{handed.export['id']}", str(handed.export["bundle"])):
        assert client.get(path).status_code == 404
    assert history.desk.orgs[ORG] != history.desk.orgs["evidence"]
