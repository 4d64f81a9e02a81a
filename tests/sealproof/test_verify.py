"""The verifier against an honest bundle, and against bundles with one flaw each."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from forge.export import Exporter, story
from forge.flaws import FLAWS, honest
from forge.ledger import Desk, Log, Operator
from forge.reseal import unpack
from sealproof import bundle, entry, note, policy, proof
from sealproof.report import Report, Verdict
from sealproof.verify import verify

POLICY = policy.parse(Operator().policy)


def check(data: bytes, folder: Path, **options: list[bytes]) -> Report:
    path = folder / "bundle.zip"
    path.write_bytes(data)
    return verify(path, POLICY, **options)


def test_it_works(tmp_path: Path) -> None:
    report = check(honest(), tmp_path)
    assert (report.verdict, report.exit_code, report.failure) == (Verdict.SIGNED, 0, None)
    assert report.manifest is not None
    counts = report.manifest.counts
    assert (counts.present, counts.withheld, counts.erased, counts.undisclosed) == (15, 1, 3, 5)
    assert any("not disclosed by declared scope" in flag for flag in report.flags)
    assert "SIGNED" in report.as_text()
    assert json.loads(json.dumps(report.as_json()))["exit_code"] == 0


def test_it_works_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(honest())) as archive:
        archive.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    renamed = folder.rename(tmp_path / "received from the desk")
    report = verify(renamed, POLICY)
    assert (report.verdict, report.exit_code) == (Verdict.SIGNED, 0)


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_named(name: str, tmp_path: Path) -> None:
    step, make = FLAWS[name]
    report = check(make(), tmp_path)
    assert (report.verdict, report.exit_code) == (Verdict.FAILED, 1)
    assert report.failure is not None
    assert report.failure.step == step, report.failure.sentence
    assert report.as_text().startswith(f"FAILED at step {step}: ")


def test_a_privileged_export_shows_originals(tmp_path: Path) -> None:
    desk, request = story()
    exporter = Exporter(desk, request)
    exporter.size = desk.log.entries.index(request) + 1
    exporter.originals = True
    report = check(exporter.build()[0], tmp_path)
    assert (report.verdict, report.exit_code) == (Verdict.SIGNED, 0)
    assert "1 contents are redacted for readers and opened here" in report.flags


def test_a_pin_after_the_request_takes_streams_to_their_heads(tmp_path: Path) -> None:
    desk, request = story()
    report = check(Exporter(desk, request).build()[0], tmp_path)
    assert (report.verdict, report.exit_code) == (Verdict.SIGNED, 0)
    assert report.manifest is not None
    assert report.manifest.log.size == len(desk.log.entries) > desk.log.entries.index(request) + 1


def test_an_approved_export(tmp_path: Path) -> None:
    desk = Desk()
    request = desk.request_export([("thread", desk.create_thread())], approval="required")
    desk.append("export.approved", request.stream[:2], {"export": request.body["export"]}, refs=[request])
    desk.checkpoint_org()
    assert check(Exporter(desk, request).build()[0], tmp_path).exit_code == 0
    desk.append("export.denied", request.stream[:2], {"export": request.body["export"]}, refs=[request])
    desk.checkpoint_org()
    report = check(Exporter(desk, request).build()[0], tmp_path)
    assert report.failure is not None
    assert (report.failure.step, report.exit_code) == (11, 1)


def test_many_streams_are_listed_in_content(tmp_path: Path) -> None:
    desk = Desk()
    threads = [("thread", desk.create_thread()) for _ in range(60)]
    request = desk.request_export(threads, slots=["purpose"])
    desk.checkpoint_org()
    exporter = Exporter(desk, request)
    assert check(exporter.build()[0], tmp_path).exit_code == 0
    exporter.scope.discard(threads[7])
    report = check(exporter.build()[0], tmp_path)
    assert report.failure is not None
    assert report.failure.step == 9


def test_erasure_in_another_stream_is_cited(tmp_path: Path) -> None:
    desk = Desk()
    thread = desk.create_thread()
    gone = desk.post(thread, "Forget me.")
    desk.erase(gone, stream=("user", desk.uuid()))
    request = desk.request_export([("thread", thread)])
    desk.checkpoint_org()
    report = check(Exporter(desk, request).build()[0], tmp_path)
    assert report.exit_code == 0
    assert report.manifest is not None
    assert report.manifest.counts.erased == 3


# Policies


def test_a_quorum_that_is_not_there_falls_short(tmp_path: Path) -> None:
    witness = note.make_vkey("w.example", Operator(bytes(32)).public, note.COSIGNATURE)
    asking = Operator().policy.replace("quorum none", f"witness w {witness}\nquorum w")
    path = tmp_path / "bundle.zip"
    path.write_bytes(honest())
    report = verify(path, policy.parse(asking))
    assert (report.verdict, report.exit_code) == (Verdict.SIGNED, 2)
    assert report.short_of


def test_a_quorum_verifies(tmp_path: Path) -> None:
    desk, request = story()
    second = Operator(bytes(32))
    key = note.verifier_key("w.example", second.public, note.COSIGNATURE)

    def cosigned(text: str) -> str:
        stamp = (1_795_341_600).to_bytes(8, "big")
        signature = second.private.sign(b"cosignature/v1\ntime 1795341600\n" + text.encode())
        return note.sign_line(key.name, key.public_key, stamp + signature, note.COSIGNATURE)

    class Cosigned(Operator):
        def checkpoint(self, log: Log, size: int | None = None) -> bytes:
            data = super().checkpoint(log, size)
            return data + cosigned(note.signed_text(data)).encode() if log is desk.sys else data

    desk.operator = Cosigned()
    path = tmp_path / "bundle.zip"
    path.write_bytes(Exporter(desk, request).build()[0])
    asking = desk.operator.policy.replace("quorum none", f"witness w {key.vkey()}\nquorum w")
    report = verify(path, policy.parse(asking))
    assert (report.verdict, report.exit_code) == (Verdict.VERIFIED, 0)
    assert report.witnesses == [("w.example", 1_795_341_600)]
    assert verify(path, POLICY).verdict is Verdict.SIGNED


def test_a_policy_for_another_desk(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(honest())
    report = verify(path, policy.parse(Operator(name="other.example").policy))
    assert report.failure is not None
    assert report.failure.step == 4


# What the user kept


def test_a_kept_checkpoint_agrees(tmp_path: Path) -> None:
    _, files = unpack(honest())
    own = files[bundle.ORG_CHECKPOINT]
    sys = proof.parse(files[bundle.ORG_IN_SYS]).checkpoint
    report = check(honest(), tmp_path, known=[own, sys])
    assert report.exit_code == 0
    assert sum("you kept" in sentence for sentence in report.proven) == 2


def test_a_split_view_prints_both_notes(tmp_path: Path) -> None:
    _, files = unpack(honest())
    stated = note.parse_checkpoint(note.signed_text(files[bundle.ORG_CHECKPOINT]))
    other = note.Checkpoint(stated.origin, stated.size, bytes(32))
    kept = Operator().sign(other.origin, other.text())
    report = check(honest(), tmp_path, known=[kept])
    assert (report.verdict, report.exit_code) == (Verdict.FAILED, 1)
    assert "SPLIT VIEW" in report.as_text()
    assert kept.decode() in report.as_text()
    assert files[bundle.ORG_CHECKPOINT].decode() in report.as_text()
    assert report.as_json()["split_view"] == [files[bundle.ORG_CHECKPOINT].decode(), kept.decode()]


def test_a_kept_checkpoint_of_another_size_is_not_compared(tmp_path: Path) -> None:
    desk, _ = story()
    report = check(honest(), tmp_path, known=[desk.operator.checkpoint(desk.log, 5)])
    assert (report.verdict, report.exit_code) == (Verdict.SIGNED, 2)


def test_kept_things_that_are_not_the_operators_are_unreadable(tmp_path: Path) -> None:
    desk, _ = story()
    stranger = Operator(bytes(32)).checkpoint(desk.log)
    elsewhere = Operator().sign("other.example/ledger/sys", "other.example/ledger/sys\n1\n" + "A" * 43 + "=\n")
    for bad in (b"", b"nonsense", stranger, elsewhere):
        assert check(honest(), tmp_path, known=[bad]).exit_code == 3
        assert check(honest(), tmp_path, receipts=[bad]).exit_code == 3


def _receipt(desk: Desk, index: int, size: int, *, carried: bool = True) -> bytes:
    hashes = tuple(desk.log.tree(size).inclusion_proof(index))
    extra = desk.log.entries[index].raw if carried else None
    return proof.TlogProof(index, hashes, desk.operator.checkpoint(desk.log, size), extra).encode()


def test_receipts(tmp_path: Path) -> None:
    desk, request = story()
    size = desk.log.entries.index(request) + 1
    for index in range(1, size):
        for carried in (True, False):
            report = check(honest(), tmp_path, receipts=[_receipt(desk, index, size, carried=carried)])
            there = desk.log.entries[index].stream.kind != "user"
            assert report.exit_code == (0 if there or carried else 2)
    later = len(desk.log.entries)
    assert check(honest(), tmp_path, receipts=[_receipt(desk, later - 1, later)]).exit_code == 2


def test_a_receipt_for_an_omitted_message(tmp_path: Path) -> None:
    """Another history under the same key: the message the receipt is for was never in it."""
    desk, request = story()
    size = desk.log.entries.index(request) + 1
    other, _ = story()
    told = other.log.entries[3]
    receipt = _receipt(desk, 3, size)
    twin = Desk(1)
    thread = twin.create_thread()
    for number in range(6):
        twin.post(thread, str(number))
    asked = twin.request_export([("thread", thread)])
    twin.checkpoint_org()
    assert told.stream.id == thread
    report = check(Exporter(twin, asked).build()[0], tmp_path, receipts=[receipt])
    assert (report.verdict, report.exit_code) == (Verdict.FAILED, 1)
    assert report.failure is not None
    assert report.failure.step == 13


def test_a_receipt_for_another_entry_is_unreadable(tmp_path: Path) -> None:
    desk, _ = story()
    read = proof.parse(_receipt(desk, 3, 9))
    wrong = proof.TlogProof(read.index, read.hashes, read.checkpoint, desk.log.entries[4].raw).encode()
    assert check(honest(), tmp_path, receipts=[wrong]).exit_code == 3
    assert entry.parse(desk.log.entries[4].raw).id == desk.log.entries[4].id
