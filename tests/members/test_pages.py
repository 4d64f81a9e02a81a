"""Members and rules over HTTP, as a browser without scripts has them: what is said after each act, and what a refusal keeps."""

import html
import re
from uuid import UUID, uuid4

import httpx
import pytest

from running import Client, Person, RunningDesk
from sealdesk.access.permissions import Role

PAGE = {"accept": "text/html"}


@pytest.fixture(name="people", scope="module")
def crew(running_desk: RunningDesk) -> tuple[Person, Person]:
    """An admin and an agent."""
    admin, agent = running_desk.populate("crew", ("Mona Admin", Role.ADMIN), ("Ada Agent", Role.AGENT))
    return admin, agent


@pytest.fixture(name="admin", scope="module")
def signed_in(running_desk: RunningDesk, people: tuple[Person, Person]) -> Client:
    return running_desk.client(people[0])


def send(client: Client, path: str, **fields: str) -> httpx.Response:
    """A form of a page; a page that it leads to is followed."""
    form = {"csrf": client.csrf, **fields}
    answer = client.post(path, data=form, headers={**PAGE, "origin": str(client.base_url).rstrip("/")})
    return client.get(answer.headers["location"], headers=PAGE) if answer.status_code == 303 else answer


def version(client: Client, path: str, at: int = 0) -> str:
    """The hidden version of a form of the page."""
    return html.unescape(re.findall(r"name=\"version\" value='([^']+)'", client.get(path, headers=PAGE).text)[at])


def said(answer: httpx.Response) -> str:
    """What the page says was done, or not."""
    return html.unescape(" ".join(re.findall(r'class="flash \w+"[^>]*>.*?<span>(.*?)</span>', answer.text)))


def change(client: Client, member: UUID, what: str, **fields: str) -> httpx.Response:
    path = f"/members/{member}"
    return send(client, f"{path}/{what}", version=version(client, path), **fields)


def test_each_act_is_told_as_what_it_was(running_desk: RunningDesk, admin: Client) -> None:
    (person,) = running_desk.populate("crew", ("Rita Role", Role.AGENT))
    for what, fields, told in (
        ("role", {"role": "auditor"}, "Their role is changed, and all their sessions here have ended."),
        ("role", {"role": "auditor"}, "It was so already; nothing was changed."),
        ("access", {"active": "no"}, "Their access has ended"),
        ("access", {"active": "yes"}, "They can sign in here again."),
    ):
        assert said(change(admin, person.member, what, **fields)).startswith(told)


def test_somebody_who_never_joined_can_be_invited_again(running_desk: RunningDesk, admin: Client) -> None:
    """An open invitation is sent again by one button; a withdrawn one says so, and leads to the form, filled in."""
    email = f"nia-{uuid4().hex[:6]}@crew.test"
    fields = {"name": "Nia <b>", "email": email, "role": "auditor"}
    send(admin, "/members/new", idempotency_key=uuid4().hex, **fields)
    member = running_desk.sql(
        "select member_id from sec.person join app.member using (person_id) where email = $1", email
    )[0]
    page = admin.get(f"/members/{member['member_id']}", headers=PAGE).text
    hidden = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.partition('action="/members/new"')[2])
    )
    again = {name: html.unescape(text) for name, text in hidden.items()}
    assert {name: again[name] for name in fields} == fields
    assert said(send(admin, "/members/new", **again)) == "The invitation is on its way."
    withdrawn = change(admin, member["member_id"], "access", active="no")
    assert said(withdrawn) == "The invitation is withdrawn; its link no longer works."
    assert "withdrawn</span>" in withdrawn.text
    assert "Give access back" not in withdrawn.text
    assert "withdrawn</span>" in admin.get("/members", headers=PAGE).text
    filled = admin.get(f"/members/new?again={member['member_id']}", headers=PAGE).text
    assert f'value="{email}"' in filled
    assert 'value="Nia &lt;b&gt;"' in filled
    assert re.search(r'value="auditor" required checked', filled)


def test_a_stale_change_shows_what_is_so_and_keeps_the_choice(running_desk: RunningDesk, admin: Client) -> None:
    (person,) = running_desk.populate("crew", ("Stan Stale", Role.AGENT))
    path = f"/members/{person.member}"
    old = version(admin, path)
    change(admin, person.member, "role", role="requester")
    refused = send(admin, f"{path}/role", version=old, role="auditor")
    assert refused.status_code == 412
    assert "Somebody else changed this member" in said(refused)
    assert "<dt>Role</dt><dd>requester</dd>" in refused.text
    assert re.search(r'value="auditor" checked', refused.text)
    new = html.unescape(re.findall(r"name=\"version\" value='([^']+)'", refused.text)[0])
    assert said(send(admin, f"{path}/role", version=new, role="auditor")).startswith("Their role is changed")


def test_the_choice_outlives_a_name_that_was_not_written(people: tuple[Person, Person], admin: Client) -> None:
    refused = change(admin, people[0].member, "role", role="agent")
    assert refused.status_code == 409
    assert re.search(r'value="agent" checked', refused.text)


def test_rules_that_do_not_fit_or_are_stale_keep_what_was_chosen(admin: Client) -> None:
    fields = {"idle_minutes": "240", "absolute_hours": "8", "auditor": "yes"}
    refused = send(admin, "/rules/sign-in", version=version(admin, "/rules"), **{**fields, "idle_minutes": "2"})
    assert refused.status_code == 400
    assert said(refused) == "Minutes without use: it has to be 5 or more."
    assert 'name="idle_minutes" min="5" max="1440" required value="2" aria-invalid="true"' in refused.text
    assert 'name="auditor" value="yes" checked' in refused.text
    stale = send(admin, "/rules/sign-in", version='"77"', **fields)
    assert stale.status_code == 412
    assert "This was changed in the meantime" in said(stale)
    assert "Now nobody needs a second factor" in said(stale)
    assert 'required value="240"' in stale.text
    bad = "https://shop.example\nshop.example"
    refused = send(admin, "/rules/origins", version=version(admin, "/rules", 1), origins=bad)
    assert said(refused).startswith("Number 2 in the list is not an origin.")
    assert bad in html.unescape(refused.text)
    stale = send(admin, "/rules/origins", version='"77"', origins="https://shop.example")
    assert (stale.status_code, "Now these are allowed: none." in said(stale)) == (412, True)
    assert ">https://shop.example</textarea>" in stale.text


def test_ending_what_everybody_has_open_asks_first(running_desk: RunningDesk) -> None:
    """The page says how much there is, and the organisation's name has to be written."""
    boss, agent = running_desk.populate("fleet", ("Flo Boss", Role.ADMIN), ("Al Agent", Role.AGENT))
    admin, other = running_desk.client(boss), running_desk.client(agent)
    wanted = {"name": "Script", "permissions": ["thread.read"], "days": 7}
    assert other.act("POST", "/api/v1/account/tokens", json=wanted).status_code == 201
    page = admin.get("/members", headers=PAGE).text
    assert "1 session and 1 API token." in page
    for wrong in ("", "fleet"):
        refused = send(admin, "/members/sessions/end", confirm=wrong)
        assert refused.status_code == 409
        assert "Nothing has ended" in said(refused)
    assert other.get("/api/v1/session").status_code == 200
    assert said(send(admin, "/members/sessions/end", confirm=" Fleet ")).startswith(
        "Everybody else has been signed out"
    )
    assert other.get("/api/v1/session").status_code == 401
    assert admin.get("/api/v1/session").status_code == 200


def test_a_dead_link_says_what_to_do(running_desk: RunningDesk) -> None:
    for path, title, way in (
        (f"/reset/{'A' * 43}", "This link is over", "/forgotten"),
        (f"/invitation/{'A' * 43}", "This invitation is over", "/sign-in"),
        (f"/address/{'A' * 43}", "This link is over", "/account/email"),
    ):
        page = running_desk.client().get(path, headers=PAGE)
        assert page.status_code == 404
        assert f"<h1>{title}</h1>" in page.text
        assert f'class="btn primary" href="{way}"' in page.text


def test_the_list_by_the_page(running_desk: RunningDesk, admin: Client) -> None:
    """More than a page has a way on and one back to the first; what is looked for stays in both; without scripts, too."""
    running_desk.populate("crew", *((f"Nora Numbered {number:02}", Role.REQUESTER) for number in range(53)))
    first = admin.get("/members", params={"q": "nora numbered"}, headers=PAGE).text
    assert 'value="nora numbered"' in first
    assert first.count('class="member-row"') == 50
    (on,) = re.findall(r'href="([^"]+)" rel="next"', first)
    last = admin.get(html.unescape(on), headers=PAGE).text
    assert re.findall(r'<bdi class="strong">([^<]+)</bdi>', last) == [
        f"Nora Numbered {number}" for number in (50, 51, 52)
    ]
    assert 'rel="next"' not in last
    assert '<a class="btn" href="/members" rel="first">' in last
    assert "Nobody matches" in admin.get("/members", params={"q": "x" * 254}, headers=PAGE).text
    assert admin.get("/members", params={"q": "x" * 255}, headers=PAGE).status_code == 400
    assert admin.get("/members", params={"after_member": "x"}, headers=PAGE).status_code == 400
    answer = admin.get("/api/v1/members", params={"q": "Nora", "limit": 30}).json()
    rest = admin.get("/api/v1/members", params={"q": "Nora", "limit": 30, "after_member": answer["next"]}).json()
    assert (len(answer["members"]), len(rest["members"]), rest["next"]) == (30, 23, None)
