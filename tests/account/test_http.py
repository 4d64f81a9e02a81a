"""Second factors, step-up and switching over HTTP, as programs and browsers without scripts see them."""

import re
import time
from email.utils import formatdate
from html import unescape

import httpx
import msgspec
import pytest
from pyotp.totp import TOTP

from authenticator import Authenticator
from running import PASSWORD, Client, Person, RunningDesk
from sealdesk.access.permissions import Role
from sealdesk.web.tokens import new_token, token_hash

CSRF = re.compile(r'name="csrf" value="([^"]+)"')
CARRIED = re.compile(r'name="carried" value="([^"]+)"')
CHALLENGE = re.compile(r'name="challenge" value="([^"]+)"')


@pytest.fixture
def person(running_desk: RunningDesk) -> Person:
    return running_desk.populate("factors", ("Fay", Role.AGENT))[0]


def grow_old(desk: RunningDesk, person: Person) -> None:
    """As if the person had shown nothing for eleven minutes."""
    desk.sql("update sec.session set confirmed_at = now() - interval '11 minutes' where member_id = $1", person.member)


def set_up_app(client: Client) -> tuple[str, list[str]]:
    """The seed and the recovery codes."""
    begun = client.act("POST", "/api/v1/account/totp/options").json()
    body = {"challenge": begun["challenge"], "code": TOTP(begun["secret"]).now(), "name": "Phone"}
    added = client.act("POST", "/api/v1/account/totp", json=body)
    assert added.status_code == 200, added.text
    assert added.json()["csrf_token"] is None
    return begun["secret"], added.json()["recovery_codes"]


def field(pattern: re.Pattern[str], answer: httpx.Response) -> str:
    found = pattern.search(answer.text)
    assert found, answer.text
    return found[1]


def test_it_works(running_desk: RunningDesk, person: Person) -> None:
    """V6.5.1, V7.2.4: password, then a code that works once; the session has a token of its own."""
    _, codes = set_up_app(running_desk.client(person))
    client = running_desk.client()
    first = client.post("/api/v1/session", json={"email": person.email, "password": PASSWORD}).json()
    assert (first["member"], first["csrf_token"], first["second_factor"]) == (None, None, ["totp", "recovery"])
    answers = [
        client.post("/api/v1/session/second", json={"challenge": challenge, "code": codes[0]})
        for challenge in (
            first["challenge"],
            client.post("/api/v1/session", json={"email": person.email, "password": PASSWORD}).json()["challenge"],
        )
    ]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[0].json()["member"] == str(person.member)
    assert answers[1].json()["type"].endswith("/wrong-factor")
    client.take(answers[0])
    assert client.get("/api/v1/account/factors").json()["recovery_codes_left"] == len(codes) - 1


def test_nobody_says_what_time_it_is(running_desk: RunningDesk, person: Person) -> None:
    """V6.5.8: a code of another time is refused, whatever the request claims; a field for it is not known."""
    seed, _ = set_up_app(running_desk.client(person))
    client = running_desk.client()
    first = client.post("/api/v1/session", json={"email": person.email, "password": PASSWORD}).json()
    then = int(time.time()) - 600
    stamps = {"date": formatdate(then, usegmt=True), "x-timestamp": str(then), "x-client-time": str(then * 1000)}
    answer = {"challenge": first["challenge"], "code": TOTP(seed).at(then)}
    assert client.post("/api/v1/session/second", json=answer, headers=stamps).status_code == 401
    claimed = client.post("/api/v1/session/second", json={**answer, "time": then})
    assert (claimed.status_code, claimed.json()["type"].rpartition("/")[2]) == (400, "unknown-field")


def test_step_up_over_json(running_desk: RunningDesk, person: Person) -> None:
    """V7.5.1, V7.5.3, V7.2.4: 403 that says so, then a new cookie and anti-CSRF token; the old cookie is dead."""
    client = running_desk.client(person)
    grow_old(running_desk, person)
    refused = client.act("POST", "/api/v1/account/totp/options")
    assert (refused.status_code, refused.json()["type"][-14:]) == (403, "/confirm-first")
    wrong = client.act("POST", "/api/v1/session/confirm", json={"password": "wrong"})
    assert wrong.status_code == 401
    old = client.token
    right = client.act("POST", "/api/v1/session/confirm", json={"password": PASSWORD})
    assert right.status_code == 200
    client.take(right)
    client.csrf = right.json()["csrf_token"]
    assert client.token != old
    assert client.act("POST", "/api/v1/account/totp/options").status_code == 200
    with Client(running_desk.base) as thief:
        assert thief.get("/api/v1/session", headers={"cookie": f"__Host-sid={old}"}).status_code == 401


def test_step_up_on_pages(running_desk: RunningDesk, person: Person) -> None:
    """V7.5.3: a page leads to the question and back; a form that was refused gives back what was typed, with the way there."""
    client = running_desk.client(person)
    thread = client.open()
    grow_old(running_desk, person)
    html = {"accept": "text/html"}
    led = client.get(f"/exports/new?thread={thread}", headers=html)
    assert (led.status_code, led.headers["location"]) == (303, f"/confirm?next=/exports/new%3Fthread%3D{thread}")
    form = {"csrf": client.csrf, "idempotency_key": "k" * 32, "scope": "thread", "audience": "agent", "thread": thread}
    typed = "Case 2026-118, as asked by the board"
    refused = client.act("POST", "/exports/new", data={**form, "purpose": typed}, headers=html)
    assert refused.status_code == 403
    assert "To ask for evidence, show once more who you are" in refused.text
    assert 'href="/exports">Not now' in refused.text
    again = {"csrf": field(CSRF, refused), "challenge": field(CHALLENGE, refused), "password": "wrong"}
    again["carried"] = unescape(field(CARRIED, refused))
    wrong = client.act("POST", "/confirm", data=again, headers=html)
    assert wrong.status_code == 401
    again["challenge"], again["password"] = field(CHALLENGE, wrong), PASSWORD
    right = client.act("POST", "/confirm", data=again, headers=html)
    assert right.status_code == 200
    assert 'action="/exports/new"' in right.text
    assert f'name="purpose" value="{typed}"' in right.text
    client.take(right)
    form["csrf"] = client.csrf = field(CSRF, right)
    assert client.act("POST", "/exports/new", data={**form, "purpose": typed}, headers=html).status_code == 303
    grow_old(running_desk, person)
    asked = client.get(led.headers["location"], headers=html)
    answer = {"csrf": field(CSRF, asked), "challenge": field(CHALLENGE, asked), "next": f"/exports/new?thread={thread}"}
    wrong = client.act("POST", "/confirm", data={**answer, "password": "wrong"}, headers=html)
    assert wrong.status_code == 401
    assert "This is not your password." in wrong.text
    right = client.act("POST", "/confirm", data={**answer, "password": PASSWORD}, headers=html)
    assert (right.status_code, right.headers["location"]) == (303, f"/exports/new?thread={thread}")
    client.take(right)
    assert client.get(right.headers["location"], headers=html).status_code == 200


def test_nobody_is_led_to_another_site(running_desk: RunningDesk, person: Person) -> None:
    """T06: the way back is a path of this desk."""
    client = running_desk.client(person)
    form = {"csrf": client.csrf, "password": PASSWORD, "next": "//evil.example/"}
    assert client.act("POST", "/confirm", data=form).headers["location"] == "/"


def test_a_passkey_over_json(running_desk: RunningDesk, person: Person) -> None:
    """V6.7.2: registered, then as second factor, alone, and to confirm; bound to the origin that the request came from."""
    client = running_desk.client(person)
    begun = client.act("POST", "/api/v1/account/passkeys/options").json()
    made = Authenticator(running_desk.base)
    body = {"challenge": begun["challenge"], "attestation": made.create(begun["challenge"], begun["user_id"])}
    other = Authenticator("http://evil.example").create(begun["challenge"])
    refused = client.act("POST", "/api/v1/account/passkeys", json={**body, "attestation": other})
    assert refused.status_code == 400
    assert client.act("POST", "/api/v1/account/passkeys", json=body).status_code == 200
    assert client.act("POST", "/api/v1/account/passkeys", json=body).status_code == 409
    origin = {"origin": running_desk.base}
    for path, first in (
        ("second", {"email": person.email, "password": PASSWORD}),
        ("passkey", None),
    ):
        browser = running_desk.client()
        asked = browser.post(
            "/api/v1/session" + ("" if first else "/passkey/options"), json=first, headers=origin
        ).json()
        shown = {"challenge": asked["challenge"], "assertion": made.get(asked["challenge"])}
        answer = browser.post(f"/api/v1/session/{path}", json=shown, headers=origin)
        assert answer.status_code == 200, answer.text
        assert answer.json()["member"] == str(person.member)
        assert browser.post(f"/api/v1/session/{path}", json=shown, headers=origin).status_code == 401
    posed = client.act("POST", "/api/v1/session/confirm/options").json()
    assert posed["passkeys"] == [body["attestation"]["id"]]
    shown = {"challenge": posed["challenge"], "assertion": made.get(posed["challenge"])}
    assert client.act("POST", "/api/v1/session/confirm", json=shown).status_code == 200


@pytest.mark.parametrize("member", ["id", "client_data", "authenticator_data", "signature", "user_handle"])
def test_hostile_assertions_are_refused_in_a_sentence(running_desk: RunningDesk, person: Person, member: str) -> None:
    """T10: parts that are no base64url, no JSON and no CBOR are never a fault of ours."""
    client = running_desk.client(person)
    begun = client.act("POST", "/api/v1/account/passkeys/options").json()
    made = Authenticator(running_desk.base)
    body = {"challenge": begun["challenge"], "attestation": made.create(begun["challenge"], begun["user_id"])}
    assert client.act("POST", "/api/v1/account/passkeys", json=body).status_code == 200
    for garbage in ("A", "!!!!", "AAAA", "_" * 90, "\u00e9"):
        challenge = client.act("POST", "/api/v1/session/passkey/options").json()["challenge"]
        shown = {"challenge": challenge, "assertion": {**made.get(challenge), member: garbage}}
        answer = client.act("POST", "/api/v1/session/passkey", json=shown)
        assert answer.status_code in (400, 401), (garbage, answer.text)
    for garbage in ("A", "AAAA", "_" * 90):
        begun = client.act("POST", "/api/v1/account/passkeys/options").json()
        attested = {**made.create(begun["challenge"]), "attestation_object": garbage}
        body = {"challenge": begun["challenge"], "attestation": attested}
        assert client.act("POST", "/api/v1/account/passkeys", json=body).status_code == 400


def test_the_pages_without_scripts(running_desk: RunningDesk, person: Person) -> None:
    """V7.4.3, V7.5.2: set up an app, keep the codes, sign in with one, and end all other sessions; all by plain forms."""
    html = {"accept": "text/html"}
    client, other = running_desk.client(person), running_desk.client(person)
    shown = client.get("/account/totp", headers=html)
    seed = re.search(r'id="seed">([A-Z2-7 ]+)<', shown.text)
    assert seed
    form = {"csrf": client.csrf, "challenge": field(CHALLENGE, shown), "name": "Phone <b>"}
    wrong = client.act("POST", "/account/totp", data={**form, "code": "000000"}, headers=html)
    assert wrong.status_code == 400
    assert seed[1] in wrong.text
    code = TOTP(seed[1].replace(" ", "")).now()
    codes = client.act("POST", "/account/totp", data={**form, "code": code}, headers=html)
    assert codes.status_code == 200
    assert "Phone &lt;b&gt;" in codes.text
    listed = re.findall(r"<code>([a-z2-7-]+)</code>", codes.text)
    assert len(listed) == 10
    # The page with the codes loaded anew is the form sent again.
    again = client.act("POST", "/account/totp", data={**form, "code": code}, headers=html)
    assert "It is set up already" in client.get(again.headers["location"], headers=html).text
    other_name = client.act("POST", "/account/totp", data={**form, "code": code, "name": "Tablet"}, headers=html)
    assert other_name.status_code == 409
    ended = client.act("POST", "/account/sessions/end-others", data={"csrf": client.csrf}, headers=html)
    assert ended.headers["location"] == "/account?done=others"
    assert other.get("/api/v1/session").status_code == 401
    with Client(running_desk.base) as browser:
        page = browser.get("/sign-in", headers=html)
        browser.take(page)
        form = {"csrf": field(CSRF, page), "email": person.email, "password": PASSWORD, "next": "/account"}
        second = browser.act("POST", "/sign-in", data=form, headers=html)
        form = {"csrf": field(CSRF, second), "challenge": field(CHALLENGE, second), "next": "/account"}
        wrong = browser.act("POST", "/sign-in/second", data={**form, "code": "123456"}, headers=html)
        assert wrong.status_code == 401
        assert field(CHALLENGE, wrong) == form["challenge"]
        none = browser.act("POST", "/sign-in/second", data={**form, "code": " "}, headers=html)
        assert "Type the code too" in none.text
        done = browser.act("POST", "/sign-in/second", data={**form, "code": listed[2]}, headers=html)
        assert (done.status_code, done.headers["location"]) == (303, "/account")
        browser.take(done)
        assert "9 recovery codes are left" in browser.get("/account", headers=html).text


def test_an_organisation_that_asks_for_a_second_factor(running_desk: RunningDesk) -> None:
    """V6.3.3: every page leads to the account until there is one; JSON is told why."""
    strict, chief = running_desk.populate("strict", ("Stella", Role.AGENT), ("Charles", Role.ADMIN))
    # Through the desk: what stands there without an entry has the organisation's log frozen.
    rules = {"second_factor": ["agent"], "idle_minutes": 60, "absolute_hours": 24}
    admin, path = running_desk.client(chief), "/api/v1/organisation/sign-in"
    version = admin.get(path).headers["etag"]
    assert admin.act("PUT", path, json=rules, headers={"if-match": version}).status_code == 200
    client = running_desk.client(strict)
    html = {"accept": "text/html"}
    assert client.get("/", headers=html).headers["location"] == "/account"
    assert "A second factor is asked for" in client.get("/account", headers=html).text
    refused = client.act("POST", "/api/v1/tickets", json={"subject": "x", "body": "y"})
    assert (refused.status_code, refused.json()["type"][-14:]) == (403, "/factor-needed")
    begun = client.act("POST", "/api/v1/account/totp/options").json()
    body = {"challenge": begun["challenge"], "code": TOTP(begun["secret"]).now()}
    added = client.act("POST", "/api/v1/account/totp", json=body)
    client.take(added)
    client.csrf = added.json()["csrf_token"]
    assert client.open("Now it works")


def test_switching_over_json(running_desk: RunningDesk, person: Person) -> None:
    """V7.2.4: a new cookie; the old one is dead; an organisation of others is not found."""
    foreign = running_desk.populate("foreign", ("Else", Role.AGENT))[0]
    client = running_desk.client(person)
    found = client.act("POST", "/api/v1/account/organisation", json={"organisation": str(running_desk.orgs["foreign"])})
    absent = client.act("POST", "/api/v1/account/organisation", json={"organisation": str(foreign.member)})
    assert found.status_code == absent.status_code == 404
    assert msgspec.json.decode(found.content)["detail"] == absent.json()["detail"]


def mailed(desk: RunningDesk, person: Person, purpose: str) -> tuple[str, str]:
    """The path of a link that was mailed to a person or in their name, and the address it is about."""
    token, email = new_token(), f"{new_token()[:12]}@harbour.test"
    desk.sql(
        "insert into sec.link (hash, purpose, person_id, email, email_norm, until)"
        " select $1, $2, person_id, $3::text, lower($3::text), now() + interval '1 hour' from app.member where member_id = $4",
        token_hash(token),
        purpose,
        email,
        person.member,
    )
    return f"/address/{token}", email


def test_another_address_on_another_device(running_desk: RunningDesk, person: Person) -> None:
    """V6.3.7: signed out, one is led to sign in and back; as somebody else, told so; old, to confirm and back; then it is settled."""
    html = {"accept": "text/html"}
    path, email = mailed(running_desk, person, "email")
    (other,) = running_desk.populate("factors", ("Otto", Role.AGENT))
    for client in (running_desk.client(), running_desk.client(other)):
        shown = client.get(path, headers=html)
        assert f'href="/sign-in?next={path}"' in shown.text
        assert ("somebody else" in shown.text) == bool(client.token)
        assert "<form" not in shown.text
        refused = client.act("POST", "/api/v1/address", json={"token": path.rpartition("/")[2]})
        assert refused.status_code == (404 if client.token else 401), refused.text
    client = running_desk.client(person)
    form = {"csrf": field(CSRF, client.get(path, headers=html))}
    grow_old(running_desk, person)
    led = client.act("POST", path, data=form, headers=html)
    assert (led.status_code, led.headers["location"]) == (303, f"/confirm?next={path}")
    running_desk.sql("update sec.session set confirmed_at = now() where member_id = $1", person.member)
    done = client.act("POST", path, data=form, headers=html)
    assert (done.status_code, 'role="status"' in done.text) == (200, True), done.text
    assert client.get("/api/v1/account/email").json() == {"email": email, "verified": True}


def test_a_change_is_stopped_without_signing_in(running_desk: RunningDesk, person: Person) -> None:
    """V6.3.7: by a plain form, which a mail scanner that only looks does not send."""
    html = {"accept": "text/html"}
    path, _ = mailed(running_desk, person, "email")
    stop, email = mailed(running_desk, person, "stop")
    browser = running_desk.client()
    assert email in browser.get(stop, headers=html).text
    shown = browser.get(stop, headers=html)
    browser.take(shown)
    done = browser.act("POST", stop, data={"csrf": field(CSRF, shown)}, headers=html)
    assert "stays as it is" in done.text, done.text
    assert running_desk.client(person).get(path, headers=html).status_code == 404


def test_a_second_step_that_is_over_says_so(running_desk: RunningDesk, person: Person) -> None:
    """Five wrong codes, and a choice of organisation that nobody gave: the sign-in form says why it is there again, and where it leads."""
    set_up_app(running_desk.client(person))
    html = {"accept": "text/html"}
    browser = running_desk.client()
    page = browser.get("/sign-in?next=/exports", headers=html)
    browser.take(page)
    form = {"csrf": field(CSRF, page), "email": person.email, "password": PASSWORD, "next": "/exports"}
    asked = browser.act("POST", "/sign-in", data=form, headers=html)
    answer = {"csrf": field(CSRF, asked), "challenge": field(CHALLENGE, asked), "next": "/exports", "code": "000000"}
    assert "I have lost both" in asked.text
    for _ in range(4):
        assert "was used before" in browser.act("POST", "/sign-in/second", data=answer, headers=html).text
    fifth = browser.act("POST", "/sign-in/second", data=answer, headers=html)
    assert ("the last of five tries" in fifth.text, 'action="/sign-in"' in fifth.text) == (True, True)
    over = browser.act("POST", "/sign-in/second", data=answer, headers=html)
    chosen = {"csrf": field(CSRF, over), "ticket": "A" * 43, "organisation": str(person.member), "next": "/exports"}
    for said in (over, browser.act("POST", "/sign-in/organisation", data=chosen, headers=html)):
        assert said.status_code == 401
        assert "took too long" in said.text
        assert 'action="/sign-in"' in said.text
        assert 'name="next" value="/exports"' in said.text


def test_a_change_of_address_that_waits(running_desk: RunningDesk, person: Person) -> None:
    """The page names where the link went, also later, and one click takes it back."""
    html = {"accept": "text/html"}
    client, new = running_desk.client(person), f"{new_token()[:12]}@harbour.test"
    form = {"csrf": client.csrf}
    asked = client.act("POST", "/account/email", data={**form, "email": new}, headers=html)
    assert f"A link is on its way to {new}" in asked.text
    assert f'A link was sent to <bdi class="strong">{new}</bdi>' in client.get("/account/email", headers=html).text
    dropped = client.act("POST", "/account/email/drop", data=form, headers=html)
    assert ("stays as it is" in dropped.text, new in dropped.text) == (True, False)


def test_too_late_to_stop_a_change(running_desk: RunningDesk) -> None:
    """Whoever comes when the change was made is told what is left to do; any other link that is over says less."""
    html = {"accept": "text/html"}
    late = running_desk.client().get(f"/address/{'A' * 43}?is=stop", headers=html)
    assert (late.status_code, 'href="/sign-in"' in late.text) == (404, True)
    assert "the mail that told of the change names the new address" in late.text
    assert "names the new address" not in running_desk.client().get(f"/address/{'A' * 43}", headers=html).text


def test_a_browser_that_is_held_back_is_offered_nothing_in_vain(running_desk: RunningDesk) -> None:
    """No button and no form for what would be refused, and words on all of it."""
    html = {"accept": "text/html"}
    (held,) = running_desk.populate("factors", ("Hal", Role.AGENT))
    client = running_desk.client(held)
    assert "Set up an authenticator app" in client.get("/account", headers=html).text
    running_desk.client(held)
    running_desk.sql("update sec.session set held_until = now() + interval '1 day' where member_id = $1", held.member)
    shown = client.get("/account", headers=html).text
    assert "If you have no other, wait" in shown
    assert "<form" not in shown.partition("<main")[2].partition("</main>")[0]
    for link in ("/account/password", "/account/email", "/account/totp", "/account/passkey", "/account/tokens"):
        assert f'href="{link}"' not in shown
    for path in ("/account/password", "/account/email"):
        page = client.get(path, headers=html).text
        assert ("in this browser yet" in page, f'action="{path}"' in page and 'type="password"' in page) == (
            True,
            False,
        )
        refused = client.act("POST", path, data={"csrf": client.csrf, "email": "a@b.test"}, headers=html)
        assert (refused.status_code, "To your account" in refused.text) == (403, True)


def test_a_form_to_sign_in_that_is_too_old(running_desk: RunningDesk, person: Person) -> None:
    """Without its cookie the form comes back with the address; where another tab signed in meanwhile, one goes on."""
    html = {"accept": "text/html"}
    page = running_desk.client().get("/sign-in?next=/exports", headers=html)
    form = {"csrf": field(CSRF, page), "email": person.email, "password": PASSWORD, "next": "/exports"}
    browser = running_desk.client()
    again = browser.act("POST", "/sign-in", data=form, headers=html)
    assert (again.status_code, "keep cookies" in again.text) == (403, True)
    assert f'name="email" value="{person.email}"' in again.text
    browser.take(again)
    done = browser.act("POST", "/sign-in", data={**form, "csrf": field(CSRF, again)}, headers=html)
    assert (done.status_code, done.headers["location"]) == (303, "/exports")
    signed_in = running_desk.client(person)
    signed_in.csrf = ""
    already = signed_in.act("POST", "/sign-in", data=form, headers=html)
    assert (already.status_code, "You are signed in already" in already.text) == (403, True)
    assert 'href="/exports">Go on' in already.text


def test_a_lock_counts_down(running_desk: RunningDesk, person: Person) -> None:
    """The e-mail stays, and the wait stands there once, in minutes, where a script counts it down."""
    html = {"accept": "text/html"}
    browser = running_desk.client()
    page = browser.get("/sign-in", headers=html)
    browser.take(page)
    form = {"csrf": field(CSRF, page), "email": person.email, "password": "wrong", "next": "/"}
    for _ in range(10):
        assert browser.act("POST", "/sign-in", data=form, headers=html).status_code == 401
    locked = browser.act("POST", "/sign-in", data=form, headers=html)
    wait = locked.headers["retry-after"]
    assert locked.status_code == 429
    assert f'data-countdown="{wait}"' in locked.text
    assert "You can go on in <b>15 minutes</b>" in locked.text
    assert locked.text.count(f'"{wait}"') == 1
    assert f"{wait} seconds" not in locked.text
    assert f'value="{person.email}"' in locked.text
    told = browser.post(
        "/api/v1/session", json={"email": person.email, "password": "x"}, headers={"origin": running_desk.base}
    )
    assert told.json()["detail"].endswith("Try again in 15 minutes.")


def test_a_confirmation_without_the_code_is_not_counted(running_desk: RunningDesk, person: Person) -> None:
    """What is missing is said, and no try at a code is used up by it; "Not now" leads to where nothing is asked."""
    client = running_desk.client(person)
    _, codes = set_up_app(client)
    grow_old(running_desk, person)
    html = {"accept": "text/html"}
    page = client.get("/confirm?next=/account/totp", headers=html)
    assert "To set up an authenticator app, show once more who you are" in page.text
    assert 'href="/account">Not now' in page.text
    assert f'value="{person.email}" autocomplete="username"' in page.text
    answer = {"csrf": client.csrf, "password": PASSWORD, "next": "/account/totp"}
    for _ in range(11):
        answer["challenge"] = field(CHALLENGE, page)
        page = client.act("POST", "/confirm", data=answer, headers=html)
        assert page.status_code == 400
        assert "Type the code too" in page.text
    answer = {**answer, "challenge": field(CHALLENGE, page), "code": codes[0]}
    assert client.act("POST", "/confirm", data=answer, headers=html).status_code == 303


def test_a_program_chooses_the_organisation(running_desk: RunningDesk, person: Person) -> None:
    """Whoever is in several and named none is told which, and the challenge of that answer leads into one of them."""
    running_desk.populate("elsewhere", ("Host", Role.ADMIN))
    added = running_desk.command(
        "person", "add", "--org", "elsewhere", "--role", "agent", "--name", "Fay", person.email
    )
    assert added.returncode == 0, added.stderr
    client = running_desk.client()
    asked = client.post("/api/v1/session", json={"email": person.email, "password": PASSWORD}).json()
    there = str(running_desk.orgs["elsewhere"])
    assert {each["organisation"] for each in asked["choose"]} == {str(running_desk.orgs[person.org]), there}
    answer = {"challenge": asked["challenge"], "organisation": there}
    entered = client.post("/api/v1/session/organisation", json=answer)
    assert (entered.status_code, entered.json()["organisation"]) == (200, there)
    assert client.post("/api/v1/session/organisation", json=answer).status_code == 401
