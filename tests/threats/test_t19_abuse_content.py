"""T19: abuse is hidden by spelling, or by what is done about it.

What a match does, and does not, is in `tests/abuse/test_follower.py`; here it is spelled in every way, and a clean corpus stays clean.
"""

import json
from collections import Counter

import pytest

from counts import count
from disguises import BENIGN, DISGUISES, variants
from needs import shared
from sealdesk.abuse import spelling
from sealdesk.abuse.lexicon import LEXICONS, Lexicon, Watch, shipped
from sealdesk.abuse.spelling import Spelled, letters_of
from watching import entries, flags, follow, opened, say
from world import World

ROUNDS = count(2, 40)
CAUGHT = 0.95
WATCH = Watch([Lexicon(name, True, 0, shipped(name)) for name in LEXICONS])


def missed(watch: Watch = WATCH, only: str = "") -> tuple[list[tuple[str, str, str]], int]:
    """The variants in which nothing was found, and how many there are."""
    made = [each for each in variants(ROUNDS, 19) if not only or each[1] == only]
    return [each for each in made if not watch.find(each[2])], len(made)


def test_disguises_are_seen_through() -> None:
    """Of 840 variants of 30 phrases, 95 % and more of all; and of each disguise alone."""
    lost, made = missed()
    assert made >= 200
    assert len(lost) <= made * (1 - CAUGHT), lost
    by_way = Counter(way for _, way, _ in lost if way in DISGUISES)
    assert {way: n for way, n in by_way.items() if n > ROUNDS * 30 * (1 - CAUGHT)} == {}


@pytest.mark.parametrize(
    ("part", "way"),
    [
        ("_TABLE", "look-alikes"),
        ("_TABLE", "leetspeak"),
        ("_folded", "case"),
        ("_folded", "width"),
        ("_folded", "circles"),
    ],
)
def test_sabotage_of_the_spelling(monkeypatch: pytest.MonkeyPatch, part: str, way: str) -> None:
    """With that part out, its disguise works."""
    lost, made = missed(only=way)
    assert len(lost) <= made * (1 - CAUGHT)
    monkeypatch.setattr(spelling, part, {ord("l"): "i"} if part == "_TABLE" else str)
    lost, made = missed(Watch([Lexicon(name, True, 0, shipped(name)) for name in LEXICONS]), way)
    assert len(lost) > made * (1 - CAUGHT)


@pytest.mark.parametrize(
    "text", ["I will ⲕⲓⲗⲗ you", "k١ll you", "k۱ll y٥u", "kiɫɫ you", "k!|| y0u", "k|!| you!", "ʞıll you", "sʇupıd bitɔɥ"]
)
def test_what_else_stands_for_a_letter(text: str) -> None:
    """Coptic, Arabic digits, letters with strokes or on their head, marks at a word's end."""
    assert WATCH.find(text)


def test_no_character_stands_for_many() -> None:
    """A character that NFKC makes a sentence of is a sign: a text is no longer to read than to send."""
    compatible = [*range(0x3200, 0x3400), *range(0xFB00, 0xFE00), *range(0x1F100, 0x1F300)]
    assert max(len(letters_of(chr(code) + "b")) for code in compatible) <= spelling.MOST_FOLDED + 1
    assert letters_of("k\ufdfay\ufdfbs") == "kys"
    assert WATCH.find("k\ufdfay\ufdfbs")


def test_a_character_is_folded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it stands in a text; and not so many are kept that they fill the memory."""
    folded, fold = list[str](), spelling._fold

    def counted(character: str) -> str:
        folded.append(character)
        return fold(character)

    monkeypatch.setattr(spelling, "_fold", counted)
    monkeypatch.setattr(spelling, "_FOLDS", spelling._Folds())
    monkeypatch.setattr(spelling, "MOST_KNOWN", 50)
    letters_of("\ufdfa\u3316" * 1000)
    assert folded == ["\ufdfa", "\u3316"]
    letters_of("".join(map(chr, range(0x4E00, 0x4F00))))
    assert len(spelling._FOLDS) <= 50


def test_what_is_harmless_is_not_flagged() -> None:
    assert {text: WATCH.find(text) for text in BENIGN if WATCH.find(text)} == {}


def test_the_real_conversations() -> None:
    """Each hit in 1,211 messages of customers and 525 subjects is listed here, and there is none that is harmless: 0 of 1,736."""
    lines = shared("data/support-conversations.jsonl").read_text("utf-8").splitlines()
    texts = [text for line in lines for text in (json.loads(line)["body"], json.loads(line).get("subject")) if text]
    assert len(texts) == 1736
    assert {text: WATCH.find(text) for text in texts if WATCH.find(text)} == {}


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0327" * 16_000, "\ufdfa" * 21_845, "k y s " * 10_922, "kill you, fuck you. " * 3_276, "ab" * 32_768,
        "!" * 65_536, "\u200b" * 21_845, "＠１！" * 7_281,
    ],
    ids=["marks", "ligatures", "hits", "phrases", "letters", "signs", "invisible", "wide"],
)  # fmt: skip
def test_any_text_of_64_kib_can_be_looked_at(text: str) -> None:
    """The quick reading and the exact one agree on what is there."""
    assert "".join(Spelled.of(text).letters) == letters_of(text)
    WATCH.find(text)


async def test_a_disguised_threat_is_flagged_and_stands(world: World) -> None:
    """On a real desk: a variant a message; each is flagged with its author and thread, none is dropped."""
    thread = await opened(world)
    texts = [text for _, _, text in variants(1, 7)][:: count(30, 1)]
    for text in texts:
        await say(world, world.acme.requester, thread, text)
    await follow(world)
    found = await flags(world)
    assert len(found) >= min(25, len(texts) * CAUGHT)
    assert {(each.flag.author, each.flag.thread) for each in found} == {(world.acme.requester.member, thread)}
    assert len(await entries(world, "message.posted")) == len(texts) + 1


async def test_sabotage_of_the_follower(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that reads letter by letter what was typed finds nothing, and nothing is flagged."""
    monkeypatch.setattr(spelling, "_TABLE", {ord("l"): "i"})
    await say(world, world.acme.requester, await opened(world), "I will k1ll  уоu!")
    await follow(world)
    assert await flags(world) == []
