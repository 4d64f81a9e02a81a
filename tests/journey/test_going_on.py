"""What a person relies on when something comes between: an ended session, a long conversation, a role that may not."""

import html
import re
from uuid import uuid4

import httpx
import pytest

from running import Client, RunningDesk
from sealdesk.access.permissions import Role

PAGE = {"accept": "text/html"}
TYPED = "What I wrote for half an hour <b>"


@pytest.fixture(scope="module")
def people(running_desk: RunningDesk) -> tuple[Client, Client]:
    """An agent and a requester of one organisation."""
    agent, requester = running_desk.populate("going", ("Ada Agent", Role.AGENT), ("Rob Requester", Role.REQUESTER))
    return running_desk.client(agent), running_desk.client(requester)


def form(client: Client, path: str, **fields: str) -> tuple[int, str]:
    """Post a page's form as a browser does."""
    fields = {"csrf": client.csrf, "idempotency_key": uuid4().hex, **fields}
    answer = client.post(path, data=fields, headers={**PAGE, "origin": str(client.base_url).rstrip("/")})
    return answer.status_code, answer.text


def test_all_of_a_long_conversation_is_reached_by_its_pages(people: tuple[Client, Client]) -> None:
    _, requester = people
    thread = requester.open("Long")
    for number in range(105):
        assert requester.say(thread, f"line {number}.").status_code == 201
    found: list[str] = []
    path: str | None = f"/c/{thread}"
    while path:
        page = requester.get(path, headers=PAGE)
        assert page.status_code == 200, path
        found = re.findall(r"line \d+\.", page.text) + found
        earlier = re.search(r'href="(/c/[^"]*earlier=[^"]*)"', page.text)
        path = html.unescape(earlier[1]) if earlier else None
    assert list(dict.fromkeys(found)) == [f"line {number}." for number in range(105)]


def test_nothing_new_stands_under_an_earlier_stretch(people: tuple[Client, Client]) -> None:
    """A page of it follows what becomes of its own messages, and leads to the newest ones."""
    agent, requester = people
    thread = requester.open("Looking back", "the first")
    for number in range(61):
        assert agent.say(thread, f"line {number}.").status_code == 201
    page = requester.get(f"/c/{thread}", headers=PAGE).text
    assert "newest messages" not in page
    earlier = re.search(r'href="(/c/[^"]*earlier=[^"]*)"', page)
    assert earlier
    page = requester.get(html.unescape(earlier[1]), headers=PAGE).text
    assert f'href="/c/{thread}">Show the newest messages' in page
    asked = re.search(r'hx-get="([^"]*)&amp;wait=', page)
    assert asked
    agent.say(thread, "brand new")
    message = requester.get(f"/api/v1/threads/{thread}/messages?limit=2").json()["messages"][0]["id"]
    wanted = {"mode": "withhold", "code": "other"}
    assert agent.act("POST", f"/api/v1/threads/{thread}/messages/{message}/redaction", json=wanted).is_success
    news = requester.get(html.unescape(asked[1]), headers=PAGE).text
    assert "brand new" not in news
    assert 'class="stub"' in news
    again = re.search(r'hx-get="([^"]*)&amp;wait=', news)
    assert again
    assert "old=yes" in again[1]


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's first form."""
    found = re.search(r"<form\b.*?</form>", page, re.DOTALL)
    assert found, page
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[0])
    return {name: html.unescape(value) for name, value in fields}


def post(client: Client, path: str, fields: dict[str, str]) -> httpx.Response:
    """Send a form exactly as it stands there."""
    return client.post(path, data=fields, headers={**PAGE, "origin": str(client.base_url).rstrip("/")})


@pytest.mark.parametrize("after", ["٣", "1.٣", "-1", "1e1", "9" * 19])
def test_a_cursor_that_is_none_is_named(people: tuple[Client, Client], after: str) -> None:
    agent, _ = people
    answer = agent.get(f"/api/v1/threads/{agent.open()}/messages", params={"after": after})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/after"


def test_what_a_role_may_not_do_on_its_own_conversation_is_said(people: tuple[Client, Client]) -> None:
    _, requester = people
    thread = requester.open("Mine")
    for refused in (
        requester.say(thread, "a note", "internal"),
        requester.act("PUT", f"/api/v1/threads/{thread}/ticket"),
    ):
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "not-permitted")
    assert requester.say(str(uuid4()), "a note", "internal").status_code == 404


def test_a_body_where_none_is_taken_is_refused(people: tuple[Client, Client]) -> None:
    agent, _ = people
    thread = agent.open()
    assert agent.act("PUT", f"/api/v1/threads/{thread}/ticket", json={"a": 1}).status_code == 400
    status, _ = form(agent, "/sign-out", foo="1")
    assert status == 400
    assert agent.get("/api/v1/session").status_code == 200


@pytest.mark.parametrize("path", ["/new", "/c/{thread}/messages", "/exports/new"])
def test_what_was_typed_outlives_the_session(
    running_desk: RunningDesk, people: tuple[Client, Client], path: str
) -> None:
    (person,) = running_desk.populate("going", ("Ned", Role.AGENT))
    client = running_desk.client(person)
    thread = client.open()
    assert client.act("DELETE", "/api/v1/session").status_code == 204
    fields = {"/exports/new": {"purpose": TYPED}, "/new": {"subject": "A subject", "body": TYPED}}
    typed = fields.get(path, {"body": TYPED})
    status, page = form(client, path.format(thread=thread), **typed)
    assert status == 401
    assert html.escape(TYPED) in page
    assert "Your session has ended, and nothing was sent yet" in page
    # Signing in at that page gives the form back, and it is sent as it was.
    browser = running_desk.client()
    browser.take(browser.get("/sign-in", headers=PAGE))
    asked = {**hidden(page), "csrf": hidden(browser.get("/sign-in", headers=PAGE).text)["csrf"]}
    entered = post(browser, "/sign-in", {**asked, "email": person.email, "password": person.password})
    assert entered.status_code == 200
    browser.take(entered)
    waiting = hidden(entered.text)
    assert {name: waiting[name] for name in typed} == typed
    assert f'action="{path.format(thread=thread)}"' in entered.text
    sent = post(browser, path.format(thread=thread), waiting)
    assert sent.status_code == (400 if path == "/exports/new" else 303), sent.text


def test_a_form_is_no_way_around_what_a_form_may_hold(running_desk: RunningDesk) -> None:
    """What comes back through a question is a form of this desk and its own fields, or nothing."""
    (person,) = running_desk.populate("going", ("Nat", Role.AGENT))
    for carried in (
        '{"action":"//evil.example/new","fields":{}}',
        '{"action":"/nowhere","fields":{}}',
        '{"action":"/new","fields":{"role":"admin"}}',
        '{"action":"/account/password","fields":{"new":"x"}}',
        "{",
    ):
        browser = running_desk.client()
        asked = browser.get("/sign-in?next=/new", headers=PAGE)
        browser.take(asked)
        form = {**hidden(asked.text), "carried": carried, "email": person.email, "password": person.password}
        entered = post(browser, "/sign-in", form)
        assert (entered.status_code, entered.headers["location"]) == (303, "/new"), carried


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/members/00000000-0000-7000-8000-000000000001/role", "/members/00000000-0000-7000-8000-000000000001"),
        ("/members/%0d%E9x/role", "/members/%0D%EF%BF%BDx"),
        ("/members/sessions/end", "/members"),
        ("/rules/sign-in", "/rules"),
        ("/sign-in/second", "/sign-in"),
        ("/account/recovery-codes", "/account"),
    ],
)
def test_the_address_of_a_form_leads_to_its_page(people: tuple[Client, Client], path: str, place: str) -> None:
    """Enter in the address bar after a refused form."""
    led = people[0].get(path, headers=PAGE)
    assert led.status_code in (303, 400), led.text
    assert led.headers.get("location", place) == place
    assert people[0].get(path).status_code in (405, 400)


def test_a_refused_form_leads_back_to_its_page(people: tuple[Client, Client]) -> None:
    status, page = form(people[0], "/members/new", email="x@y.test", name="A Name", role="agent")
    assert status == 403
    assert 'href="/members/new"' in page
    assert "A Name" in page


def test_the_sign_in_page_says_that_a_session_ended(running_desk: RunningDesk) -> None:
    (person,) = running_desk.populate("going", ("Nan", Role.AGENT))
    client = running_desk.client(person)
    assert "ended" not in client.get("/sign-in", headers=PAGE).text
    assert client.act("DELETE", "/api/v1/session").status_code == 204
    answer = client.get("/?view=open", headers=PAGE)
    assert answer.status_code == 303
    assert "Your session has ended" in client.get(answer.headers["location"], headers=PAGE).text
    assert running_desk.client().get("/", headers=PAGE).headers["location"] == "/sign-in?next=/"
