"""docs/ledger-format.md and the code name the same things."""

import re

from needs import ROOT
from sealproof import bundle, types
from sealproof import verify as verifier

DOCUMENT = (ROOT / "docs" / "ledger-format.md").read_text()


def _rows() -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    table = DOCUMENT.partition("## 3. Types")[2].partition("Beyond the table")[0]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not re.match(r"[a-z]+\.[a-z]+", cells[0]):
            continue
        first, *others = [name.strip() for name in cells[0].split(",")]
        family = first.partition(".")[0]
        for name in (first, *(family + other if other.startswith(".") else other for other in others)):
            rows[name] = cells[1:]
    return rows


def test_every_type_with_its_members_streams_slots_and_references() -> None:
    rows = _rows()
    assert set(rows) == set(types.TYPES)
    for name, (body, streams, slots, refs) in rows.items():
        row = types.TYPES[name]
        starred = {slot + "*" if slot in row.required else slot for slot in row.slots}
        assert set(slots.split()) == starred, name
        assert set(streams.split()) == row.streams or streams == "any", name
        assert int(refs or 0) == row.refs, name
        assert all(re.search(rf"\b{member}\b", body) for member in row.members), name


def test_every_media_type_and_slot() -> None:
    for media in set(types.MEDIA.values()):
        listed = re.search(rf"`{re.escape(media)}`[^:]*: `([^`]*)`", DOCUMENT)
        assert listed is not None
        assert set(listed[1].split()) == {slot for slot, of in types.MEDIA.items() if of == media}


def test_every_required_file() -> None:
    for name in bundle.REQUIRED:
        assert name in DOCUMENT, name


def test_the_verifier_carries_the_same_numbers() -> None:
    opening = verifier.__doc__ or ""
    numbers = set(re.findall(r"(?m)^ ?(\d+)\. ", opening))
    steps = DOCUMENT.partition("## 7. Verifying")[2]
    documented = set(re.findall(r"(?m)^(\d+)\. (?!\*\()", steps))
    assert numbers == documented
