"""Mail: what a message is made of, and each back on something real."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from mailserver import certificate, mailbox
from sealdesk.core.faults import Fault
from sealdesk.core.mail import Folder, Letter, NotSent, Server, Smtp, UnfitHeader, compose, mailer_of
from sealdesk.core.settings import Settings

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LETTER = Letter("ada@example.org", "Grüße", "plain ä\n", "<p>rich ä</p>")
SENDER = "Harbour Lane <desk@harbour.test>"


def letter(**changes: str) -> EmailMessage:
    values = {"to": LETTER.to, "subject": LETTER.subject, "text": LETTER.text, "html": LETTER.html, **changes}
    return compose(Letter(**values), SENDER, "0-1", AT)


async def test_it_works(tmp_path: Path) -> None:
    """The folder: one file a message, for its owner only; both parts, and headers a receiver can read."""
    await Folder(tmp_path / "mail").send(letter())
    (path,) = (tmp_path / "mail").iterdir()
    assert path.name == "0-1.eml"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    read = message_from_bytes(path.read_bytes(), policy=default)
    assert (read["To"], read["From"], read["Subject"]) == ("ada@example.org", SENDER, "Grüße")
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\0"])
@pytest.mark.parametrize("place", ["to", "subject"])
def test_nothing_breaks_out_of_a_header(place: str, break_: str) -> None:
    """ASVS V1.3.11: CR, LF and NUL in a header's value are refused, not cleaned."""
    with pytest.raises(UnfitHeader):
        letter(**{place: f"a@b.test{break_}Bcc: thief@evil.test"})
    with pytest.raises(UnfitHeader):
        compose(LETTER, f"a@b.test{break_}Bcc: thief@evil.test", "1", AT)


def test_an_encoded_word_is_no_way_out_either() -> None:
    """ASVS V1.3.11, RFC 2047: what decodes to a line break is refused in an address, and is plain text in a subject."""
    word = "=?utf-8?q?a=0d=0aBcc=3a=20thief=40evil=2etest=0d=0a=0d=0aClick?="
    with pytest.raises(UnfitHeader):
        letter(to=f"{word}@h.test")
    raw = letter(subject=f"Your approval is needed for {word}").as_bytes()
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
    assert not [line for line in head.split(b"\r\n") if line.lower().startswith((b"bcc", b"click"))]
    read = message_from_bytes(raw, policy=default)
    assert read["Bcc"] is None
    assert "=0d=0aBcc" in read["Subject"]


def test_one_address_stays_one() -> None:
    """ASVS V1.3.11: a comma in an address makes no second recipient."""
    message = letter(to="a@b.test,thief@evil.test")
    assert [str(address.addr_spec) for address in message["To"].addresses] == ['"a@b.test,thief"@evil.test']


async def test_smtp_on_this_machine() -> None:
    with mailbox().open() as box:
        await Smtp(Server.of_url(f"smtp://127.0.0.1:{box.port}")).send(letter())
    ((recipients, message),) = box.received
    assert recipients == ["ada@example.org"]
    assert message["Subject"] == "Grüße"


async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    shown, trusted = certificate(tmp_path)
    with mailbox().open(ssl_context=shown) as box:
        server = Server.of_url(f"smtps://127.0.0.1:{box.port}")
        await Smtp(server, trusted).send(letter())
        with pytest.raises(NotSent):  # a certificate that nobody vouches for
            await Smtp(server).send(letter())
    assert len(box.received) == 1


async def test_elsewhere_nothing_is_sent_in_the_clear(tmp_path: Path) -> None:
    """STARTTLS has to succeed: a server that offers none, as if somebody had cut it out, gets no mail."""
    shown, trusted = certificate(tmp_path)
    with mailbox("0.0.0.0").open() as plain, pytest.raises(NotSent):
        await Smtp(Server.of_url(f"smtp://0.0.0.0:{plain.port}"), trusted).send(letter())
    with mailbox("0.0.0.0").open(tls_context=shown, require_starttls=True) as box:
        await Smtp(Server.of_url(f"smtp://0.0.0.0:{box.port}"), trusted).send(letter())
    assert (len(plain.received), len(box.received)) == (0, 1)


async def test_a_server_that_refuses_or_is_down() -> None:
    box = mailbox()
    with pytest.raises(NotSent):
        await Smtp(Server.of_url(f"smtp://127.0.0.1:{box.port}")).send(letter())
    box.answer = "451 later"
    with box.open(), pytest.raises(NotSent):
        await Smtp(Server.of_url(f"smtp://127.0.0.1:{box.port}")).send(letter())


@pytest.mark.parametrize(
    "url", ["http://canary", "smtp://canary@", "smtp://canary:nan", "smtp://canary/x", "smtp://canary?x=1", "canary"]
)
def test_a_url_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(Fault) as fault:
        Server.of_url(url)
    assert "canary" not in str(fault.value)


def test_which_back_and_who_sends() -> None:
    """T25: the password of the mail server is in no representation."""
    plain = {"SEALDESK_DATA": "/srv/desk", "SEALDESK_ORIGINS": "https://desk.example"}
    assert isinstance(mailer_of(Settings.load(plain)), Folder)
    at_home = {"SEALDESK_ORIGINS": "http://127.0.0.1:8000", "SEALDESK_ENV": "demo"}
    assert isinstance(mailer_of(Settings.load({**plain, **at_home})), Folder)
    settings = Settings.load({**plain, "SEALDESK_SMTP_URL": "smtps://desk:canary@mail.example"})
    assert isinstance(mailer_of(settings), Smtp)
    assert "canary" not in repr(settings) + repr(Server.of_url(settings.smtp_url))
    assert settings.sender == "Sealdesk <no-reply@desk.example>"
    assert Settings.load({}).sender == "Sealdesk <no-reply@localhost>"
    assert Settings.load(settings.environ()) == settings
    for wrong in ("nobody", "a@b\nBcc: x@y"):
        with pytest.raises(Fault):
            Settings.load({"SEALDESK_MAIL_FROM": wrong})
