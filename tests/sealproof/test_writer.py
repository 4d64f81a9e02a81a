"""The writer refuses to make a bundle that would not hold, and keeps one copy of what is the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from forge.ledger import Desk
from sealproof.bundle import Disposition
from sealproof.writer import BundleWriter


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[BundleWriter]:
    made = BundleWriter(tmp_path / "work")
    yield made
    made.close()


def test_content_that_does_not_open_its_commitment(writer: BundleWriter) -> None:
    desk = Desk()
    content = desk.keep("body", b"said")
    salt, data = desk.vault[content.commit]
    for wrong in ((salt, b"never said"), (bytes(32), data)):
        with pytest.raises(ValueError, match="does not open"):
            writer.open_content(content, *wrong)
    assert writer.open_content(content, salt, [b"sa", b"id"]).length == 4


def test_the_same_bytes_are_kept_once(writer: BundleWriter) -> None:
    desk = Desk()
    first, second, other = (desk.keep("body", data) for data in (b"same", b"same", b"other"))
    openings = [writer.open_content(c, *desk.vault[c.commit]) for c in (first, second, other)]
    assert openings[0].path == openings[1].path != openings[2].path
    assert openings[0].commit != openings[1].commit


def test_entries_come_in_order_and_whole(writer: BundleWriter) -> None:
    desk = Desk()
    post = desk.post(desk.create_thread(), "Hello")
    shown = [Disposition("undisclosed")] * len(post.content)
    with pytest.raises(ValueError, match="disposition"):
        writer.entry(2, post, [], shown[1:])
    writer.entry(2, post, [], shown)
    for index in (1, 2):
        with pytest.raises(ValueError, match="order"):
            writer.entry(index, post, [], shown)


def test_a_folder_is_used_once(writer: BundleWriter, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        BundleWriter(tmp_path / "work")
