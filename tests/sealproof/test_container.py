"""The canonical ZIP: one file per set of members, and not a bit of it may differ."""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from counts import count
from sealproof import container, source
from sealproof.container import Member

TWO = {"bag/a.txt": b"one", "bag/data/b": b"two" * 1000}


def packed(files: dict[str, bytes]) -> bytes:
    out = bytearray()
    members = (Member(name, len(data), crc32(data), lambda data=data: (data,)) for name, data in files.items())
    assert container.write(out.extend, members) == len(out)
    return bytes(out)


def read(path: Path) -> dict[str, bytes]:
    archive = source.Archive(path)
    try:
        return {name: b"".join(archive.pieces(name)) for name in archive.names}
    finally:
        archive.close()


def test_it_works(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(packed(TWO))
    assert read(path) == {"a.txt": b"one", "data/b": b"two" * 1000}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(TWO)
        for info in archive.infolist():
            assert (info.date_time, info.create_system, info.external_attr >> 16) == (
                (1980, 1, 1, 0, 0, 0),
                3,
                0o100644,
            )
            assert (info.compress_type, info.extra, info.flag_bits, info.comment) == (0, b"", 0, b"")


def test_every_bit_counts(tmp_path: Path) -> None:
    """Of a file like this one, the usual reader lets a quarter of all single flips pass."""
    data = packed({"bag/a": b"some", "bag/b": b"thing"})
    path = tmp_path / "a.zip"
    passed: list[int] = []
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            read(path)
            passed.append(bit)
        except (container.ContainerError, source.SourceError):
            pass
    assert passed == []


def test_what_other_writers_make_is_refused(tmp_path: Path) -> None:
    for compression, name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for member, data in TWO.items():
                archive.writestr(zipfile.ZipInfo(member), data)
        path = tmp_path / name
        path.write_bytes(buffer.getvalue())
        with pytest.raises(container.ContainerError):
            read(path)


def test_the_order_is_that_of_the_bytes() -> None:
    for names in (["bag/b", "bag/a"], ["bag/a", "bag/a"]):
        with pytest.raises(ValueError, match="order"):
            container.write(lambda _: None, (Member(name, 0, 0, lambda: ()) for name in names))


def test_what_changes_while_it_is_written_is_noticed() -> None:
    for member in (Member("a", 2, crc32(b"x"), lambda: (b"x",)), Member("a", 1, 0, lambda: (b"x",))):
        with pytest.raises(ValueError, match="changed"):
            container.write(lambda _: None, [member])


@pytest.mark.full
def test_more_members_than_sixteen_bits_count(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for members in (65_534, 65_535):
        with path.open("wb") as file:
            container.write(file.write, (Member(f"bag/{n:05}", 0, 0, lambda: ()) for n in range(members)))
        archive = source.Archive(path)
        assert len(archive.names) == members
        archive.close()
        with zipfile.ZipFile(path) as usual:
            assert len(usual.namelist()) == members
        assert (b"PK\6\6" in path.read_bytes()[-98:]) is (members >= 65_535)


@pytest.mark.soak
def test_more_bytes_than_32_bits_count(tmp_path: Path) -> None:
    """4 GiB of zeros, which the disk need not hold, and a member beyond them; 4 MiB in an ordinary run."""
    size = count(2**22, 2**32)
    path = tmp_path / "a.zip"

    def zeros() -> Iterator[bytes]:
        for _ in range(size // container.PIECE):
            yield bytes(container.PIECE)

    crc = 0
    for piece in zeros():
        crc = crc32(piece, crc)
    with path.open("wb") as file:

        def out(piece: bytes) -> None:
            if piece.count(0) == container.PIECE:
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)

        container.write(out, [Member("bag/a", size, crc, zeros), Member("bag/b", 1, crc32(b"x"), lambda: (b"x",))])
    archive = source.Archive(path)
    assert (archive.size("a"), b"".join(archive.pieces("b"))) == (size, b"x")
    assert sum(map(len, archive.pieces("a"))) == size
    archive.close()
    with zipfile.ZipFile(path) as usual:
        assert [info.file_size for info in usual.infolist()] == [size, 1]


def test_folders(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    (bag / "data").mkdir(parents=True)
    (bag / "data" / "b").write_bytes(b"two")
    (bag / "a.txt").write_bytes(b"one")
    folder = source.open_source(bag)
    assert {name: b"".join(folder.pieces(name)) for name in folder.names} == {"a.txt": b"one", "data/b": b"two"}
    (bag / "data" / "b").write_bytes(b"three")
    with pytest.raises(source.SourceError, match="changed"):
        list(folder.pieces("data/b"))


@pytest.mark.parametrize("odd", ["link", "folder link", "pipe", "name", "deep"])
def test_folders_with_what_is_no_file(odd: str, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    bag.mkdir()
    match odd:
        case "link":
            (bag / "a").symlink_to("/etc/hostname")
        case "folder link":
            (bag / "a").symlink_to("/etc")
        case "pipe":
            os.mkfifo(bag / "a")
        case "name":
            (bag / "a\nb").write_bytes(b"")
        case _:
            (bag / "/".join("a" * 40)).mkdir(parents=True)
    with pytest.raises(source.SourceError):
        source.open_source(bag)


def test_lines_and_limits(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    bag.mkdir()
    (bag / "a").write_bytes(b"one\n\ntwo\n")
    (bag / "b").write_bytes(b"one\ntwo")
    (bag / "c").write_bytes(b"x" * (3 << 20))
    folder = source.open_source(bag)
    assert list(source.lines(folder, "a")) == [b"one", b"", b"two"]
    for name in ("b", "c", "missing"):
        with pytest.raises(source.SourceError):
            list(source.lines(folder, name))
    with pytest.raises(source.SourceError, match="more than"):
        source.read(folder, "c", 1 << 20)
