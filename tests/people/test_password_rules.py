"""Which passwords are taken (ASVS 6.2)."""

import hashlib
import secrets
from pathlib import Path

import bcrypt
import pytest
from argon2 import PasswordHasher

from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings
from sealdesk.people import password_rules, passwords
from sealdesk.people.password_rules import Breached, WeakPassword, check

ABOUT = ("ada.king@harbour.example", "Ada King", "Harbour Lane", "harbour")


def taken(password: str, *, admin: bool = False) -> bool:
    try:
        check(password, ABOUT, admin=admin)
    except WeakPassword:
        return False
    return True


@pytest.fixture
def operators(tmp_path: Path) -> list[str]:
    """Passwords on the operator's own list, which is in force for one test."""
    listed = [secrets.token_urlsafe(9) for _ in range(3000)]
    path = breached_file(tmp_path, listed)
    password_rules.configure(Settings.load({"SEALDESK_BREACHED_PASSWORDS": str(path)}))
    return listed


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    password_rules.configure(Settings.load({}))


def breached_file(folder: Path, listed: list[str], newline: str = "\r\n") -> Path:
    lines = sorted(hashlib.sha1(each.encode()).hexdigest().upper() + f":{number}" for number, each in enumerate(listed))
    path = folder / "pwned.txt"
    path.write_text(newline.join([*lines, ""]), newline="")
    return path


def test_it_works() -> None:
    """ASVS V6.2.5: any composition will do, of one kind of character too, as long as it is no common one."""
    for password in (
        "unlisted",
        "kettle and two cups",
        "zqzqzqzqzqzqzq",
        "4908 1275",
        "äöüäöüäö",
        "漢字漢字漢字漢字",
        "        x",
    ):
        assert taken(password), password


def test_length() -> None:
    """ASVS V6.2.1 and V6.2.9: 8 characters (12 for an admin) to 1,024."""
    text = "kqzvbnmwtrpl" * 100
    assert [taken(text[:n]) for n in (7, 8, 64, 1024, 1025)] == [False, True, True, True, False]
    assert [taken(text[:n], admin=True) for n in (8, 11, 12, 1024, 1025)] == [False, False, True, True, False]
    assert taken("é" * 4 + "ő" * 4)  # characters, not bytes


async def test_nothing_is_changed_or_cut() -> None:
    """ASVS V6.2.8: case, blanks and what comes after the 72nd byte count."""
    password = " Ünïcode " + "x" * 100 + " "
    encoded = passwords.hash_password(password)
    assert await passwords.verify(password, encoded)
    for other in (password.strip(), password.lower(), password[:-1], password[:72], password + " "):
        assert not await passwords.verify(other, encoded)


async def test_a_no_costs_the_same_whatever_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """ASVS V6.3.8: an unknown account, one of today and ones of former days (bcrypt, argon2 with other parameters) take the same work."""
    passwords.tune(2, 19_456, 1)
    today = passwords.hash_password("kettle and cups")
    stored = {
        "unknown": None,
        "today": today,
        "cheaper": PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("kettle and cups"),
        "dearer": PasswordHasher(time_cost=3, memory_cost=20_480, parallelism=1).hash("kettle and cups"),
        "bcrypt": bcrypt.hashpw(b"kettle and cups", bcrypt.gensalt(4)).decode(),
    }
    for encoded in stored.values():
        assert not await passwords.verify("wrong", encoded)  # each kind is met once
    done: list[str] = []
    argon, old = PasswordHasher.verify, bcrypt.checkpw

    def argon_noted(self: PasswordHasher, encoded: str, password: str) -> bool:
        done.append(encoded.split("$")[3])
        return argon(self, encoded, password)

    def old_noted(password: bytes, encoded: bytes) -> bool:
        done.append(encoded[:7].decode())
        return old(password, encoded)

    monkeypatch.setattr(PasswordHasher, "verify", argon_noted)
    monkeypatch.setattr(bcrypt, "checkpw", old_noted)
    work: dict[str, list[str]] = {}
    for name, encoded in stored.items():
        for wrong in ("wrong", "w" * 100):
            done.clear()
            assert not await passwords.verify(wrong, encoded)
            work[f"{name} {len(wrong)}"] = sorted(done)
        done.clear()
        assert await passwords.verify("kettle and cups", encoded, hide=True) is (encoded is not None)
        work[f"{name} hidden"] = sorted(done)
        assert await passwords.verify("kettle and cups", encoded) is (encoded is not None)
    assert set(map(tuple, work.values())) == {("$2b$04$", "m=19456,t=2,p=1", "m=20480,t=3,p=1", "m=8192,t=1,p=1")}


def test_common_passwords() -> None:
    """ASVS V6.2.4: at least the 3,000 most common ones that are long enough are refused, in any case."""
    common = [each for each in password_rules._common() if len(each) >= password_rules.LEAST]
    assert len(common) >= 3000
    assert not any(taken(each) or taken(each.upper()) for each in common)


def test_long_common_passwords() -> None:
    """ASVS V6.2.4: for admins too there are 3,000 common ones that have their 12 characters; words that nobody used are taken."""
    assert len(password_rules._long()) >= 3000
    raw = password_rules.LONG.read_bytes()
    hashes = [raw[at : at + 8] for at in range(0, len(raw), 8)]
    assert hashes == sorted(set(hashes))
    known = (
        "coffee123456",
        "ilovemymommy",
        "digitalcamera",
        "justin4ever2",
        "the revenge of the sith",
        "adminadmin123",
    )
    for each in known:
        assert each not in password_rules._common()
        assert not taken(each, admin=True), each
        assert not taken(each.title(), admin=True), each
    assert all(taken(secrets.token_urlsafe(12), admin=True) for _ in range(500))
    assert taken("kettle and two cups", admin=True)


def test_words_that_lie_close_to_hand() -> None:
    """ASVS V6.2.11: the organisation, the product and the person, also with digits and look-alike letters."""
    for password in (
        "harbourlane",
        "Harbour-Lane-2026!",
        "sealdesk2026",
        "S3aldesk!!!",
        "adaking1985",
        "ada.king@harbour.example",
        "King_Ada_Harbour",
    ):
        assert not taken(password), password
    for password in ("the harbour at night", "kingfisher over water"):
        assert taken(password), password


def test_breached_passwords(operators: list[str], tmp_path: Path) -> None:
    """ASVS V6.2.12: each of the operator's list is refused and no other, wherever in the file it stands."""
    assert not any(taken(each) for each in operators)
    assert all(taken(secrets.token_urlsafe(9)) for _ in range(500))
    for count in (1, 2, 3):
        found = Breached(breached_file(tmp_path, operators[:count], "\n"))
        assert [each in found for each in operators[: count + 1]] == [True] * count + [False]


@pytest.mark.parametrize("content", [None, "", "password\n", "0" * 40, f"{'B' * 40}:9\n{'A' * 40}:7\n"])
def test_a_list_that_is_none_is_said_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "list"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Fault, match="SEALDESK_BREACHED_PASSWORDS"):
        password_rules.configure(Settings.load({"SEALDESK_BREACHED_PASSWORDS": str(path)}))


async def test_the_cost_of_hashing_is_the_operators() -> None:
    """A hash of other parameters is renewed when its password is shown."""
    old = passwords.hash_password("kettle and cups")
    password_rules.configure(Settings.load({"SEALDESK_ARGON2": "20480,2,1"}))
    new = await passwords.rehash_if_old("kettle and cups", old)
    passwords.tune(2, 19_456, 1)
    assert new is not None
    assert "m=20480,t=2,p=1" in new
    for wrong in ("1,1,1", "19456,2", "a,b,c", "19456,0,1", "19456,2,1,"):
        with pytest.raises(Fault, match="SEALDESK_ARGON2"):
            Settings.load({"SEALDESK_ARGON2": wrong})
