"""The command line: one sentence, one exit code, and never a traceback, whatever it is given."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from counts import count
from forge.export import story
from forge.ledger import Operator
from forge.reseal import pack, rebag, restate, seal, unpack
from needs import ROOT
from sealproof import __main__ as terminal
from sealproof import bundle, canonical, policy, proof
from sealproof.report import Report
from sealproof.verify import verify

BUNDLES = ROOT / "tests/vectors/bundles"
GOLDEN = (BUNDLES / "golden.zip").read_bytes()
POLICY = str(BUNDLES / "policy.txt")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        terminal.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out, err


def test_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "verify", BUNDLES / "golden.zip", "--policy", POLICY)
    assert (code, err) == (0, "")
    assert out.startswith("SIGNED: ")
    assert all(title in out for title in ("\nProven:\n", "\nNoticed:\n", "\nNot proven:\n"))
    code, out, _ = run(capsys, "verify", BUNDLES / "golden.zip", "--policy", POLICY, "--json")
    assert (code, json.loads(out)["verdict"]) == (0, "SIGNED")


def test_as_a_process() -> None:
    """With an output that knows only ASCII, and one that is closed."""
    command = [sys.executable, "-m", "sealproof", "verify", BUNDLES / "golden.zip", "--policy", POLICY]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "ascii", "PATH": os.environ["PATH"]}
    made = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (made.returncode, made.stderr) == (0, b"")
    with Path("/dev/full").open("wb") as full:
        made = subprocess.run(command, env=environment, stdout=full, stderr=-1, check=False)
    assert b"Traceback" not in made.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["verify"],
        ["verify", "x"],
        ["verify", "x", "--policy"],
        ["verify", "/nonexistent", "--policy", POLICY],
        ["verify", POLICY, "--policy", POLICY],
        ["verify", "/dev/null", "--policy", POLICY],
        ["verify", BUNDLES / "golden.zip", "--policy", "/nonexistent"],
        ["verify", BUNDLES / "golden.zip", "--policy", BUNDLES / "golden.zip"],
        ["verify", BUNDLES / "golden.zip", "--policy", "/dev/null"],
        ["verify", BUNDLES / "golden.zip", "--policy", POLICY, "--known", POLICY],
        ["verify", BUNDLES / "golden.zip", "--policy", POLICY, "--known", "/nonexistent"],
        ["verify", BUNDLES / "golden.zip", "--policy", POLICY, "--receipt", POLICY],
        ["receipt", POLICY, "--policy", POLICY],
        ["unknown"],
    ],
)
def test_what_cannot_be_read(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 3
    assert "Traceback" not in out + err
    assert len((out + err).strip().splitlines()) == 1


def test_receipts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    desk, _ = story()
    read = desk.log.entries[3]
    hashes = tuple(desk.log.tree().inclusion_proof(3))
    made = proof.TlogProof(3, hashes, desk.operator.checkpoint(desk.log))
    receipt, entry = tmp_path / "a.tlog-proof", tmp_path / "entry.json"
    receipt.write_bytes(made.encode())
    entry.write_bytes(read.raw)
    code, out, _ = run(capsys, "receipt", receipt, "--entry", entry, "--policy", POLICY)
    assert (code, out.startswith("SIGNED: message.posted")) == (0, True)
    code, out, _ = run(capsys, "receipt", receipt, "--entry", entry, "--policy", POLICY, "--json")
    assert (code, json.loads(out)["index"]) == (0, 3)
    assert run(capsys, "receipt", receipt, "--policy", POLICY)[0] == 3
    entry.write_bytes(desk.log.entries[4].raw)
    assert run(capsys, "receipt", receipt, "--entry", entry, "--policy", POLICY)[0] == 1
    receipt.write_bytes(proof.TlogProof(3, hashes, made.checkpoint, read.raw).encode())
    assert run(capsys, "receipt", receipt, "--policy", POLICY)[0] == 0
    other = tmp_path / "policy.txt"
    other.write_text(Operator(name="other.example").policy)
    assert run(capsys, "receipt", receipt, "--policy", other)[0] == 3


HOSTILE = (
    b"",
    b"\n",
    b"\0" * 100,
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 100_000,
    b'"\\ud800"',
    b"\xff\xfe",
    b"null\n" * 20,
    b'{"a":1,"a":1}',
    canonical.encode({"format": "desk-evidence-manifest/1"}),
    "\u2014 a b\n".encode() * 200,
)


def _judge(data: bytes, folder: Path) -> Report:
    path = folder / "bundle.zip"
    path.write_bytes(data)
    return verify(path, policy.parse(Path(POLICY).read_bytes()))


@pytest.mark.parametrize("name", sorted(unpack(GOLDEN)[1]))
def test_hostile_files_that_are_sealed(name: str, tmp_path: Path) -> None:
    """Each file in turn is replaced by nonsense, and everything above it made to fit: nothing may raise, or hold."""
    top, files = unpack(GOLDEN)
    proves = name.startswith(("data/ledger/", "data/content/", "seal/")) or name in bundle.SELF_DESCRIBED
    for data in HOSTILE:
        changed = files | {name: data}
        if name in bundle.SELF_DESCRIBED:
            changed = rebag(changed)
        elif proves and name != bundle.SEAL_NOTE:
            changed = rebag(restate(changed))
        if name != bundle.SEAL_NOTE:
            changed = seal(changed, Operator()) if proves and name != bundle.MANIFEST else changed
        assert _judge(pack(top, changed), tmp_path).exit_code == 1


def test_random_splices(tmp_path: Path) -> None:
    """Pieces of the bundle moved, repeated and cut at random places."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(count(300, 30_000)):
        a, b, c = sorted(chance.sample(range(len(GOLDEN)), 3))
        changed = chance.choice(
            [
                GOLDEN[:a] + GOLDEN[b:],
                GOLDEN[:b] + GOLDEN[a:],
                GOLDEN[:a] + GOLDEN[b:c] + GOLDEN[a:b] + GOLDEN[c:],
                GOLDEN[:a] + chance.randbytes(b - a) + GOLDEN[b:],
            ]
        )
        if changed != GOLDEN:
            assert _judge(changed, tmp_path).exit_code in (1, 3), seed


def test_random_values_that_are_sealed(tmp_path: Path) -> None:
    """One member of one line becomes something else, and everything above it is made to fit."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    top, files = unpack(GOLDEN)
    lists = (bundle.MANIFEST, bundle.ITEMS, bundle.ENTRIES, bundle.INCLUSION, bundle.OPENINGS, bundle.SYS_ENTRY)
    for _ in range(count(300, 30_000)):
        name = chance.choice(lists)
        lines = files[name].split(b"\n")
        at = chance.randrange(len(lines) - (len(lines) > 1))
        value = json.loads(lines[at])
        _change_one(value, chance)
        lines[at] = canonical.encode(value)
        changed = files | {name: b"\n".join(lines)}
        if changed == files:
            continue
        changed = rebag(changed if name == bundle.MANIFEST else restate(changed))
        report = _judge(pack(top, seal(changed, Operator()) if name != bundle.MANIFEST else changed), tmp_path)
        assert report.exit_code == 1, seed


def _change_one(value: Any, chance: random.Random) -> None:
    """Replace, remove or add at a random place in `value`."""
    members = list(value) if isinstance(value, dict) else list(range(len(value)))
    where = chance.choice(members) if members else None
    if where is not None and isinstance(value[where], dict | list) and chance.random() < 0.8:
        _change_one(value[where], chance)
        return
    other = chance.choice([None, True, 0, -1, 2**53 - 1, "", "x", "0" * 64, [], {}, [[]], "\u2028", {"a": 1}])
    match chance.randrange(3):
        case 0 if where is not None:
            value[where] = other
        case 1 if where is not None:
            del value[where]
        case _ if isinstance(value, dict):
            value["a"] = other
        case _:
            value.append(other)


def test_a_fault_of_ours_is_no_verdict(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_arguments: object, **_options: object) -> Report:
        raise RecursionError

    monkeypatch.setattr(terminal, "verify", fault)
    code, out, err = run(capsys, "verify", BUNDLES / "golden.zip", "--policy", POLICY)
    assert (code, out, err) == (3, "", "sealproof: this cannot be judged (RecursionError)\n")
