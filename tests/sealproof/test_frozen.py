"""Bundles of the past: what was said of them once is said of them for ever."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import bagit
import pytest

from forge.flaws import honest
from needs import ROOT
from sealproof import pack, policy
from sealproof.verify import verify

BUNDLES = ROOT / "tests" / "vectors" / "bundles"
EXPECTED = json.loads((BUNDLES / "expected.json").read_bytes())
POLICY = policy.parse((BUNDLES / "policy.txt").read_bytes())


@pytest.mark.parametrize("name", EXPECTED)
def test_frozen_bundle(name: str) -> None:
    report = verify(BUNDLES / name, POLICY)
    step = report.failure.step if report.failure else None
    assert {"verdict": report.verdict.value, "exit_code": report.exit_code, "step": step} == EXPECTED[name]


def test_every_frozen_bundle_is_expected() -> None:
    assert {path.relative_to(BUNDLES).as_posix() for path in BUNDLES.rglob("*.zip")} == set(EXPECTED)


def test_the_same_facts_give_the_same_bytes() -> None:
    assert honest() == (BUNDLES / "golden.zip").read_bytes()


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LANG": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8"},
    ],
)
def test_nowhere_else_either(environment: dict[str, str]) -> None:
    script = "import sys; from forge.flaws import honest; sys.stdout.buffer.write(honest())"
    path = f"{ROOT / 'src'}:{ROOT / 'tests'}"
    made = subprocess.run([sys.executable, "-c", script], env=environment | {"PYTHONPATH": path}, stdout=-1, check=True)
    assert made.stdout == (BUNDLES / "golden.zip").read_bytes()


def _unpacked(folder: Path) -> Path:
    with zipfile.ZipFile(BUNDLES / "golden.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    (bag,) = folder.iterdir()
    return bag


def test_bagit_agrees(tmp_path: Path) -> None:
    bag = bagit.Bag(str(_unpacked(tmp_path)))
    bag.validate()
    assert bag.info["External-Identifier"] == tmp_path.joinpath(*tmp_path.iterdir()).name


def test_sha256sum_agrees(tmp_path: Path) -> None:
    bag = _unpacked(tmp_path)
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt", "manifest-sha512.txt", "tagmanifest-sha512.txt"):
        tool = shutil.which(name.partition("-")[2].removesuffix(".txt") + "sum")
        assert tool is not None
        subprocess.run([tool, "--check", "--strict", "--quiet", name], cwd=bag, check=True)


def test_the_commitment_can_be_checked_by_hand(tmp_path: Path) -> None:
    bag = _unpacked(tmp_path)
    opening = json.loads((bag / "data/ledger/openings.jsonl").read_text().splitlines()[0])
    command = f"{{ printf 'desk-evidence/content/v1\\n'; printf {opening['salt']} | xxd -r -p; cat {opening['path']}; }} | sha256sum"
    if not shutil.which("xxd"):
        salt = "".join(f"\\x{opening['salt'][i : i + 2]}" for i in range(0, 64, 2))
        command = f"{{ printf 'desk-evidence/content/v1\\n'; printf '{salt}'; cat {opening['path']}; }} | sha256sum"
    made = subprocess.run(["bash", "-c", command], cwd=bag, stdout=-1, check=True)
    assert made.stdout.split()[0].decode() == opening["commit"]


def test_the_one_file_verifier(tmp_path: Path) -> None:
    """`sealproof.pyz` runs by itself, alone, in isolated mode, and its bytes are always the same."""
    assert pack.pack() == pack.pack()
    packed = tmp_path / "sealproof.pyz"
    assert pack.main([str(packed)]) == 0
    assert packed.read_bytes() == pack.pack()
    for name in ("golden.zip", "flaws/erased-yet-opened.zip"):
        command = [sys.executable, "-I", "-S", packed, "verify", BUNDLES / name, "--policy", BUNDLES / "policy.txt"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
        assert (run.returncode, run.stderr) == (EXPECTED[name]["exit_code"], "")
        assert run.stdout.startswith(EXPECTED[name]["verdict"])


def test_the_one_file_verifier_is_a_canonical_container(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(pack.pack())) as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert {"__main__.py", "sealproof/verify.py"} <= set(names)
    assert all(name.endswith(".py") for name in names)
