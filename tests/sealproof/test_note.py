"""Signed notes against go's cases, C2SP's example, and witnesses' cosignatures."""

import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import needs
from sealproof import b64, note

SEED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = SEED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
KEY = note.verifier_key("desk.example/ledger/sys", PUBLIC)
TEXT = "one\ntwo\n"


def _signed(text: str = TEXT, *extra: str) -> bytes:
    return note.assemble(text, [note.sign_line(KEY.name, PUBLIC, SEED.sign(text.encode())), *extra])


def _verdict(data: bytes, keys: list[note.VerifierKey]) -> str:
    try:
        note.open_note(data, keys)
    except note.NoteError as error:
        return str(error)
    return "ok"


def test_go_cases() -> None:
    cases = json.loads(needs.shared("vectors/go-note/signed-note-cases.json").read_bytes())
    words = {"ok": "ok", "unverified": "no signature by", "invalid": "does not hold", "ambiguous": "share a name"}
    for case in cases["open"]:
        verdict = _verdict(case["note"].encode(), [note.parse_vkey(text) for text in case["vkeys"]])
        if case["expect"] == "malformed":
            assert verdict.startswith(("a note", "a signature")), case["name"]
        elif case["expect"] == "ambiguous":  # go refuses a list with a repeat; the same key twice is harmless here
            assert verdict == "ok"
        else:
            assert verdict.startswith(words[case["expect"]]) or words[case["expect"]] in verdict, case["name"]
    assert len(cases["open"]) == 11
    for vkey in cases["bad_vkeys"]:
        with pytest.raises(note.NoteError):
            note.parse_vkey(vkey)
    example = cases["c2sp_example"]
    key = note.parse_vkey(example["vkey"])
    assert note.make_vkey(key.name, key.public_key) == example["vkey"]
    assert note.open_note(example["note"].encode(), [key]).text == "This is an example message.\n"


def test_go_signer() -> None:
    case = json.loads(needs.shared("vectors/go-note/signed-note-cases.json").read_bytes())["signer"]
    name, _, secret = case["skey"].removeprefix("PRIVATE+KEY+").split("+", 2)
    private = Ed25519PrivateKey.from_private_bytes(b64.decode(secret)[1:])
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    line = note.sign_line(name, public, private.sign(case["text"].encode()))
    assert note.assemble(case["text"], [line]).decode() == case["expected_note"]


def test_go_tree_text() -> None:
    case = json.loads(needs.shared("vectors/go-note/tlog-cases.json").read_bytes())["tree_text"]
    checkpoint = note.parse_checkpoint(case["text"])
    assert (checkpoint.size, checkpoint.text()) == (case["size"], case["text"])


def test_every_single_byte_counts() -> None:
    data = _signed()
    assert _verdict(data, [KEY]) == "ok"
    for at in range(len(data)):
        for flip in (0x01, 0x20, 0x80):
            changed = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            assert _verdict(changed, [KEY]) != "ok", at
        assert _verdict(data[:at], [KEY]) != "ok"


def test_one_key_signs_once() -> None:
    line = note.sign_line(KEY.name, PUBLIC, SEED.sign(TEXT.encode()))
    assert _verdict(_signed(TEXT, line), [KEY]) == "ok"
    other = note.sign_line(KEY.name, PUBLIC, SEED.sign(b"other"))
    assert _verdict(_signed(TEXT, other), [KEY]) == "the signature by desk.example/ledger/sys does not hold"


def test_unknown_signatures_are_listed_and_ignored() -> None:
    stranger = f"\u2014 stranger.example {b64encode(bytes(68)).decode()}\n"
    opened = note.open_note(_signed(TEXT, stranger), [KEY])
    assert [line.name for line in opened.signatures] == [KEY.name, "stranger.example"]
    assert [found.key for found in opened.good] == [KEY]


def test_sixteen_signatures_of_5_kb_are_read() -> None:
    lines = [f"\u2014 w{i}.example {b64encode(bytes(5000)).decode()}\n" for i in range(16)]
    assert _verdict(_signed(TEXT, *lines), [KEY]) == "ok"
    assert "100" in _verdict(_signed(TEXT, *lines * 7), [KEY])
    assert "1 MiB" in _verdict(bytes(note.MAX_NOTE + 1), [KEY])


def test_cosignature() -> None:
    key = note.verifier_key("w.example", PUBLIC, note.COSIGNATURE)
    text = note.Checkpoint("o", 3, bytes(32)).text()
    stamp = (1_700_000_000).to_bytes(8, "big")
    signature = stamp + SEED.sign(b"cosignature/v1\ntime 1700000000\n" + text.encode())
    line = note.sign_line("w.example", PUBLIC, signature, note.COSIGNATURE)
    assert note.open_note(note.assemble(text, [line]), [key]).good == (note.Good(key, 1_700_000_000),)
    for bad in (b"", bytes(3), bytes(72), bytes(8) + signature[8:]):
        line = note.sign_line("w.example", PUBLIC, bad, note.COSIGNATURE)
        assert _verdict(note.assemble(text, [line]), [key]) != "ok"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n01\n" + b64.encode(bytes(32)) + "\n",
        "o\n-1\n" + b64.encode(bytes(32)) + "\n",
        "o\n9223372036854775808\n" + b64.encode(bytes(32)) + "\n",
        "\n1\n" + b64.encode(bytes(32)) + "\n",
        "o\n1\n" + b64.encode(bytes(31)) + "\n",
        "o\n1\n" + b64.encode(bytes(32))[:-2] + "B=\n",
        "o\n1\n" + b64.encode(bytes(32)) + "\nmore\n",
        "o\n1\n" + b64.encode(bytes(32)),
    ],
)
def test_refuses_checkpoints(text: str) -> None:
    with pytest.raises(note.NoteError):
        note.parse_checkpoint(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\x00b"])
def test_refuses_names(name: str) -> None:
    with pytest.raises(note.NoteError):
        note.make_vkey(name, PUBLIC)


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, bytes(31), b"\x02" + bytes(31)])
def test_refuses_points(point: bytes) -> None:
    with pytest.raises(note.NoteError):
        note.make_vkey("a.example", point)
