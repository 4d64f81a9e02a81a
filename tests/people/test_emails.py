"""The key of a person: what is one address, what is two, and what is none."""

import sys
import unicodedata
from collections import defaultdict

import pytest

from sealdesk.core.errors import BadRequest
from sealdesk.people.emails import checked_email, normalise_email


def test_it_works() -> None:
    assert checked_email(" Anna@Example.ORG ") == "Anna@Example.ORG"
    assert normalise_email(" Anna@Example.ORG ") == "anna@example.org"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna@straße.test", "anna@strasse.test"),
        ("straße@acme.test", "strasse@acme.test"),
        ("νικος@acme.test", "νικοσ@acme.test"),
        ("ΝΙΚΟΣ@acme.test", "νικος@acme.test"),
        ("İda@acme.test", "ida@acme.test"),
        ("İda@acme.test", "i\u0307da@acme.test"),
        ("ıda@acme.test", "ida@acme.test"),
        ("а@acme.test", "a@acme.test"),
        ("ŉa@acme.test", "na@acme.test"),
    ],
)
def test_two_mailboxes_are_two_people(one: str, other: str) -> None:
    found = set[str]()
    for each in (one, other):
        try:
            found.add(normalise_email(each))
        except BadRequest:
            found.add("")  # nobody
    assert len(found) == 2


def test_one_mailbox_is_one_person() -> None:
    """Capitals, and one text in its two encodings; a Kelvin sign is a K by every account, and is kept as one."""
    assert normalise_email("ΝΙΚΟΣ@acme.test") == normalise_email("νικοσ@acme.test")
    assert normalise_email("STRAẞE@acme.test") == normalise_email("straße@acme.test")
    assert normalise_email("Rene\u0301@acme.test") == normalise_email("RENÉ@acme.test") == "ren\u00e9@acme.test"
    assert checked_email("Rene\u0301@acme.test") == "Ren\u00e9@acme.test"
    assert normalise_email("J\u030c@acme.test") == normalise_email("\u01f0@acme.test")
    assert checked_email("\u212aim@acme.test") == "Kim@acme.test"


@pytest.mark.parametrize(
    "email",
    [
        "ſam@acme.test",
        "ａnna@acme.test",
        "anna@ａcme.test",
        "ﬁn@acme.test",
        "x²@acme.test",
        "ﬀ@ß.test",
        "anna\ufe0f@acme.test",
        "\u115f@acme.test",
    ],
)
def test_what_only_looks_like_others_is_no_address(email: str) -> None:
    with pytest.raises(BadRequest, match="Type it with plain letters"):
        normalise_email(email)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b",
        "a b@acme.test",
        "visitor 1 a@acme.test",
        "a@acme.test\n.x",
        "a\u200d@acme.test",
        "@acme.test",
    ],
)
def test_what_is_none(email: str) -> None:
    with pytest.raises(BadRequest, match=r"looks like name@example\.org"):
        normalise_email(email)


def test_no_letter_of_any_script_is_taken_for_another() -> None:
    """Over all of Unicode: what is found once is found again, and nothing but a capital and its small letter are one."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for character in map(chr, range(sys.maxunicode + 1)):
        if character == character.lower() == character.upper() == character.casefold():
            continue
        try:
            norm = normalise_email(f"a{character}b@acme.test")
        except BadRequest:
            continue
        assert normalise_email(norm) == norm, ascii(character)
        found[norm].add(unicodedata.normalize("NFC", character))
    merged = [each for each in found.values() if len(each) > 1]
    assert len(merged) > 1000
    assert [each for each in merged if len(each) > 2 or {letter.lower() for letter in each} - each] == []


def test_an_encoded_word_is_no_address() -> None:
    """RFC 2047: in a header it would be read as what it encodes, line breaks too."""
    with pytest.raises(BadRequest, match="equals sign"):
        normalise_email("=?utf-8?q?a=0d=0aSubject=3a=20Your=20bank?=@h.test")
    assert normalise_email("a=b?c@h.test") == "a=b?c@h.test"
