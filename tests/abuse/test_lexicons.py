"""What an organisation looks for: who may change it, what each change leaves, and what is refused."""

from collections.abc import Iterator

import pytest

from members.test_members import differences
from sealdesk.abuse import matching, queries
from sealdesk.abuse.commands import change_lexicon
from sealdesk.abuse.lexicon import LEXICONS, MOST_LEXICON, Lexicon, Watch, checked_lexicon, checked_lines, shipped
from sealdesk.abuse.matching import Matcher, Term, letters_through, texts_of
from sealdesk.abuse.spelling import Spelled, _folded
from sealdesk.access.actor import Actor
from sealdesk.core.errors import BadRequest, NotPermitted
from sealdesk.unit import Desk
from watching import THREAT, entries, flags, follow, opened, say
from world import World


async def held(world: World, by: Actor) -> dict[str, Lexicon]:
    async with world.desk.read(by) as work:
        return {each.name: each for each in await queries.lexicons(work)}


async def test_it_works(world: World) -> None:
    """Own terms are found once they are added, by the version that holds then; all versions stand on record, sealed."""
    desk, admin, requester = world.desk, world.acme.admin, world.acme.requester
    assert (await held(world, world.acme.agent))["threat"] == Lexicon("threat", True, 0, shipped("threat"))
    changed = await change_lexicon(
        desk, admin, "custom", "add", ["  Project   Nightjar ", "", "Project Nightjar", "{a|b}cme leak*"]
    )
    assert (changed.version, changed.lines) == (1, ("Project Nightjar", "{a|b}cme leak*"))
    thread = await opened(world)
    await say(world, requester, thread, "They told me of pr0ject n.i.g.h.t.j.a.r")
    await follow(world)
    changed = await change_lexicon(desk, admin, "custom", "remove", ["Project Nightjar"])
    await say(world, requester, thread, "project nightjar, and the bcme leaks")
    await follow(world)
    (first, second) = await entries(world, "abuse.flagged")
    assert first["body"]["rules"] == [{"lexicon": "custom", "version": 1, "term": 0}]
    assert second["body"]["rules"] == [{"lexicon": "custom", "version": 2, "term": 0}]
    told = [each["body"] for each in await entries(world, "lexicon.changed")]
    assert told == [
        {"lexicon": "custom", "act": "added", "version": 1, "enabled": "yes", "terms": 2},
        {"lexicon": "custom", "act": "removed", "version": 2, "enabled": "yes", "terms": 1},
    ]
    assert await differences(world) == []


async def test_nothing_that_was_typed_stands_in_an_entry(world: World) -> None:
    """Neither a term nor a message: ids, numbers and words of the format alone."""
    await change_lexicon(world.desk, world.acme.admin, "custom", "add", ["canary nightjar"])
    await say(world, world.acme.requester, await opened(world), "canary nightjar")
    await follow(world)
    assert len(await flags(world)) == 1
    async with world.desk.read(world.acme.auditor) as work:
        found = await work.rows(
            "select type from ledger.entry where position('nightjar' in convert_from(entry, 'UTF8')) > 0"
        )
    assert found == []


async def test_what_is_switched_off_finds_nothing(world: World) -> None:
    desk, admin = world.desk, world.acme.admin
    thread = await opened(world)
    await change_lexicon(desk, admin, "threat", "off")
    await say(world, world.acme.requester, thread, THREAT)
    await follow(world)
    assert await flags(world) == []
    await change_lexicon(desk, admin, "threat", "on")
    await say(world, world.acme.requester, thread, THREAT)
    await follow(world)
    (entry,) = await entries(world, "abuse.flagged")
    assert entry["body"]["rules"][0] == {"lexicon": "threat", "version": 2, "term": 0}


async def test_what_is_shipped_comes_back_beside_what_was_added(world: World) -> None:
    desk, admin = world.desk, world.acme.admin
    await change_lexicon(desk, admin, "abuse", "remove", shipped("abuse")[:-2])
    await change_lexicon(desk, admin, "abuse", "add", ["nitwit"])
    assert (await held(world, admin))["abuse"].lines == (*shipped("abuse")[-2:], "nitwit")
    restored = await change_lexicon(desk, admin, "abuse", "restore")
    assert restored.lines == (*shipped("abuse"), "nitwit")


async def test_a_repeat_leaves_no_entry(world: World) -> None:
    for _ in range(2):
        await change_lexicon(world.desk, world.acme.admin, "custom", "add", ["nitwit"])
        await change_lexicon(world.desk, world.acme.admin, "threat", "on")
        await change_lexicon(world.desk, world.acme.admin, "threat", "restore")
    assert len(await entries(world, "lexicon.changed")) == 1


async def test_who_may(world: World) -> None:
    for actor in (world.acme.requester, world.acme.agent, world.acme.auditor):
        with pytest.raises(NotPermitted):
            await change_lexicon(world.desk, actor, "threat", "off")
    with pytest.raises(NotPermitted):
        await held(world, world.acme.requester)
    await change_lexicon(world.desk, world.globex.admin, "threat", "off")
    assert (await held(world, world.acme.auditor))["threat"].enabled


@pytest.mark.parametrize(
    "lines",
    [
        ["x"],
        ["!!! ..."],
        ["{a|bee} "],
        ["x" * 401],
        ["nul\x00s"],
        ["{a fool|bazzle"],
        ["a fool|bazzle}"],
        ["a fool|bazzle"],
        ["{a|b|c|d}{a|b|c|d}{a|b|c|d}{a|b|c|d}{a|b|c|d} hello"],
        [f"term {n}" for n in range(1001)],
        [f"{'long ' * 70}{n}" for n in range(100)],
        [f"{{{'|'.join(f'word{k}' for k in range(60))}}} {n}" for n in range(90)],
        ["{a|bzz"],
        ["{{nightjar|owlery}|hawkish} leak"],
        ["foo|bar"],
        ["kill you}"],
    ],
)
def test_lines_that_are_refused(lines: list[str]) -> None:
    with pytest.raises(BadRequest):
        checked_lexicon(checked_lines(lines))


def test_letters_that_were_not_seen_through() -> None:
    watch = Watch([Lexicon("threat", True, 0, shipped("threat"))])
    assert [each for each in "қҝƙĸⱪ₭" if not watch.find(f"{each}ill you")] == []
    assert watch.find("k¡ll you")
    assert not watch.find("¡skill your hola!")


WAYS = "{" + "|".join("bcdfghjkmp") + "}"
"""A choice of ten."""


async def test_what_stands_for_too_much_is_refused_unread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few bytes that stand for many terms, or for many letters: counted, never written out, and before any transaction."""

    def never(*_: object) -> Iterator[str]:
        raise AssertionError("written out, or a transaction begun")

    monkeypatch.setattr(matching, "texts_of", never)
    monkeypatch.setattr(Desk, "change", never)
    for lines in (
        [f"{WAYS * 3}{n}" for n in range(85)],
        [f"{WAYS * 3}{'xyz' * 110}{n}" for n in range(5)],
        [f"{WAYS}{'xyz' * 100}{n}" for n in range(60)],
        [f"{WAYS * 2}{chr(0x321D) * 60}{n}" for n in range(2)],
        ["{a|b}" * 70],
    ):
        assert sum(len(line.encode()) for line in lines) < MOST_LEXICON
        with pytest.raises(BadRequest):
            await change_lexicon(world.desk, world.acme.admin, "custom", "add", lines)


def test_letters_are_counted_as_they_are_written_out() -> None:
    for line in (
        *(line for name in LEXICONS for line in shipped(name)),
        "{a|bc} d{ef||g}*",
        "except:{x|yy} \u3316",
        "{}ab",
    ):
        written = sum(len("".join(_folded(text).split())) for text in texts_of(line))
        assert letters_through(line) == written
        assert sum(len(term.letters) for term in Term.all_of(line)) <= written


async def test_all_lexicons_together_have_a_bound(world: World) -> None:
    """One is as full as it may be, and no other beside it; what was taken out makes room."""
    full = [f"{WAYS * 2}{'xyz' * 20}{n} word" for n in range(11)]
    await change_lexicon(world.desk, world.acme.admin, "threat", "remove", shipped("threat"))
    await change_lexicon(world.desk, world.acme.admin, "custom", "add", full)
    with pytest.raises(BadRequest, match="all lexicons"):
        await change_lexicon(world.desk, world.acme.admin, "threat", "add", full[:6])
    await change_lexicon(world.desk, world.acme.admin, "abuse", "remove", shipped("abuse"))
    await change_lexicon(world.desk, world.acme.admin, "threat", "add", full[:6])


def test_what_was_written_before_there_was_a_bound_holds_up_nobody() -> None:
    """It is left out, and all else is looked for, by the numbers that it has."""
    heavy = f"{WAYS * 3}{'xyz' * 110}"
    watch = Watch(
        [Lexicon("custom", True, 1, ("nitwit", heavy, "dimwit", "{a|b}" * 70)), Lexicon("threat", True, 0, ())]
    )
    assert watch.size < 20
    assert [rule.term for rule in watch.find(f"dimwit, nitwit, {heavy}")] == [0, 2]


def test_lines_made_to_be_slow_are_no_slower_than_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terms that all end where a text's words do: neither what is kept nor what is compared grows with their square."""
    monkeypatch.setattr(matching, "MOST_STEPS", 20_000)
    matcher, compared, stands = Matcher(["ab" * n for n in range(1, 180)]), list[int](), Term.stands

    def counted(term: Term, text: Spelled, start: int) -> bool:
        compared.append(len(term.letters))
        return stands(term, text, start)

    monkeypatch.setattr(Term, "stands", counted)
    assert sum(map(len, matcher._here)) == 179
    assert len(matcher.find("a b " * 1000)) > 30
    assert 20_000 < sum(compared) < 20_000 + 180 * 360 // 2


def test_what_is_shipped_stays_far_from_that_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of no term said again and again are so many letters compared, by the letter, that 64 KiB would come to half of it."""
    matcher, compared, stands = Matcher([line for name in LEXICONS for line in shipped(name)]), list[int](), Term.stands

    def counted(term: Term, text: Spelled, start: int) -> bool:
        compared.append(len(term.letters))
        return stands(term, text, start)

    monkeypatch.setattr(Term, "stands", counted)
    worst = 0.0
    for name in LEXICONS:
        for line in shipped(name):
            text = f"{next(iter(texts_of(line)))} " * 4
            compared.clear()
            matcher.find(text)
            worst = max(worst, sum(compared) / len(text))
    assert 0 < worst * 65_536 < matching.MOST_STEPS / 2


async def test_a_refused_line_changes_nothing(world: World) -> None:
    for lines in ([], ["  "], ["good", "x"], ["good"] * 3 + [f"term {n}" for n in range(1001)]):
        with pytest.raises(BadRequest):
            await change_lexicon(world.desk, world.acme.admin, "custom", "add", lines)
    assert await entries(world, "lexicon.changed") == []


def test_what_is_shipped_can_all_be_looked_for() -> None:
    """Each way through each line is found by its own lexicon, and an exception by none."""
    for name in LEXICONS:
        lines = shipped(name)
        assert len(set(lines)) == len(lines)
        matcher = Matcher(lines)
        for line in lines:
            text = line.replace("*", "")
            while "{" in text:
                before, _, rest = text.partition("{")
                choices, _, after = rest.partition("}")
                text = before + choices.split("|")[-1] + after
            if text.startswith("except:"):
                assert matcher.find(text.removeprefix("except:")) == (), line
            else:
                assert matcher.find(f"Well, {text}!"), line


def test_a_flag_names_a_rule_of_each_lexicon() -> None:
    """However many of one are met."""
    many = [f"word{n}th" for n in "abcdefghijklmnopqrstuvw"]
    watch = Watch([Lexicon("threat", True, 3, tuple(many)), Lexicon("self-harm", True, 0, shipped("self-harm"))])
    met = watch.find(" ".join([*many, "kys"]))
    assert len(met) == 16
    assert {rule.lexicon for rule in met} == {"threat", "self-harm"}
