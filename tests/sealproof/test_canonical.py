"""RFC 8785, and our profile of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

import needs
from sealproof import canonical

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=12)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=30)


@given(values)
def test_equals_an_independent_encoder_and_reads_back(value: object) -> None:
    data = canonical.encode(value)
    assert data == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert canonical.decode(data) == value


def test_jcs_vectors() -> None:
    """Only one of the six files keeps to the profile; of the others, each string must come out as it does there."""
    within: list[str] = []
    for source in sorted(needs.shared("vectors/jcs/testdata/input").glob("*.json")):
        expected = (source.parent.parent / "output" / source.name).read_bytes()
        assert bytes.fromhex((source.parent.parent / "outhex" / f"{source.stem}.txt").read_text()) == expected
        value = json.loads(source.read_bytes())
        assert all(canonical.encode(text) in expected for text in _strings(value))
        try:
            assert canonical.encode(value) == expected
            assert canonical.decode(expected) == value
            within.append(source.stem)
        except canonical.CanonicalError:
            with pytest.raises(canonical.CanonicalError):
                canonical.decode(expected)
    assert within == ["arrays"]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for element in value.values() if isinstance(value, dict) else value:
            yield from _strings(element)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1 ",
        b"01",
        b"-0",
        b"1.0",
        b"1e3",
        b"NaN",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":1}',
        b'{"A":1}',
        b'{"":1}',
        b'{"a" :1}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\\uD83D\\uDE00"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\n"',
        b"\xef\xbb\xbf1",
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"tru",
        b"[1,]",
        b"// no",
    ],
)
def test_refuses(data: bytes) -> None:
    with pytest.raises(canonical.CanonicalError):
        canonical.decode(data)


@pytest.mark.parametrize("value", [1.0, 2**53, -(2**53), {"a": {1: 2}}, {"é": 1}, "\ud800", b"x", object(), {"a": {1}}])
def test_refuses_to_write(value: object) -> None:
    with pytest.raises(canonical.CanonicalError):
        canonical.encode(value)


def test_deepest() -> None:
    data = b"[" * 32 + b"]" * 32
    assert canonical.encode(canonical.decode(data)) == data


def test_a_large_document_is_not_all_brackets() -> None:
    assert canonical.decode_sparse(b'[{"a":[]}]') == [{"a": []}]
    with pytest.raises(canonical.CanonicalError, match="arrays"):
        canonical.decode_sparse(b"[" + b"[]," * 1000 + b"[]]")
