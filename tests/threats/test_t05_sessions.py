"""T05: a session is planted or stolen. Whatever raises what a session may do gives it a new id, and the old one is dead everywhere.

Also in a browser: `tests/browser/test_other_sites.py`. Expiry, the list of devices and revocation: `tests/account/test_devices.py` and
`tests/journey/test_all_routes.py`.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio
from pyotp.totp import TOTP

from direct import Application, Caller, Reply, seat, serve
from intruder import login
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core import clock
from sealdesk.members import commands as members
from sealdesk.people import commands as people
from sealdesk.people import founding, onetime
from sealdesk.people.founding import NewPerson
from sealdesk.web.tokens import new_token, token_hash
from world import PASSWORD, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

Step = Callable[[Application, Caller, str], Awaitable[Reply]]
"""What a person does with a session: the application, the browser and the person's address to the answer that brings the new id."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(stage: World) -> AsyncIterator[Application]:
    yield serve(stage, stage.folder)


@pytest_asyncio.fixture(loop_scope="module")
async def newcomer(application: Application) -> tuple[str, Actor]:
    """An agent of the first organisation who is a requester in the other one, too."""
    world, email = application.world, f"{secrets.token_hex(6)}@both.test"
    await world.seal()
    await founding.add_person(world.desk, world.acme.org, NewPerson(email, "Both", Role.AGENT, PASSWORD))
    await founding.add_person(world.desk, world.globex.org, NewPerson(email, "Both", Role.REQUESTER, PASSWORD))
    return email, await actor_of(world, await signed_in(application, email))


async def sign_in(application: Application, caller: Caller, email: str) -> Reply:
    document = {"email": email, "password": PASSWORD, "organisation": str(application.world.acme.org)}
    return await caller.ask("POST", "/api/v1/session", document=document)


async def signed_in(application: Application, email: str) -> Caller:
    """A browser with the session that signing in gave."""
    caller = Caller(application)
    caller.token = (await sign_in(application, caller, email)).cookie("__Host-sid")
    assert len(caller.token) == 43
    return caller


async def actor_of(world: World, caller: Caller) -> Actor:
    assert caller.token
    found = await world.desk.peek(token_hash(caller.token))
    assert found is not None
    return found


async def alive(application: Application, token: str, role: str) -> set[str]:
    """Where a session id still opens anything: over HTTP, for whoever looks it up, straight in the database."""
    world, found = application.world, set[str]()
    if (await Caller(application, token).ask("GET", "/api/v1/session")).status == 200:
        found.add("http")
    if await world.desk.peek(token_hash(token)) is not None:
        found.add("look-up")
    async with login(world, f"desk_{role}") as connection:
        try:
            async with connection.transaction():
                await connection.execute("select sec.enter($1)", token_hash(token))
                found.add("database")
        except asyncpg.InvalidAuthorizationSpecificationError:
            pass
    return found


EVERYWHERE = {"http", "look-up", "database"}


async def confirm(application: Application, caller: Caller, email: str) -> Reply:
    """Step-up."""
    return await caller.ask("POST", "/api/v1/session/confirm", document={"password": PASSWORD})


async def switch(application: Application, caller: Caller, email: str) -> Reply:
    """Going on in another organisation."""
    there = {"organisation": str(application.world.globex.org)}
    return await caller.ask("POST", "/api/v1/account/organisation", document=there)


async def finish(application: Application, caller: Caller, email: str) -> Reply:
    """Setting up the second factor without which the session may do nothing."""
    superuser = await application.world.superuser()
    await superuser.execute("update sec.session set weak = true where hash = $1", token_hash(str(caller.token)))
    await superuser.close()
    begun = (await caller.ask("POST", "/api/v1/account/totp/options")).json()
    document = {"challenge": begun["challenge"], "code": TOTP(begun["secret"]).now()}
    return await caller.ask("POST", "/api/v1/account/totp", document=document)


async def second_step(application: Application, caller: Caller, email: str) -> Reply:
    """Signing in once more with a second factor: until the code is shown, the old session is what there is."""
    begun = (await caller.ask("POST", "/api/v1/account/totp/options")).json()
    app, at = TOTP(begun["secret"]), clock.now()
    code = app.at(int(at.timestamp()))
    added = await caller.ask("POST", "/api/v1/account/totp", document={"challenge": begun["challenge"], "code": code})
    assert added.status == 200, added.text
    clock.set_source(lambda: at + timedelta(seconds=onetime.STEP))
    try:
        first = await sign_in(application, caller, email)
        assert (first.status, first.cookie("__Host-sid")) == (200, "")
        document = {"challenge": first.json()["challenge"], "code": app.at(int(clock.now().timestamp()))}
        document["organisation"] = str(application.world.acme.org)
        return await caller.ask("POST", "/api/v1/session/second", document=document)
    finally:
        clock.set_source(None)


RISES: list[Step] = [sign_in, second_step, confirm, finish, switch]


@pytest.mark.parametrize("step", RISES, ids=[step.__name__ for step in RISES])
async def test_the_id_is_another_after_each_rise_and_the_old_one_is_dead(
    application: Application, newcomer: tuple[str, Actor], step: Step
) -> None:
    email, _ = newcomer
    caller = await signed_in(application, email)
    old = str(caller.token)
    assert await alive(application, old, "agent") == EVERYWHERE
    reply = await step(application, caller, email)
    assert reply.status == 200, reply.text
    new = reply.cookie("__Host-sid")
    assert len(new) == 43
    assert new != old
    assert await alive(application, old, "agent") == set()
    role = "requester" if step is switch else "agent"
    assert await alive(application, new, role) == EVERYWHERE
    # The anti-CSRF token of the old id is of no use to the new one.
    caller.token, before = new, caller.csrf
    refused = await caller.ask("POST", "/api/v1/session/confirm/options", fields={"x-csrf-token": before})
    assert (refused.status, refused.json()["type"][-9:]) == (403, "bad-token")


async def test_an_id_that_somebody_planted_never_becomes_a_session(
    application: Application, newcomer: tuple[str, Actor]
) -> None:
    """A value of the attacker's own, in each cookie, under each name: after the victim's sign-in it opens nothing of the victim's."""
    email, victim = newcomer
    planted, attackers = new_token(), await seat(application, application.world.acme.requester)
    for token in (planted, str(attackers.token)):
        caller = Caller(application, token, presession=planted)
        cookies = f"__Host-sid={token}; __Host-pre={planted}; sid={token}; __Secure-sid={token}; session={token}; __Host-dev={planted}"
        document = {"email": email, "password": PASSWORD, "organisation": str(application.world.acme.org)}
        reply = await caller.ask("POST", "/api/v1/session", document=document, fields={"cookie": cookies})
        assert reply.status == 200
        assert reply.cookie("__Host-sid") not in ("", token, planted)
        found = await application.world.desk.peek(token_hash(token))
        assert found is None or found.member != victim.member
    assert await alive(application, planted, "agent") == set()


async def test_at_a_role_change_every_old_id_and_token_of_that_membership_is_dead(
    application: Application, newcomer: tuple[str, Actor]
) -> None:
    """At its commit, for sessions and for API tokens; the same person's session in another organisation goes on."""
    email, actor = newcomer
    browsers = [await signed_in(application, email) for _ in range(2)]
    elsewhere = await signed_in(application, email)
    elsewhere.token = (await switch(application, elsewhere, email)).cookie("__Host-sid")
    wanted = {"name": "t05", "permissions": ["thread.read", "note.read"], "days": 1}
    made = (await browsers[0].ask("POST", "/api/v1/account/tokens", document=wanted)).json()["token"]
    program = Caller(application, made, bearer=True)
    assert (await program.ask("GET", "/api/v1/threads")).status == 200
    admin = await seat(application, application.world.acme.admin)
    changed = await admin.ask("PATCH", f"/api/v1/members/{actor.member}", document={"role": "requester"})
    assert changed.status == 200, changed.text
    for token in (*(str(browser.token) for browser in browsers), made):
        for role in ("agent", "requester"):
            assert await alive(application, token, role) == set()
    assert (await program.ask("GET", "/api/v1/threads")).status == 401
    assert await alive(application, str(elsewhere.token), "requester") == EVERYWHERE


async def test_a_token_that_was_left_alive_is_weighed_anew(
    application: Application, newcomer: tuple[str, Actor]
) -> None:
    """The second line: what a token carries counts only as far as its owner's role goes, at each request."""
    email, actor = newcomer
    owner = await signed_in(application, email)
    wanted = {"name": "t05", "permissions": ["thread.read", "note.read", "ticket.work"], "days": 1}
    program = Caller(
        application, (await owner.ask("POST", "/api/v1/account/tokens", document=wanted)).json()["token"], bearer=True
    )
    thread = (await owner.ask("POST", "/api/v1/tickets", document={"subject": "a", "body": "b"})).json()["id"]
    ticket = f"/api/v1/threads/{thread}/ticket"
    assert (await program.ask("PATCH", ticket, document={"status": "pending"})).status == 200
    superuser = await application.world.superuser()
    await superuser.execute("update app.member set role = 'auditor' where member_id = $1", actor.member)
    await superuser.close()
    assert (await program.ask("PATCH", ticket, document={"status": "open"})).status == 403
    assert (await program.ask("GET", ticket)).status == 200


async def lying_about(application: Application, *secrets_given: str) -> set[str]:
    """Which of these texts stand anywhere in the database, plain or in the hex that binary columns are written in."""
    superuser = await application.world.superuser()
    tables = await superuser.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('app', 'ledger', 'sec')"
    )
    found = set[str]()
    for secret in secrets_given:
        shapes = [f"%{secret}%", f"%{secret.encode().hex()}%"]
        for table in tables:
            if await superuser.fetchval(
                f"select exists (select from {table['name']} t where t::text like any ($1))", shapes
            ):
                found.add(table["name"])
    await superuser.close()
    return found


async def test_what_is_stored_opens_nothing(application: Application, newcomer: tuple[str, Actor]) -> None:
    """Session ids, API tokens, challenges and the tokens of known browsers stand nowhere in the database, but for their hashes."""
    email, _ = newcomer
    caller = Caller(application)
    reply = await sign_in(application, caller, email)
    caller.token, device = reply.cookie("__Host-sid"), reply.cookie("__Host-dev")
    wanted = {"name": "t05", "permissions": ["thread.read"], "days": 1}
    made = (await caller.ask("POST", "/api/v1/account/tokens", document=wanted)).json()["token"]
    posed = (await caller.ask("POST", "/api/v1/session/confirm/options")).json()["challenge"]
    given = [caller.token, device, made, made.removeprefix("sdk_"), posed]
    assert all(len(each) >= 43 for each in given)
    assert await lying_about(application, *given) == set()
    assert "sec.session" in await lying_about(application, token_hash(caller.token).hex())


async def test_sabotage_of_fixation(
    application: Application, newcomer: tuple[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the id taken from the browser, whoever planted it would be in."""
    email, victim = newcomer
    planted = new_token()
    monkeypatch.setattr(people, "new_token", lambda: planted)
    await sign_in(application, Caller(application, presession=planted), email)
    found = await application.world.desk.peek(token_hash(planted))
    assert found is not None
    assert found.member == victim.member


async def test_sabotage_of_rotation(application: Application, newcomer: tuple[str, Actor]) -> None:
    """Where the row of the old id is kept beside the new one, it goes on opening everything."""
    email, _ = newcomer
    caller = await signed_in(application, email)
    superuser = await application.world.superuser()
    await superuser.execute(
        "create function public.keep_old() returns trigger language plpgsql security definer as $$ begin"
        " insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until)"
        " values (old.hash, old.kind, old.org_id, old.member_id, old.idle_for, old.hard_until); return null; end $$;"
        " create trigger keep_old after update of hash on sec.session for each row execute function public.keep_old()"
    )
    reply = await confirm(application, caller, email)
    assert reply.status == 200, reply.text
    assert await alive(application, str(caller.token), "agent") == EVERYWHERE
    await superuser.execute("drop function public.keep_old() cascade")
    await superuser.close()


async def test_sabotage_of_the_role_change(
    application: Application, newcomer: tuple[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a role change ends nothing, the old id lives; it has the new role's rights all the same."""
    email, actor = newcomer
    caller = await signed_in(application, email)
    monkeypatch.setattr(members, "ALL", list[str]())
    admin = await seat(application, application.world.acme.admin)
    changed = await admin.ask("PATCH", f"/api/v1/members/{actor.member}", document={"role": "requester"})
    assert changed.status == 200, changed.text
    assert await alive(application, str(caller.token), "requester") == EVERYWHERE
    assert (await caller.ask("GET", "/api/v1/session")).json()["role"] == "requester"


async def test_sabotage_of_the_hashes(application: Application, newcomer: tuple[str, Actor]) -> None:
    """An id that somebody kept as it is, is found."""
    email, _ = newcomer
    caller = await signed_in(application, email)
    superuser = await application.world.superuser()
    await superuser.execute(
        "update sec.session set label = $2 where hash = $1", token_hash(str(caller.token)), caller.token
    )
    await superuser.close()
    assert await lying_about(application, str(caller.token)) == {"sec.session"}
