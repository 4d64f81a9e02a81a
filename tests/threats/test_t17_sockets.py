"""T17: sockets that are hijacked, outlive a right, tell too much, or are used to flood.

RFC 6455 itself is `tests/web/test_live_sockets.py`; here raw sockets are opened at the running desk.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from itertools import count as counting
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from raw_sockets import PING, TEXT, Over, Raw, frame
from running import Client, Person, RunningDesk, running
from sealdesk.abuse.patience import PATIENCE
from sealdesk.access.permissions import Role
from sealdesk.core.bells import Bells
from sealdesk.core.settings import Settings
from sealdesk.live import leases, serving
from sealdesk.people import commands
from sealdesk.people.sessions import Issued, Visit
from sealdesk.threads import reach
from sealdesk.threads.model import Draft, Thread
from sealdesk.tickets.commands import open_request
from sealdesk.web import caps
from sealdesk.web.origin import Origins
from sealdesk.web.server import bind, make_server
from sealdesk.web.socket_protocol import GuardedSocket
from threats.inside import desk_of
from world import PASSWORD, World

OF_MEMBER, OF_ADDRESS, _ = Settings.load({}).sockets
_sources = counting(2)


def source() -> str:
    """An address that no socket came from yet."""
    number = next(_sources)
    return f"127.77.{number >> 8}.{number & 255}"


class House:
    """A desk with people, a client for each, and a conversation of the first."""

    def __init__(self, desk: RunningDesk, name: str) -> None:
        self.desk = desk
        roles = (Role.REQUESTER, Role.REQUESTER, Role.AGENT, Role.ADMIN, Role.AUDITOR)
        self.people = desk.populate(name, *((role.title(), role) for role in roles))
        self.requester, self.stranger, self.agent, self.admin, self.auditor = map(desk.client, self.people)
        self.thread = self.requester.open()

    def open(self, client: Client | None, **headers: str) -> Raw:
        """A socket with the client's cookie; without a client, one that has to show a ticket."""
        base = self.desk.base
        cookie = {"Cookie": f"__Host-sid={client.token}"} if client else {}
        given = {**cookie, "Origin": base, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return Raw.open(base, given, source=source())

    def watching(self, client: Client, thread: str = "") -> Raw:
        """A socket that looks at a conversation, by default the house's."""
        raw = self.open(client)
        assert raw.status == 101, raw.body
        raw.say(type="watch", thread=thread or self.thread)
        raw.hear("watching")
        return raw

    def ticket(self, client: Client) -> str:
        return str(client.act("POST", "/api/v1/live/tickets").json()["ticket"])

    def member(self, client: Client) -> str:
        return str(client.get("/api/v1/session").json()["member"])

    def log(self, event: str, **wanted: object) -> bool:
        """Whether the desk logs such an event, within a few seconds."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            lines = [json.loads(line) for line in self.desk.log.read_text().splitlines() if line.startswith("{")]
            if any(
                each["event"] == event and all(each.get(name) == value for name, value in wanted.items())
                for each in lines
            ):
                return True
            time.sleep(0.2)
        return False


@pytest.fixture(scope="module")
def house(running_desk: RunningDesk) -> House:
    return House(running_desk, "sockets")


@pytest.fixture(scope="module")
def two() -> Iterator[House]:
    """Two web processes, and few frames a minute for each person."""
    with running(WEB_PROCESSES="2", LIMITS="live:person=60/minute") as desk:
        yield House(desk, "twins")


def test_it_works(house: House) -> None:
    """Bells on both sides within a quarter of a second, who is there, who writes, who has read; and never a word of it."""
    with house.watching(house.requester) as theirs, house.watching(house.agent) as ours:
        began = time.monotonic()
        house.agent.say(house.thread, "a secret word")
        told = theirs.hear("bell")
        assert time.monotonic() - began < 2
        assert told == {"type": "bell", "thread": house.thread, "stream": "thread", "seq": told["seq"]}
        assert ours.hear("bell") == told
        theirs.say(type="typing", thread=house.thread)
        assert ours.hear("typing")["who"]["name"] == "Requester"
        theirs.say(type="read", thread=house.thread, seq=told["seq"])
        assert ours.hear("read")["mark"]["seq"] == told["seq"]
        theirs.say(type="read", thread=house.thread, seq=2**53 - 1)
        assert ours.silent("read", 0.5), "nobody has read what is not there"
        state = f"/api/v1/threads/{house.thread}/state"
        assert house.agent.act("POST", state, json={"act": "lock", "code": "legal", "reason": "r"}).status_code == 200
        theirs.say(type="typing", thread=house.thread)
        assert ours.silent("typing", 0.5), "nobody writes where nobody may"
        assert house.agent.act("POST", state, json={"act": "unlock", "code": "legal", "reason": "r"}).status_code == 200
        theirs.connection.close()
        assert ours.hear("present")["present"] == []
        assert "secret" not in json.dumps([theirs.texts, ours.texts])
    with house.watching(house.agent) as raw:
        assert [each["seq"] for each in raw.texts[-1]["read"]] == [told["seq"]]
        raw.say(type="watch", thread=(other := house.requester.open()), only=True)
        raw.hear("watching")
        for thread in (house.thread, other):
            house.requester.say(thread, "where are you?")
        assert raw.hear("bell")["thread"] == other
        assert raw.silent("bell", 0.5) or raw.texts[-1]["thread"] == other, "it is watched in place of the former"


def test_lists_are_the_desk_s_and_say_nothing_of_where(house: House) -> None:
    """Many bells are one; another organisation's are none; a requester, who would hear how busy the desk is, is refused."""
    neighbours = House(house.desk, "neighbours")
    with ExitStack() as stack:
        ours, theirs, foreign = (
            stack.enter_context(each.open(who))
            for each, who in ((house, house.auditor), (house, house.requester), (neighbours, neighbours.agent))
        )
        for raw in (ours, theirs, foreign):
            raw.hear("ready")
            raw.say(type="list")
        assert theirs.hear("refused")["status"] == 403
        for text in ("one", "two"):
            house.requester.say(house.thread, text)
        assert ours.hear("list") == {"type": "list"}
        assert ours.silent("list", 1.5)
        house.agent.say(house.thread, "for us", "internal")
        assert ours.hear("list") == {"type": "list"}
        ours.say(type="list", on=False)
        house.requester.say(house.thread, "three")
        assert all(raw.silent("list", 2.5 if raw is ours else 0.1) for raw in (ours, theirs, foreign))


def test_of_the_desk_s_own_work_requesters_hear_nothing(house: House) -> None:
    """No bell of a note, not who looks, not how far staff have read who have said nothing; of those who wrote, all of it."""
    thread = house.requester.open()
    with ExitStack() as stack:
        theirs, ours = (stack.enter_context(house.open(client)) for client in (house.requester, house.agent))
        for raw in (theirs, ours):
            raw.say(type="watch", thread=thread)
            first = raw.hear("watching")
        assert first["ticket"] is not None
        house.agent.say(thread, "between us", "internal")
        assert ours.hear("bell")["stream"] == "ticket"
        ours.say(type="read", thread=thread, seq=1)
        assert theirs.silent("bell", 1) or theirs.silent("bell", 1)
        # The bell of what they said themselves may come late.
        told = [
            each for each in theirs.texts if each != {"type": "bell", "thread": thread, "stream": "thread", "seq": 2}
        ]
        assert [each["type"] for each in told] == ["ready", "watching"]
        assert told[-1] == {**told[-1], "ticket": None, "present": [], "read": []}
        assert house.requester.get(f"/api/v1/threads/{thread}/read").json() == []
        for on in (True, False):
            ours.say(type="typing", thread=thread, on=on)
            told = theirs.hear("typing")
            assert (told["who"]["name"], UUID(told["who"]["member"]).int, told["on"]) == ("Somebody of the desk", 0, on)
        assert house.member(house.agent) not in json.dumps(theirs.texts)
        auditor = stack.enter_context(house.open(house.auditor))
        auditor.say(type="watch", thread=thread)
        auditor.hear("watching")
        auditor.say(type="typing", thread=thread)
        assert auditor.hear("refused")["status"] == 403
        house.agent.say(thread, "to you")
        assert theirs.hear("bell")["stream"] == "thread"
        ours.say(type="read", thread=thread, seq=3)
        assert theirs.hear("read")["mark"]["seq"] == 3
        assert [each["name"] for each in theirs.hear("present")["present"]] == ["Agent"], "who has written is seen"
        ours.say(type="typing", thread=thread)
        assert theirs.hear("typing")["who"]["name"] == "Agent"
    marks = house.requester.get(f"/api/v1/threads/{thread}/read").json()
    assert [each["member"] for each in marks] == [house.member(house.agent)]


ORIGINS = [
    "",
    "null",
    "http://evil.test",
    "https://127.0.0.1",
    "{base}.evil.test",
    "{base}/",
    "{upper}",
    "{base}, {base}",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_origin_opens_nothing(house: House, origin: str) -> None:
    base = house.desk.base
    text = origin.format(base=base, upper=base.upper())
    with house.open(house.agent, Origin=text) as raw:
        assert raw.status == 403
        assert json.loads(raw.body)["type"].endswith("bad-origin")


def test_another_site_s_request_opens_nothing(house: House) -> None:
    """An Origin of ours does not help a request of which the browser says that it comes from elsewhere."""
    with house.open(house.agent, Sec_Fetch_Site="cross-site") as raw:
        assert raw.status == 403
    with house.open(house.agent, Sec_Fetch_Site="same-origin") as raw:
        assert raw.status == 101
    assert house.log("bad_origin", member=house.member(house.agent), route="/api/v1/live")


def test_a_dead_session_and_a_bearer_token_open_nothing(house: House) -> None:
    gone = house.desk.client(house.people[2])
    assert gone.act("DELETE", "/api/v1/session").status_code == 204
    with house.open(gone) as raw:
        assert raw.status == 401
    with house.open(None, Authorization="Bearer " + "A" * 43) as raw:
        assert raw.status == 400
    with house.open(house.agent, Host="evil.test") as raw:
        assert raw.status == 421


def test_a_ticket_opens_one_socket(house: House) -> None:
    """For a bearer token too; used once, within its life, by a live session, as the first frame."""
    wanted = {"name": "live", "permissions": ["thread.read"], "days": 1}
    made = house.agent.act("POST", "/api/v1/account/tokens", json=wanted).json()
    with Client(house.desk.base) as program:
        program.headers["authorization"] = f"Bearer {made['token']}"
        ticket = program.post("/api/v1/live/tickets").json()["ticket"]
    with house.open(None) as raw:
        raw.say(type="ticket", ticket=ticket)
        assert raw.hear("ready")["member"] == house.member(house.agent)
        raw.say(type="watch", thread=house.thread)
        assert raw.hear("watching")["seq"] >= 2
        raw.say(type="ticket", ticket=house.ticket(house.agent))
        assert raw.over().code == 1008
    assert refused_ticket(house, {"type": "ticket", "ticket": ticket}) == 1008, "used before"
    assert refused_ticket(house, {"type": "ticket", "ticket": "A" * 43}) == 1008
    assert refused_ticket(house, {"type": "ticket", "ticket": made["token"]}) == 1008
    assert refused_ticket(house, {"type": "watch", "thread": house.thread}) == 1008
    late = house.ticket(house.agent)
    house.desk.sql("update sec.live_ticket set until = clock_timestamp()")
    assert refused_ticket(house, {"type": "ticket", "ticket": late}) == 1008
    gone = house.desk.client(house.people[2])
    dead = house.ticket(gone)
    gone.act("DELETE", "/api/v1/session")
    assert refused_ticket(house, {"type": "ticket", "ticket": dead}) == 1008
    stored = house.desk.sql("select encode(hash, 'escape') as text from sec.live_ticket")
    assert ticket not in str(stored)
    assert all(each not in house.desk.log.read_text() for each in (ticket, late, dead))


def refused_ticket(house: House, first: Mapping[str, object]) -> int | None:
    with house.open(None) as raw:
        assert raw.status == 101
        raw.say(**first)
        return raw.over().code


def test_who_shows_nothing_has_five_seconds(house: House) -> None:
    with house.open(None) as raw:
        began = time.monotonic()
        assert raw.over(20).code == 1008
        assert serving.TICKET_SECONDS - 0.5 < time.monotonic() - began < serving.TICKET_SECONDS + 3


def test_what_is_out_of_reach_is_as_if_it_were_not(house: House) -> None:
    """Byte for byte, for every frame that names a conversation, and each is a probe on record."""
    other = House(house.desk, "elsewhere")
    with house.open(house.stranger) as raw:
        raw.hear("ready")
        answers: set[bytes] = set()
        for kind in ({"type": "watch"}, {"type": "read", "seq": 1}, {"type": "typing"}):
            for thread in (house.thread, other.thread, str(uuid4())):
                raw.write(frame(TEXT, json.dumps({**kind, "thread": thread}).encode()))
                answers.add(raw.next_frame()[1])
        assert len(answers) == 1
        assert json.loads(answers.pop())["status"] == 404
        house.agent.say(house.thread, "not for you")
        assert raw.silent("bell", 0.5)
    assert house.log(
        "suspicious_activity", kind="foreign-id", member=house.member(house.stranger), route="/api/v1/live"
    )


NO_FRAMES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b'"watch"',
    b"{",
    b'{"type":"watch"}',
    b'{"type":"post","thread":"%s","body":"x"}',
    b'{"type":"watch","thread":"%s","org":"x"}',
    b'{"type":"watch","thread":"%s","thread":"%s"}',
    b'{"type":"watch","type":"watch","thread":"%s"}',
    b'{"type":"watch","thread":"%s","on":1}',
    b'{"type":"watch","thread":"%s","only":"yes"}',
    b'{"type":"typing","thread":"%s","only":true}',
    b'{"type":"watch","thread":"../%s"}',
    b'{"type":"watch","thread":["%s"]}',
    b'{"type":"read","thread":"%s"}',
    b'{"type":"read","thread":"%s","seq":0}',
    b'{"type":"read","thread":"%s","seq":1.5}',
    b'{"type":"read","thread":"%s","seq":"1"}',
    b'{"type":"read","thread":"%s","seq":9007199254740992}',
    b'{"type":"read","thread":"%s","seq":NaN}',
    b'{"type":"typing","thread":"%s","on":null}',
    b'{"type":"watch","thread":"%s"} {}',
    b'\xef\xbb\xbf{"type":"watch","thread":"%s"}',
    b'{"type":"\\u0000","thread":"%s"}',
    b'{"type":"watch","thread":"%s","\\ud800":1}',
    b"[" * 40_000,
    b'{"type":"watch","thread":"' + b"a" * 60_000 + b'"}',
]


def test_what_is_no_frame_ends_the_socket(house: House) -> None:
    """JSON of one of the known forms, without unknown and doubled fields; nothing of it comes back."""
    client = house.desk.client(house.people[2])
    for text in NO_FRAMES:
        house.desk.sql("delete from sec.counter")
        with house.open(client) as raw:
            raw.hear("ready")
            raw.write(frame(TEXT, text.replace(b"%s", house.thread.encode())))
            end = raw.over()
            assert end.code == 1008, text
            assert house.thread not in end.reason
            assert raw.texts[1:] == [], text


def ends(raw: Raw, seconds: float) -> Over:
    """How it ends, which has to be within so many seconds."""
    began = time.monotonic()
    end = raw.over()
    assert time.monotonic() - began < seconds
    return end


WAYS = ("sign-out", "revoked", "role", "deactivated", "removed", "expired")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_taken_away_ends_within_a_second(house: House, way: str) -> None:
    """Sockets, and polls that wait: in each way a right can end."""
    role = Role.REQUESTER if way == "removed" else Role.AGENT
    (who,) = house.desk.populate("sockets", (way, role))
    whom = house.desk.client(who)
    thread = whom.open() if way == "removed" else house.thread
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        waiting = pool.submit(whom.get, f"/api/v1/threads/{thread}/messages?after=9999.9999&wait=20")
        time.sleep(0.3)
        raws = [stack.enter_context(house.watching(whom, thread)) for _ in range(2)]
        began = time.monotonic()
        take_away(house, way, who, whom, thread)
        taken = time.monotonic()
        codes = {ends(raw, 1.0 + taken - began).code for raw in raws}
        assert codes == {4404 if way == "removed" else 4401}
        answer = waiting.result(10)
        assert answer.status_code == (404 if way == "removed" else 401)
        assert time.monotonic() - taken < 2


def take_away(own: House, way: str, who: Person, whom: Client, thread: str) -> None:
    member = str(who.member)
    match way:
        case "sign-out":
            with own.desk.client() as again:
                again.kept, again.token, again.csrf = dict(whom.kept), whom.token, whom.csrf
                again.headers["cookie"] = whom.headers["cookie"]
                done = again.act("DELETE", "/api/v1/session")
        case "revoked":
            own.desk.sql("update sec.session set ended_at = clock_timestamp() where member_id = $1", who.member)
            return
        case "expired":
            own.desk.sql("update sec.session set hard_until = clock_timestamp() where member_id = $1", who.member)
            return
        case "removed":
            change = {"member": member, "present": False, "reason": "enough"}
            done = own.agent.act("POST", f"/api/v1/threads/{thread}/participants", json=change)
        case _:
            version = own.admin.get(f"/api/v1/members/{member}").headers["etag"]
            change: dict[str, Any] = {"role": "auditor"} if way == "role" else {"active": False}
            done = own.admin.act("PATCH", f"/api/v1/members/{member}", json=change, headers={"if-match": version})
    assert done.status_code in (200, 204), done.text


def test_five_of_a_member_and_twenty_of_an_address(two: House) -> None:
    """Over both processes; one that ends makes room, and one whose process was killed does within its lease."""
    two.desk.sql("delete from sec.counter")
    with ExitStack() as stack:
        raws = [stack.enter_context(two.open(two.agent)) for _ in range(OF_MEMBER)]
        assert {raw.status for raw in raws} == {101}
        with two.open(two.agent) as beyond:
            assert beyond.status == 429
            assert b"retry-after" in beyond.answer.lower()
            kind = json.loads(beyond.body)["type"].rpartition("/")[2]
        assert two.log("rate_limit_violation", member=two.member(two.agent))
        assert ("rate.limited", kind.replace("-", "_")) not in PATIENCE, "many windows are no haste"
        with two.open(None) as beyond:
            beyond.say(type="ticket", ticket=two.ticket(two.agent))
            assert beyond.over().code == 1013
        raws[0].connection.close()
        assert wait_for(lambda: two.open(two.agent), 101)
        place, base = source(), two.desk.base
        crowd = [stack.enter_context(Raw.open(base, {"Origin": base}, source=place)) for _ in range(OF_ADDRESS)]
        assert {raw.status for raw in crowd} == {101}
        with Raw.open(base, {"Origin": base}, source=place) as beyond:
            assert beyond.status == 429
    assert two.log("rate_limit_violation", member=two.member(two.agent), route="/api/v1/live")


def wait_for(opening: Any, status: int) -> bool:
    """Whether a socket opens so within some seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with opening() as raw:
            if raw.status == status:
                return True
        time.sleep(0.3)
    return False


def processes(two: House, raws: list[Raw]) -> int:
    """By how many processes these sockets are served."""
    ports = {raw.connection.getsockname()[1] for raw in raws}
    found = 0
    for pid in two.desk.pids("web server"):
        lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        inodes = {line.split()[9] for line in lines if int(line.split()[2].split(":")[1], 16) in ports}
        found += any(inode in links(pid) for inode in inodes)
    return found


def in_both(stack: ExitStack, two: House, client: Client) -> list[Raw]:
    """Two sockets, one in each process: the kernel chooses, so it is asked until it has chosen so."""
    raws = [two.watching(client)]
    for _ in range(40):
        raws.append(two.watching(client))
        if processes(two, raws) == 2:
            for raw in raws:
                stack.enter_context(raw)
            two.desk.sql("delete from sec.counter")
            return raws
        raws.pop().connection.close()
        time.sleep(0.1)
        two.desk.sql("delete from sec.counter")
    raise AssertionError("all connections go to one process")


def links(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    names = (str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir())
    return {name[8:-1] for name in names if name.startswith("socket:[")}


def test_what_happens_in_one_process_is_told_in_the_other(two: House) -> None:
    """Bells, who is there, who writes, who has read, and what was taken away: to the sockets of both."""
    two.desk.sql("delete from sec.counter")
    with ExitStack() as stack:
        theirs, ours = in_both(stack, two, two.requester), in_both(stack, two, two.agent)
        for raw in ours:
            raw.say(type="list")
        two.desk.client(two.people[3]).say(two.thread, "hello to both")
        assert {raw.hear("bell")["stream"] for raw in theirs + ours} == {"thread"}
        assert {raw.hear("list")["type"] for raw in ours} == {"list"}
        theirs[0].say(type="typing", thread=two.thread)
        theirs[0].say(type="read", thread=two.thread, seq=3)
        assert {raw.hear("typing")["who"]["name"] for raw in ours} == {"Requester"}
        assert {raw.hear("read")["mark"]["seq"] for raw in ours} == {3}
        ours[0].say(type="typing", thread=two.thread)
        assert {raw.hear("typing")["who"]["name"] for raw in theirs} == {"Somebody of the desk"}
        two.desk.client(two.people[2]).say(two.thread, "and by name")
        seq = max(raw.hear("bell")["seq"] for raw in ours)
        ours[0].say(type="read", thread=two.thread, seq=seq)
        assert {each["name"] for raw in theirs for each in raw.hear("present")["present"]} == {"Agent"}
        for raw in ours:
            raw.say(type="typing", thread=two.thread)
            assert {each.hear("typing")["who"]["name"] for each in theirs} == {"Agent"}
        for raw in theirs:
            raw.connection.close()
        for raw in ours:
            while any(each["name"] == "Requester" for each in raw.hear("present")["present"]):
                pass
        two.desk.sql("update sec.session set ended_at = clock_timestamp() where member_id = $1", two.people[2].member)
        assert {ends(raw, 1.5).code for raw in ours} == {4401}
    two.agent = two.desk.client(two.people[2])


def test_frames_and_requests_are_one_count(two: House) -> None:
    """From four sockets and over HTTP, in two processes at once: sixty in a minute, no more and no less."""
    client = two.desk.client(two.people[3])
    two.desk.sql("delete from sec.counter")
    with ExitStack() as stack:
        raws = [stack.enter_context(two.watching(client)) for _ in range(4)]
        pool = stack.enter_context(ThreadPoolExecutor(8))
        asking = [pool.submit(flood, raw, two.thread) for raw in raws]
        posting = [pool.submit(post, two, client) for _ in range(4)]
        framed, posted = sum(each.result() for each in asking), sum(each.result() for each in posting)
    # A handshake and the first watching of each socket count too.
    assert 2 * len(raws) + framed + posted == 60
    assert posted > 0
    assert framed > 0
    assert two.log("rate_limit_violation", member=two.member(two.admin), route="/api/v1/live")


def flood(raw: Raw, thread: str) -> int:
    """Ask until the socket is closed, or eighteen times; how many frames were taken."""
    taken = 0
    try:
        for _ in range(18):
            raw.say(type="watch", thread=thread)
            raw.hear("watching")
            taken += 1
    except (Over, OSError):
        pass
    return taken


def post(two: House, client: Client) -> int:
    """Move the read mark until that is refused; how often it was taken."""
    taken = 0
    with Client(two.desk.base) as own:
        own.headers["cookie"], own.csrf = client.headers["cookie"], client.csrf
        for _ in range(60):
            answer = own.act("POST", f"/api/v1/threads/{two.thread}/read", json={"seq": 1})
            if answer.status_code != 204:
                assert answer.status_code == 429
                break
            taken += 1
    return taken


# What a mitigation that was taken out would look like: the same questions, of the application in this process, behind a socket of its own.


@pytest.fixture(name="bare")
async def in_process(world: World) -> AsyncIterator[str]:
    """The address of a desk in this process; what is patched here is patched there."""
    async with inside(world) as base:
        yield base


@asynccontextmanager
async def inside(world: World, **settings: str) -> AsyncGenerator[str]:
    """The same with settings of its own."""
    world.desk.bells = bells = Bells(b"s" * 32, partial(world.desk.database.connect, "desk_gate"))
    with bind("127.0.0.1", 0) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = make_server(desk_of(world, origins=base, **settings))
        serving_ = asyncio.create_task(server._serve([listener]))
        others = [asyncio.create_task(work) for work in (bells.run(), reach.run(world.desk.database, bells.guests))]
        for _ in range(500):
            if server.started:
                break
            await asyncio.sleep(0.02)
        yield base
        server.should_exit = True
        await serving_
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def session(world: World, email: str) -> str:
    issued = await commands.sign_in(
        world.desk, email, PASSWORD, None, Visit({"address": "", "agent": "", "session": ""})
    )
    assert isinstance(issued, Issued)
    return issued.token


async def opened(base: str, token: str, **headers: str) -> Raw:
    return await asyncio.to_thread(Raw.open, base, {"Origin": base, "Cookie": f"__Host-sid={token}", **headers})


async def outlives(world: World, base: str) -> bool:
    """Whether a socket goes on for two seconds after its session ended."""
    token = await session(world, "agent@acme.test")
    with await opened(base, token) as raw:
        await asyncio.to_thread(raw.hear, "ready")
        connection = await world.superuser()
        await connection.execute("update sec.session set ended_at = clock_timestamp()")
        await connection.close()
        try:
            await asyncio.to_thread(raw.over, 2)
        except TimeoutError:
            return True
        return False


async def test_who_says_nothing_is_let_go(world: World) -> None:
    """After the idle time: each frame puts it off, and pings, which any library sends by itself, don't."""
    idle = 2
    async with inside(world, sockets=f"5,20,{idle}") as base:
        with await opened(base, await session(world, "agent@acme.test")) as raw:
            await asyncio.to_thread(raw.hear, "ready")
            for _ in range(2):
                await asyncio.sleep(idle * 0.6)
                raw.say(type="watch", thread=str(uuid4()))
                assert (await asyncio.to_thread(raw.hear, "refused"))["status"] == 404
            said = time.monotonic()
            await asyncio.sleep(idle * 0.9)
            raw.write(frame(PING))
            assert (await asyncio.to_thread(raw.over, 20)).code == serving.IDLE
            assert idle - 0.1 <= time.monotonic() - said < idle * 1.9


async def test_sabotage_of_the_origin(world: World, bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check of the handshake another site's page opens a socket with the cookie."""
    base, token = bare, await session(world, "agent@acme.test")
    with await opened(base, token, Origin="http://evil.test") as raw:
        assert raw.status == 403
    monkeypatch.setattr(Origins, "demand", anything)
    with await opened(base, token, Origin="http://evil.test") as raw:
        assert raw.status == 101


async def test_sabotage_of_the_reach(world: World, bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody looks again, a socket outlives its session."""
    base = bare
    assert not await outlives(world, base)
    monkeypatch.setattr(reach, "over", nobody)
    assert await outlives(world, base)


def anything(*_: object) -> None:
    """What a check is that was taken out."""


def never(_: object) -> bool:
    """What a count is that is never full."""
    return False


async def nobody(*_: object) -> list[object]:
    """What looking again is without looking."""
    return []


async def test_sabotage_of_the_counts(world: World, bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the counts of leases and frames a member has as many sockets as they like, and says what they like."""
    base, token = bare, await session(world, "agent@acme.test")
    assert await sockets_of(base, token) == OF_MEMBER
    monkeypatch.setattr(leases.Leases, "count_member", nobody)
    assert await sockets_of(base, token) == OF_ADDRESS
    monkeypatch.setattr(GuardedSocket, "_beyond", never)
    await asyncio.sleep(0.5)
    with await opened(base, token) as raw:
        for _ in range(caps.SOCKET_FRAMES + 5):
            raw.write(frame(PING))
        await asyncio.to_thread(raw.hear, "ready")
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(raw.over, 1)


async def sockets_of(base: str, token: str) -> int:
    """How many sockets open at once, of twenty-one."""
    with ExitStack() as stack:
        raws = [stack.enter_context(await opened(base, token)) for _ in range(OF_ADDRESS + 1)]
        return sum(raw.status == 101 for raw in raws)


async def test_the_question_of_all_is_the_one_that_every_read_asks(world: World) -> None:
    """`sec.live_reach` and row security are two statements of one rule: for everybody and every conversation they agree."""
    threads = [
        await open_request(world.desk, cast.requester, "Hi", Draft("first"), "portal", key=None, origin=None)
        for cast in (world.acme, world.globex)
    ]
    people = [*world.acme.everybody(), *world.globex.everybody()]
    stays = [(actor.session_hash, thread) for actor in people for thread in (*threads, uuid4())]
    over = set(await reach.over(world.desk.database, stays))
    for actor in people:
        async with world.desk.read(actor) as work:
            for thread in threads:
                found = await Thread.find(work, thread, ())
                assert (found is None) == ((actor.session_hash, thread) in over), (actor.role, thread)
    assert len(over) < len(stays)
