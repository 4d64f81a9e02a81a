"""Mail that waits: sealed, sent once the server is there, none lost, and given up in the end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from structlog.testing import capture_logs

from mailserver import Mailbox, arrived, mailbox
from sealdesk.core.mail import Server, Smtp
from sealdesk.people import happenings, letters, outbox
from sealdesk.people.outbox import TRIES, Mail, Outbox
from world import World

BASE = "https://desk.test"


def postman(world: World, box: Mailbox) -> Outbox:
    return Outbox(world.desk, Smtp(Server.of_url(f"smtp://127.0.0.1:{box.port}")), "Desk <desk@desk.test>", BASE)


async def post(world: World, *mails: Mail) -> None:
    pool = await world.desk.database.pool("desk_gate")
    for mail in mails:
        await outbox.queue(pool, world.desk.sealer, mail)


async def sql(world: World, query: str, *arguments: object) -> list[dict[str, object]]:
    connection = await world.superuser()
    try:
        return [dict(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def due_now(world: World) -> None:
    await sql(world, "update sec.mail set due_at = clock_timestamp() - interval '1 second' where not failed")


@asynccontextmanager
async def at_work(work: Outbox) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(work.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def test_it_works(world: World) -> None:
    """What waits is sealed whole; the letter comes with its link, as text and as HTML."""
    box = mailbox()
    await post(world, Mail("ada@example.org", "reset", {"path": "/reset/canary"}))
    (row,) = await sql(world, "select * from sec.mail")
    assert b"canary" not in bytes(row["sealed"])  # pyright: ignore[reportArgumentType]
    assert b"ada" not in bytes(row["sealed"])  # pyright: ignore[reportArgumentType]
    with box.open():
        assert await postman(world, box).deliver() == 1
        assert await postman(world, box).deliver() == 0
    ((recipients, message),) = box.received
    assert recipients == ["ada@example.org"]
    for part in message.iter_parts():
        assert f"{BASE}/reset/canary" in part.get_content()
    assert await sql(world, "select 1 from sec.mail") == []


async def test_none_is_lost_while_the_server_is_down(world: World) -> None:
    """Down for three tries, then refusing for one: each letter comes exactly once."""
    box, count = mailbox(), 12
    await post(world, *(Mail(f"p{number}@example.org", "credential.changed/password") for number in range(count)))
    work = postman(world, box)
    for _ in range(3):
        await work.deliver()
        await due_now(world)
    box.answer = "421 not now"
    with box.open():
        assert await work.deliver() == 0
    box.answer = "250 OK"
    await due_now(world)
    with box.open():
        async with at_work(work):
            await arrived(box, count)
    assert sorted(recipients[0] for recipients, _ in box.received) == sorted(f"p{n}@example.org" for n in range(count))


async def test_a_worker_that_dies_before_it_says_so_sends_again_under_the_same_id(world: World) -> None:
    box = mailbox()
    await post(world, Mail("ada@example.org", "device.added/new"))
    with box.open():
        pool = await world.desk.database.pool("desk_worker")
        (taken,) = await pool.fetch("select * from sec.take_mail(10)")  # taken, sent by nobody knows whom, not settled
        assert await postman(world, box).deliver() == 0  # put off meanwhile
        await due_now(world)
        assert await postman(world, box).deliver() == 1
    assert box.received[0][1]["Message-ID"] == f"<{taken['mail_id']}@desk.test>"


async def test_each_try_waits_longer_and_the_last_is_told(world: World) -> None:
    """Given up after eight, with a record for whoever is on duty; nothing of the letter stays or shows."""
    box, waits = mailbox(), []
    await post(world, Mail("canary@example.org", "reset", {"path": "/reset/canary"}))
    with capture_logs() as logs:
        for _ in range(TRIES):
            await due_now(world)
            await postman(world, box).deliver()
            (row,) = await sql(world, "select due_at - clock_timestamp() as wait from sec.mail")
            waits.append(row["wait"])
    assert waits == sorted(waits)
    assert waits[0] > timedelta(seconds=25)
    (told,) = [each for each in logs if each["event"] == "mail_given_up"]
    assert (told["owasp"], told["tries"], told["log_level"]) == ("sys_monitor_disabled", TRIES, "error")
    assert "canary" not in str(logs)
    (row,) = await sql(world, "select failed, sealed from sec.mail")
    assert row == {"failed": True, "sealed": bytes(29)}
    with box.open():
        assert await postman(world, box).deliver() == 0


async def test_a_letter_that_can_not_be_written_holds_up_no_other(world: World) -> None:
    box = mailbox()
    await post(
        world,
        Mail("no address\r\nBcc: thief@evil.test", "reset", {"path": "/x"}),
        Mail("ada@example.org", "device.added/new"),
    )
    await sql(
        world,
        "insert into sec.mail (mail_id, sealed, void) values (gen_random_uuid(), decode(repeat('ab', 60), 'hex'), false)",
    )
    with box.open(), capture_logs() as logs:
        assert await postman(world, box).deliver() == 1
    assert sorted(each["reason"] for each in logs) == ["UnfitHeader", "Unopenable"]


def test_every_letter_can_be_written_and_escapes_what_people_typed() -> None:
    """ASVS V1.1.2: a name is text in both parts."""
    typed = ("organisation", "inviter", "name", "role", "token", "hint", "day", "until", "asker")
    data = dict.fromkeys(typed, "<b>&x") | {"path": "/x"}
    for name in letters.LETTERS:
        letter = letters.write("ada@example.org", name, data, BASE)
        assert "<b>&x" not in letter.html
        assert letter.subject
        for part in (letter.text, letter.html):
            assert f"{BASE}/x" in part or not letters.LETTERS[name].link
    assert "by <bdi>&lt;b&gt;&amp;x</bdi>." in letters.write("a@b.test", "invitation", data, BASE).html
    invitation = letters.write("a@b.test", "invitation", data, BASE)
    assert "&lt;b&gt;&amp;x" in invitation.html
    assert "<b>&x" in invitation.text


def test_what_somebody_is_called_is_no_sentence_of_a_letter() -> None:
    """ASVS V1.1.2: a letter comes from the desk, and whoever chose the name of its sender has written none of it."""
    data = {
        "organisation": "Acme",
        "inviter": "Your account is locked: evil.test/now unlocks it",
        "role": "agent",
        "path": "/x",
    }
    for link in (
        "EVIL.com",
        "//evil",
        "https:evil.com:8080",
        "see evil.com?x=1 now",
        "write to me@evil",
        "evil．com／x",
        "tel:+49 evil",
        "evil․com",
    ):
        other = letters.write("a@b.test", "recovery.waits", data | {"asker": link, "name": link}, BASE)
        assert "evil" not in (other.subject + other.text + other.html).lower()
    assert "Ann O'Neil jr." in letters.write("a@b.test", "invitation", data | {"inviter": "Ann O'Neil jr."}, BASE).text
    letter = letters.write("a@b.test", "invitation", data, BASE)
    assert "evil" not in letter.text + letter.html
    assert "You are invited to Acme as agent, by an admin." in letter.text
    long = letters.write("a@b.test", "invitation", data | {"inviter": "prose " * 50}, BASE)
    assert len(long.text) < len(letter.text) + 60


async def test_what_happened_is_recorded_everywhere_and_told_once(world: World) -> None:
    """ASVS V6.3.5 and V6.3.7: an entry in each organisation of the person, one notice to the person."""
    (person,) = await sql(world, "select person_id, email from sec.person where email_norm = 'agent@acme.test'")
    member = UUID(int=7)
    await sql(
        world,
        "insert into app.member (org_id, member_id, person_id, role, name) values ($1, $2, $3, 'agent', 'A')",
        world.globex.org,
        member,
        person["person_id"],
    )
    await sql(
        world, "select sec.tell($1, 'credential.changed', 'factor_added.totp', $2)", person["person_id"], world.acme.org
    )
    about = '{"browser": "Firefox on Linux"}'
    await sql(world, "select sec.tell($1, 'device.added', 'new', null, $2)", person["person_id"], about)
    assert await happenings.settle(world.desk) == 4
    assert await happenings.settle(world.desk) == 0
    rows = await sql(
        world,
        "select org_id, type from ledger.entry where stream_id = any ($1) and type in ('credential.changed', 'device.added')"
        " order by type, org_id",
        [member, world.acme.agent.member],
    )
    # The caller in acme records the factor itself.
    expected = [
        (world.globex.org, "credential.changed"),
        *((org, "device.added") for org in sorted((world.acme.org, world.globex.org))),
    ]
    assert [(row["org_id"], row["type"]) for row in rows] == expected
    box = mailbox()
    with box.open():
        assert await postman(world, box).deliver() == 2
    assert {recipients[0] for recipients, _ in box.received} == {"agent@acme.test"}
    told = {message["Subject"]: [part.get_content() for part in message.iter_parts()] for _, message in box.received}
    assert set(told) == {"A second factor was added", "Signed in from a new browser"}
    for part in told["Signed in from a new browser"]:
        # What one needs to judge it, and to do about it.
        for said in ("Firefox on Linux", "When", "UTC", f"{BASE}/account", f"{BASE}/forgotten"):
            assert said in part
