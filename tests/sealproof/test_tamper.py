"""No change to a bundle passes: bytes, files, lines; by somebody outside, and by somebody who can seal it again.

`make test` flips 2,000 random bytes, `make tamper` every byte of the bundle.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from counts import count
from forge.ledger import Operator
from forge.reseal import Files, pack, rebag, reseal, restate, seal, unpack
from needs import ROOT
from sealproof import bundle, policy
from sealproof.report import Verdict
from sealproof.verify import verify

GOLDEN = (ROOT / "tests/vectors/bundles/golden.zip").read_bytes()
TOP, FILES = unpack(GOLDEN)
OPERATOR = Operator()
POLICY = policy.parse(OPERATOR.policy)
LISTS = (bundle.ENTRIES, bundle.INCLUSION, bundle.OPENINGS, bundle.ITEMS)


def holds(path: Path) -> bool:
    return verify(path, POLICY).verdict in (Verdict.SIGNED, Verdict.VERIFIED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.zip"
    path.write_bytes(GOLDEN)
    assert holds(path)
    return path


@pytest.mark.tamper
def test_every_byte(path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    everything = range(len(GOLDEN))
    places = chance.sample(everything, count(2000, len(GOLDEN)))
    with path.open("r+b", buffering=0) as file:
        for at in places:
            os.pwrite(file.fileno(), bytes([GOLDEN[at] ^ chance.randrange(1, 256)]), at)
            assert not holds(path), f"byte {at}, seed {seed}"
            os.pwrite(file.fileno(), GOLDEN[at : at + 1], at)
    assert holds(path)


@pytest.mark.parametrize("keep", [0, 1, 21, 22, 100, len(GOLDEN) // 2, len(GOLDEN) - 22, len(GOLDEN) - 1])
def test_truncated(path: Path, keep: int) -> None:
    path.write_bytes(GOLDEN[:keep])
    assert not holds(path)


@pytest.mark.parametrize("more", [b"\0", b"\n", GOLDEN[-22:], GOLDEN])
def test_extended(path: Path, more: bytes) -> None:
    for data in (GOLDEN + more, more + GOLDEN):
        path.write_bytes(data)
        assert not holds(path)


def test_each_file_removed_emptied_truncated_added_or_swapped(path: Path) -> None:
    """By somebody who cannot seal: any file at all."""
    names = sorted(FILES)
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        for changed in (
            {n: data for n, data in FILES.items() if n != name},
            FILES | {name: b""},
            FILES | {name: FILES[name][:-1]},
            FILES | {name + "x": FILES[name]},
            FILES | {name: FILES[other], other: FILES[name]},
        ):
            if changed != FILES:
                path.write_bytes(pack(TOP, changed))
                assert not holds(path), name


def test_each_file_that_proves_removed_emptied_or_swapped_and_sealed_again(path: Path) -> None:
    """By the operator: files that prove. Copies for readers are the operator's to make, and are reported as such."""
    names = [
        n for n in sorted(FILES) if bundle.role(n) == "primary" and n.startswith(("data/ledger/", "data/content/"))
    ]
    assert len(names) == 16
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        for changed in (
            {n: data for n, data in FILES.items() if n != name},
            FILES | {name: b""},
            FILES | {name: FILES[name][:-1]},
            FILES | {name: FILES[other], other: FILES[name]},
        ):
            if bundle.ENTRIES in changed:
                path.write_bytes(reseal(TOP, changed, OPERATOR))
                assert not holds(path), name


def _lines_changed(lines: list[bytes]) -> Iterator[list[bytes]]:
    for at, line in enumerate(lines):
        before, after = lines[:at], lines[at + 1 :]
        yield before + after
        yield [*before, line, line, *after]
        yield [*before, line[:-2] + b"\n", *after]
        yield [*before, line[:-1] + b" \n", *after]
        yield [*before, b"\n", line, *after]
        if after and after[0] != line:
            yield [*before, after[0], line, *after[1:]]


@pytest.mark.parametrize("name", LISTS)
def test_each_line_of_each_list_sealed_again(name: str, path: Path) -> None:
    tried = 0
    for changed in _lines_changed(FILES[name].splitlines(keepends=True)):
        path.write_bytes(reseal(TOP, FILES | {name: b"".join(changed)}, OPERATOR))
        assert not holds(path)
        tried += 1
    assert tried == 6 * FILES[name].count(b"\n") - 1


def test_each_entry_with_all_that_belongs_to_it_sealed_again(path: Path) -> None:
    """Removed, repeated or exchanged in all lists at once, so that only log and streams can tell."""
    together = [FILES[name].splitlines(keepends=True) for name in (bundle.ENTRIES, bundle.INCLUSION, bundle.ITEMS)]
    count = len(together[0])
    orders = [[*range(at), *range(at + 1, count)] for at in range(count)]
    orders += [[*range(at + 1), *range(at, count)] for at in range(count)]
    orders += [[*range(at), at + 1, at, *range(at + 2, count)] for at in range(count - 1)]
    for order in orders:
        changed: Files = dict(FILES)
        for name, lines in zip((bundle.ENTRIES, bundle.INCLUSION, bundle.ITEMS), together, strict=True):
            changed[name] = b"".join(lines[at] for at in order)
        path.write_bytes(reseal(TOP, changed, OPERATOR))
        assert not holds(path)


@pytest.mark.parametrize("name", [bundle.FILES, bundle.MANIFEST, "bag-info.txt", "bagit.txt"])
def test_each_line_of_what_describes_the_rest(name: str, path: Path) -> None:
    lines = FILES[name].splitlines(keepends=True)
    for changed in _lines_changed(lines) if lines[0].endswith(b"\n") else [[b" ", *lines], [*lines, b"\n"]]:
        files = FILES | {name: b"".join(changed)}
        rebagged = files if name.startswith("bag") else rebag(files)
        path.write_bytes(pack(TOP, seal(rebagged, OPERATOR)))
        assert not holds(path)


@pytest.mark.parametrize("name", [n for n in FILES if n.startswith(("manifest-", "tagmanifest-"))])
def test_each_line_of_bagits_manifests(name: str, path: Path) -> None:
    for changed in _lines_changed(FILES[name].splitlines(keepends=True)):
        path.write_bytes(pack(TOP, seal(FILES | {name: b"".join(changed)}, OPERATOR)))
        assert not holds(path)


@pytest.mark.parametrize(
    "names",
    [
        ["data/PEOPLE.json"],
        ["data/review/a", "data/review/a/b"],
        ["data/review/A.txt", "data/review/a.txt"],
        ["data/review/" + "a" * 300],
        ["data/review/../../x"],
        ["data/review/.hidden"],
        ["data/review/a b"],
        ["data/review//a"],
        ["data/review/a\\b"],
        ["seal/more"],
        ["fetch.txt"],
        ["tagmanifest-md5.txt"],
    ],
)
def test_names_that_no_bundle_has(names: list[str], path: Path) -> None:
    files = FILES | dict.fromkeys(names, b"")
    path.write_bytes(pack(TOP, seal(rebag(restate(files)), OPERATOR)))
    report = verify(path, POLICY)
    assert report.failure is not None
    assert report.failure.step == 1


def test_two_tops(path: Path) -> None:
    path.write_bytes(pack("x", {f"{n}": d for n, d in FILES.items()}))
    assert not holds(path)
