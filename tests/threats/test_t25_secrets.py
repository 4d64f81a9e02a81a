"""T25: secrets leak. Canaries are planted through every door that takes or gives one, and then looked for in all that was written.

What is looked through: logs of all processes, error answers, entries and opened contents, an export bundle, mail, and a dump of the whole
database as a backup has it. A secret may stand in one place only where it is made to: a link in its mail.
"""

import base64
import io
import re
import subprocess
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pyotp.totp import TOTP

from running import Client, Person, RunningDesk
from sealdesk.access.permissions import Role
from sealdesk.core import credentials, log
from sealdesk.core.postgres import binaries
from sealdesk.ledger.seal import Sealer
from sealdesk.people import commands, onetime
from sealdesk.people.sessions import Issued, Visit
from sealdesk.web.tokens import token_hash
from sealdesk.widget.example import Shop, signed
from threats.canaries import joined, leaks, spellings
from world import PASSWORD, World

ORG = "canaries"
TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}")
VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
HARMLESS = "0123456789abcdef0123456789abcdef"


@dataclass
class Planted:
    """The secrets by name, the answers that refused something, the bundle, and somebody whose data certainly stands in the dump."""

    desk: RunningDesk
    secrets: dict[str, bytes] = field(default_factory=dict[str, bytes])
    errors: list[httpx.Response] = field(default_factory=list[httpx.Response])
    bundle: bytes = b""
    witness: str = ""

    def plant(self, **secrets: str | bytes) -> None:
        """Look for these later."""
        for name, secret in secrets.items():
            raw = secret.encode() if isinstance(secret, str) else secret
            assert len(raw) >= 10, f"{name} is too short to be told from chance"
            self.secrets[name.replace("_", " ")] = raw
            if TOKEN.fullmatch(raw):
                self.secrets[f"{name.replace('_', ' ')} as bytes"] = raw_of(raw.decode())


@pytest.fixture(scope="module")
def planted(running_desk: RunningDesk) -> Planted:
    found = Planted(running_desk)
    admin, agent = running_desk.populate(ORG, ("Ada", Role.ADMIN), ("Ann", Role.AGENT))
    found.witness = agent.email
    plant_keys(found)
    client = plant_sign_in(found, agent)
    plant_factor(found, client)
    plant_widget(found, admin)
    plant_links(found, admin, agent)
    found.bundle = export(client)
    provoke(found, client)
    return found


def plant_keys(found: Planted) -> None:
    """What lies in the key folder, and the passwords of the database logins."""
    settings = found.desk.settings
    key = load_pem_private_key(settings.operator_key.read_bytes(), None)
    found.plant(
        key_of_keys=settings.kek.read_bytes(),
        operator_key=key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()),
        operator_pem=settings.operator_key.read_bytes().splitlines()[1],
    )
    logins = credentials.read(settings.credentials)["logins"]
    assert isinstance(logins, dict)
    for name, password in logins.items():
        found.plant(**{f"login_{name}": str(password)})


def plant_sign_in(found: Planted, agent: Person) -> Client:
    """Passwords typed right and wrong, and every cookie and token that a browser and a program get."""
    client = found.desk.client()
    page = client.get("/sign-in", headers={"accept": "text/html"})
    client.take(page)
    presession = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
    typed = "nearly the right passphrase"
    form = {"email": agent.email, "password": typed, "next": "/", "csrf": presession}
    found.errors.append(client.act("POST", "/sign-in", data=form, headers={"accept": "text/html"}))
    found.plant(wrong_password=typed, presession_cookie=client.kept["__Host-pre"], presession_token=presession)
    keep(client, client.act("POST", "/api/v1/session", json={"email": agent.email, "password": agent.password}))
    chosen = f"chosen as a canary {uuid4().hex[:8]}"
    body = {"current": agent.password, "new": chosen}
    assert client.act("PUT", "/api/v1/account/password", json=body).status_code == 200
    found.plant(password=chosen, ended_session=str(client.token))
    assert client.act("DELETE", "/api/v1/session").status_code == 204
    found.errors.append(client.get("/api/v1/session"))
    keep(client, client.act("POST", "/api/v1/session", json={"email": agent.email, "password": chosen}))
    found.plant(session=str(client.token), anti_csrf_token=client.csrf, device_cookie=client.kept["__Host-dev"])
    return client


def keep(client: Client, answer: httpx.Response) -> None:
    """Go on with the session that was given."""
    assert answer.status_code == 200, answer.text
    client.take(answer)
    client.csrf = answer.json()["csrf_token"]


def plant_factor(found: Planted, client: Client) -> None:
    """The seed of an app, its recovery codes, and one of them used."""
    begun = client.act("POST", "/api/v1/account/totp/options").json()
    code = TOTP(begun["secret"]).now()
    added = client.act("POST", "/api/v1/account/totp", json={"challenge": begun["challenge"], "code": code})
    codes = added.json()["recovery_codes"]
    found.plant(seed=begun["secret"], raw_seed=TOTP(begun["secret"]).byte_secret(), enrolment=begun["challenge"])
    for number, each in enumerate(codes[:2]):
        found.plant(**{f"recovery_code_{number}": each, f"plain_recovery_code_{number}": onetime.plain(each)})
    confirmed = {"password": found.secrets["password"].decode(), "code": codes[0]}
    keep(client, client.act("POST", "/api/v1/session/confirm", json=confirmed))
    # After the factor: what the password alone had made would have ended with it.
    wanted = {"name": "canary", "permissions": ["thread.read"], "days": 1}
    made = client.act("POST", "/api/v1/account/tokens", json=wanted).json()
    found.plant(confirmed_session=str(client.token), api_token=made["token"])


def plant_links(found: Planted, admin: Person, agent: Person) -> None:
    """Links for a reset, an invitation, and a new address, taken from their mails."""
    desk, client = found.desk, found.desk.client(admin)
    newcomer = f"{uuid4().hex[:8]}@{ORG}.test"
    moved = f"{uuid4().hex[:8]}@{ORG}.test"
    assert desk.client().post("/api/v1/password/forgotten", json={"email": agent.email}).status_code == 202
    invited = {"email": newcomer, "name": "New", "role": "agent"}
    assert client.act("POST", "/api/v1/members", json=invited).status_code == 201
    assert client.act("PUT", "/api/v1/account/email", json={"email": moved}).status_code == 202
    for name, path, to in (
        ("reset", "reset", agent.email),
        ("invitation", "invitation", newcomer),
        ("address", "address", moved),
    ):
        token = mailed(desk.settings.mail, path, to)
        found.plant(**{f"link_{name}": token})
        for _ in range(2):
            found.errors.append(desk.client().get(f"/{path}/{token[:-1]}", headers={"accept": "text/html"}))
    token = found.secrets["link address"].decode()
    assert client.act("POST", "/api/v1/address", json={"token": token}).status_code == 204
    found.errors.append(desk.client().post("/api/v1/address", json={"token": token}))


def plant_widget(found: Planted, admin: Person) -> None:
    """The key of an organisation's site, what it signed with it, the challenge of a code, and a visit."""
    client = found.desk.client(admin)
    for path, form in (("/rules/widget", {"on": "yes"}), ("/rules/widget/key", {})):
        done = client.act("POST", path, data={"csrf": client.csrf, "version": "*", **form})
        assert done.status_code in (200, 303), done.text
        page = done.text
    key = re.findall(r'id="made">([^<]+)<', page)[0]
    widget, audience = (
        re.findall(r"data-widget=&#34;([^&]+)&", page)[0],
        re.findall(r"<code>([^<]+/widget/[^<]+)</code>", page)[0],
    )
    shop = Shop("", found.desk.base, widget, key, audience, f"{uuid4().hex[:8]}@{ORG}.test", "Vera")
    token, nobody = signed(shop), found.desk.client()
    asked = nobody.post(f"/api/v1/widget/{widget}/code", json={"email": shop.email})
    entered = nobody.post(f"/api/v1/widget/{widget}/identity", json={"token": token})
    assert (asked.status_code, entered.status_code) == (202, 200), entered.text
    found.errors.append(nobody.post(f"/api/v1/widget/{widget}/identity", json={"token": token}))
    found.plant(site_key=key, challenge=asked.json()["challenge"], visit=entered.json()["token"])
    found.plant(signature=token.rpartition(".")[2])


def mailed(folder: Path, path: str, to: str) -> str:
    """The token of the link in the mail to somebody."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for file in folder.glob("*.eml"):
            message = message_from_bytes(file.read_bytes(), policy=default)
            body = message.get_body(("plain",))
            links = re.findall(rf"/{path}/([A-Za-z0-9_-]{{43}})", body.get_content() if body else "")
            if message["To"] == to and links:
                return links[0]
        time.sleep(0.2)
    raise AssertionError(f"no mail with /{path}/ to {to}")


def provoke(found: Planted, client: Client) -> None:
    """Show each secret where it does not belong: in a path, a query, a header field, a body, as a name and as a value."""
    for name, secret in list(found.secrets.items()):
        if not secret.isascii() or name.startswith("login"):
            continue
        text = secret.decode()
        with Client(found.desk.base) as nobody:
            found.errors += [
                nobody.get(f"/api/v1/threads/{quote(text, safe='')}"),
                nobody.get("/api/v1/session", headers={"authorization": f"Bearer {text}"}),
                nobody.post("/api/v1/session", json={"email": text, "password": text}),
                nobody.post(
                    "/api/v1/session", content=f'{{"email": "{text}'.encode(), headers={"content-type": "text/json"}
                ),
                client.act("POST", "/api/v1/tickets", json={"subject": "x", "body": "x", text: text}),
                client.act("POST", "/api/v1/tickets", headers={"x-csrf-token": text, "idempotency-key": text}),
                client.get(f"/api/v1/exports?{quote(text, safe='')}={quote(text, safe='')}"),
                client.act(
                    "PATCH", f"/api/v1/threads/{uuid4()}/ticket", json={"status": text}, headers={"if-match": text}
                ),
            ]
    # Three are live: where a token belongs, it is taken.
    refused = [answer for answer in found.errors if answer.status_code >= 400]
    assert len(found.errors) - len(refused) == 3
    found.errors = refused


def export(client: Client) -> bytes:
    """The bundle of a conversation, as it is fetched."""
    thread = client.open("A question about canaries")
    client.say(thread, "An answer.")
    asked = client.act("POST", "/api/v1/exports", json={"purpose": "mine", "scope": {"threads": [thread]}})
    place, until = f"/api/v1/exports/{asked.json()['id']}", time.monotonic() + 60
    while client.get(place).json()["state"] != "built" and time.monotonic() < until:
        time.sleep(0.2)
    return client.get(f"{place}/bundle").content


def entries_and_contents(desk: RunningDesk) -> bytes:
    """Every entry of every log, and every content opened."""
    sealer = Sealer.of_file(desk.settings.kek)
    rows = desk.sql(
        "select c.org_id, c.commit, c.sealed, k.wrapped from ledger.content c join ledger.content_key k using (org_id, commit)"
    )
    opened = [sealer.open(row["org_id"], row["commit"], row["sealed"], row["wrapped"]).content for row in rows]
    return joined([*(row["entry"] for row in desk.sql("select entry from ledger.entry")), *opened])


def dump(dsn: str) -> bytes:
    """The whole database as `pg_dump` writes it."""
    program = binaries.installed() / "bin" / "pg_dump"
    return subprocess.run([program, "--no-password", dsn], capture_output=True, check=True).stdout


def written(planted: Planted) -> dict[str, bytes]:
    """All places, each with what stands in it."""
    desk = planted.desk
    with zipfile.ZipFile(io.BytesIO(planted.bundle)) as archive:
        members = [archive.read(name) for name in archive.namelist()]
    answers = [joined([str(each.headers).encode(), each.content]) for each in planted.errors]
    return {
        "logs": desk.log.read_bytes(),
        "error answers": joined(answers),
        "entries and contents": entries_and_contents(desk),
        "bundle": joined([planted.bundle, *members]),
        "mail": joined(decoded(desk.settings.mail)),
        "dump": dump(str(credentials.read(desk.settings.credentials)["admin"])),
    }


def decoded(folder: Path) -> list[bytes]:
    """Each mail as it lies there, and what its parts say."""
    raw = [path.read_bytes() for path in folder.glob("*.eml")]
    parts = [
        part for each in raw for part in message_from_bytes(each, policy=default).walk() if not part.is_multipart()
    ]
    return [*raw, *(bytes(part.get_payload(decode=True)) for part in parts)]


@pytest.fixture(scope="module")
def places(planted: Planted) -> Mapping[str, bytes]:
    return written(planted)


def test_no_secret_stands_where_it_was_not_sent(planted: Planted, places: Mapping[str, bytes]) -> None:
    found = [
        (name, place)
        for name, place in leaks(planted.secrets, places)
        if not (name.startswith("link ") and place == "mail")
    ]
    assert found == []
    assert len(planted.secrets) >= 25


def test_what_was_looked_through_is_what_was_written(planted: Planted, places: Mapping[str, bytes]) -> None:
    """Each place holds what it should of this very run: the dump the hashes of tokens, the mails their links, the logs the refusals."""
    hashes = [token_hash(planted.secrets[name].decode()).hex().encode() for name in ("api token", "confirmed session")]
    assert all(each in places["dump"] for each in hashes)
    assert planted.witness.encode() in places["dump"]
    assert {name for name, place in leaks(planted.secrets, {"mail": places["mail"]}) if place} == {
        name for name in planted.secrets if name.startswith("link ")
    }
    assert planted.errors[0].headers["x-request-id"].encode() in places["logs"]
    assert b"failed_login" in places["logs"]
    assert b"A question about canaries" in places["entries and contents"]
    assert b"A question about canaries" in places["bundle"]
    assert b"A question about canaries" not in places["dump"]


def test_the_operators_files_are_theirs_alone(planted: Planted) -> None:
    """0600, in folders that nobody else enters; mails too, as a link in one opens an account."""
    settings = planted.desk.settings
    files = [
        settings.credentials,
        settings.kek,
        settings.operator_key,
        settings.signer_state,
        *settings.mail.glob("*.eml"),
    ]
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("name", ["password", "api token", "raw seed", "key of keys", "link reset"])
def test_sabotage_of_each_place(planted: Planted, places: Mapping[str, bytes], name: str) -> None:
    """Written into any of them, in any spelling, it is found; so the test above can fail."""
    secret = planted.secrets[name]
    for place, text in places.items():
        for spelling in spellings(secret):
            spoilt = text[: len(text) // 2] + b" " + spelling + b" " + text[len(text) // 2 :]
            assert leaks({name: secret}, {place: spoilt[len(text) // 2 - 100 : len(text) // 2 + 300]}) == [
                (name, place)
            ]


def test_the_search_knows_where_base64_begins() -> None:
    for before in range(6):
        for after in range(4):
            text = b"x" * before + HARMLESS.encode() + b"y" * after
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                assert leaks({"it": HARMLESS.encode()}, {"there": encode(text)})
    assert not leaks({"it": HARMLESS.encode()}, {"there": HARMLESS[:-1].encode()})


def test_sabotage_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a careless line would write is dropped by its name; without that the secret stands in the log."""

    def careless() -> list[tuple[str, str]]:
        record = {"event": "x", "password": HARMLESS, "request": {"headers": [{"Set-Cookie": HARMLESS}]}}
        return leaks({"it": HARMLESS.encode()}, {"log": repr(log.drop_secrets(None, "", dict(record))).encode()})

    assert careless() == []
    monkeypatch.setattr(log, "_is_secret", lambda _: False)  # pyright: ignore[reportUnknownLambdaType]
    assert careless() == [("it", "log")]


async def test_sabotage_of_the_dump(drill: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are stored hashed; were they stored as they are, every backup would hold them."""
    for careless in (False, True):
        if careless:
            monkeypatch.setattr(commands, "token_hash", raw_of)
        issued = await commands.sign_in(drill.desk, "agent@acme.test", PASSWORD, None, VISIT)
        assert isinstance(issued, Issued)
        secrets = {"session": issued.token.encode(), "raw session": raw_of(issued.token)}
        found = leaks(secrets, {"dump": dump(drill.admin_dsn)})
        assert found == ([("raw session", "dump")] if careless else [])


def raw_of(token: str) -> bytes:
    """The 32 random bytes that a token is the text of."""
    return base64.urlsafe_b64decode(token + "=")
