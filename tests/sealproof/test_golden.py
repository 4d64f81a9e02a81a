"""The formats that are ours, pinned: canonical bytes, hashes, roots, proofs, notes. Its bodies are older than the schema."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from needs import ROOT
from sealproof import canonical, entry, merkle, note, policy, proof, tiles

GOLDEN: dict[str, Any] = json.loads((ROOT / "tests/vectors/ours-golden.json").read_bytes())
ORG, SYS = GOLDEN["org_log"], GOLDEN["sys_log"]


@pytest.mark.parametrize("case", GOLDEN["content_commitments"], ids=lambda case: case["name"])
def test_commitments(case: dict[str, Any]) -> None:
    repeat = case["content_repeat"]
    content = bytes.fromhex(repeat["byte_hex"]) * repeat["count"] if repeat else bytes.fromhex(case["content_hex"])
    salt = bytes.fromhex(case["salt_hex"])
    assert entry.commitment(salt, content).hex() == case["commit"]
    hasher = entry.CommitmentHasher(salt)
    for at in range(0, len(content), 1000):
        hasher.update(content[at : at + 1000])
    assert hasher.digest().hex() == case["commit"]


@pytest.mark.parametrize("log", [ORG, SYS], ids=["org", "sys"])
def test_entries(log: dict[str, Any]) -> None:
    for text, leaf in zip(log["entries_utf8"], log["leaf_hashes"], strict=True):
        data = text.encode()
        assert canonical.encode(json.loads(text)) == data == canonical.encode(canonical.decode(data))
        parsed = entry.parse_envelope(data)
        assert (parsed.raw, parsed.log) == (data, log["origin"])
        assert entry.leaf_hash(data).hex() == leaf


def test_trees_and_proofs() -> None:
    leaves = [bytes.fromhex(leaf) for leaf in ORG["leaf_hashes"]]
    roots = [bytes.fromhex(root) for root in ORG["roots"]]
    assert [merkle.root_of(leaves[:size]) for size in range(len(roots))] == roots

    def read(level: int, n: int, width: int) -> bytes:
        assert (level, n) == (0, 0)
        return b"".join(leaves[:width])

    size = ORG["inclusion_at_size"]
    for index, expected in enumerate(ORG["inclusion"]):
        hashes = tiles.inclusion_proof(index, size, read)
        assert [h.hex() for h in hashes] == expected
        merkle.verify_inclusion(leaves[index], index, size, hashes, roots[size])
    for case in ORG["consistency"]:
        hashes = tiles.consistency_proof(case["from"], case["to"], read)
        assert [h.hex() for h in hashes] == case["proof"]
        merkle.verify_consistency(case["from"], case["to"], hashes, roots[case["from"]], roots[case["to"]])
    assert merkle.root_of(bytes.fromhex(leaf) for leaf in SYS["leaf_hashes"]).hex() == SYS["root"]


def test_notes() -> None:
    keys = GOLDEN["keys"]
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(keys["operator_seed_hex"]))
    org = note.parse_vkey(keys["org_vkey"])
    opened = note.open_note(GOLDEN["org_checkpoint"].encode(), [org])
    checkpoint = note.parse_checkpoint(opened.text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root.hex()) == (ORG["origin"], 7, ORG["roots"][7])
    line = note.sign_line(checkpoint.origin, org.public_key, private.sign(checkpoint.text().encode()))
    assert note.assemble(checkpoint.text(), [line]).decode() == GOLDEN["org_checkpoint"]


def test_cosigned_checkpoint_satisfies_the_policy() -> None:
    trusted = policy.parse(GOLDEN["policy"])
    keys = [*trusted.logs.values(), *trusted.witnesses.values()]
    opened = note.open_note(GOLDEN["sys_checkpoint_cosigned"].encode(), keys)
    assert trusted.satisfied(found.key for found in opened.good)
    assert not trusted.satisfied(trusted.logs.values())


def test_proof_file() -> None:
    data = GOLDEN["tlog_proof_org_checkpoint_in_sys"].encode()
    read = proof.parse(data)
    assert read.encode() == data
    checkpoint = note.parse_checkpoint(note.signed_text(read.checkpoint))
    leaf = bytes.fromhex(SYS["leaf_hashes"][read.index])
    merkle.verify_inclusion(leaf, read.index, checkpoint.size, read.hashes, checkpoint.root)


@pytest.mark.parametrize("case", GOLDEN["tile_paths"], ids=lambda case: case["path"])
def test_tile_paths(case: dict[str, Any]) -> None:
    assert tiles.tile_path(case["level"], case["n"], case["width"]) == case["path"]
    assert tiles.parse_tile_path(case["path"]) == (case["level"], case["n"], case["width"])
