"""Who may ask for which bundle, and who may have it."""

import asyncio
import io
import zipfile
from uuid import UUID, uuid4

import pytest

from evidence import SECRET, WHERE, ask, build, bundle_of, converse, entry_types, fetch, found
from holding import holding, waits
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.account.tokens_commands import Wanted as WantedToken
from sealdesk.account.tokens_commands import issue
from sealdesk.core.errors import KeyReused, NotPermitted, OutsideReach, SignedOut
from sealdesk.exports import commands, queries
from sealdesk.exports.commands import Asked
from sealdesk.exports.model import NotBuilt, RedactedSince
from sealdesk.exports.scope import Query, Threads, Tickets
from sealdesk.members.commands import Wanted, change_member, end_sessions
from sealdesk.people import commands as people
from sealdesk.people.sessions import Issued, Visit
from sealdesk.redactions.commands import redact
from sealdesk.redactions.model import Wanted as Redaction
from sealdesk.threads.states import change_participant
from sealdesk.unit import Key
from sealdesk.web.tokens import token_hash
from world import PASSWORD, World


async def test_it_works(world: World) -> None:
    """From request to download every step is an entry, in the export's own stream."""
    export = await ask(world, world.acme.requester, await converse(world, world.acme))
    assert export.state == "queued"
    await build(world, world.acme.auditor, export.id)
    await fetch(world, world.acme.requester, export.id)
    async with world.desk.read(world.acme.auditor) as work:
        types = await entry_types(work, export.id)
    assert types == ["export.requested", "export.built", "export.downloaded"]


async def test_another_tenant_and_a_stranger_find_nothing(world: World) -> None:
    """Not the conversation, not the export, not the bundle."""
    thread = await converse(world, world.acme)
    export = await ask(world, world.acme.requester, thread)
    await build(world, world.acme.auditor, export.id)
    for actor in (world.acme.stranger, world.acme.agent, *world.globex.everybody()):
        with pytest.raises(OutsideReach):
            await commands.download(world.desk, actor, export.id, origin=None)
        async with world.desk.read(actor) as work:
            with pytest.raises(OutsideReach):
                await queries.export(work, export.id)
            assert await queries.exports(work, None) == ([], None)
    for actor in (world.acme.stranger, *world.globex.everybody()):
        with pytest.raises(OutsideReach):
            await ask(world, actor, thread)
    for actor in world.globex.everybody():
        with pytest.raises(OutsideReach):
            await ask(world, actor, Tickets((1,)))


async def test_admins_and_auditors_reach_all_exports_of_their_organisation(world: World) -> None:
    export = await ask(world, world.acme.requester, await converse(world, world.acme))
    for actor in (world.acme.admin, world.acme.auditor):
        async with world.desk.read(actor) as work:
            listed, more = await queries.exports(work, None)
        assert ([shown.export.id for shown in listed], more) == ([export.id], None)
        assert (listed[0].scope, listed[0].purpose, listed[0].requester) == (
            "1 conversation",
            "Case 2026-118",
            "Requester",
        )


@pytest.mark.parametrize("name", ["requester", "agent"])
async def test_queries_over_the_organisation_are_for_admins_and_auditors(world: World, name: str) -> None:
    with pytest.raises(NotPermitted):
        await ask(world, getattr(world.acme, name), Query())


@pytest.mark.parametrize(
    ("name", "audience"),
    [("requester", Role.AGENT), ("agent", Role.ADMIN), ("admin", Role.AUDITOR), ("auditor", Role.ADMIN)],
)
async def test_nobody_asks_for_more_than_they_may_see(world: World, name: str, audience: Role) -> None:
    thread = await converse(world, world.acme)
    with pytest.raises(NotPermitted):
        await commands.request_export(
            world.desk, getattr(world.acme, name), Asked("x", Threads((thread,)), audience), key=None
        )


async def test_a_job_acts_for_who_asked_and_shows_no_more(world: World) -> None:
    """ASVS V8.3.3: the worker may read everything; what it builds holds what the asker could read, and a token's scope counts."""
    thread, other = await converse(world, world.acme), await converse(world, world.acme, "Second")
    agent = world.acme.agent
    tokens = {
        "narrow": frozenset({"export.request", "export.read", "thread.read"}),
        "wide": frozenset({"export.request", "export.read", "note.read"}),
    }
    actors = {"requester": world.acme.requester, "agent": agent}
    for name, scopes in tokens.items():
        token, _ = await issue(world.desk, agent, WantedToken(name, scopes, 1))
        found = await world.desk.peek(token_hash(token))
        assert found is not None
        actors[name] = found
    for name, actor in actors.items():
        data = b"".join(parts((await bundle_of(world, actor, thread)).read_bytes()))
        hidden = [each for each in (SECRET, *WHERE.values()) if each.encode() in data]
        assert hidden == ([] if name in ("requester", "narrow") else [SECRET, *WHERE.values()]), name
        assert str(other).encode() not in data
    with pytest.raises(NotPermitted):
        wider = Asked("x", Threads((thread,)), Role.AGENT)
        await commands.request_export(world.desk, actors["narrow"], wider, key=None)


def parts(data: bytes) -> list[bytes]:
    """What the files of a bundle hold."""
    with zipfile.ZipFile(io.BytesIO(data)) as container:
        return [container.read(name) for name in container.namelist()]


async def test_whose_role_is_lowered_keeps_no_bundle_of_the_former_one(world: World) -> None:
    """ASVS V8.3.2: what an agent had built is out of reach from the change on, but for requesters' bundles of what they take part in."""
    thread = await converse(world, world.acme)
    agent, admin = world.acme.agent, world.acme.admin
    asked = [Asked("x", Threads((thread,)), audience) for audience in (Role.AGENT, Role.REQUESTER)]
    staff, public = [(await commands.request_export(world.desk, agent, each, key=None)).id for each in asked]
    for export in (staff, public):
        await build(world, world.acme.auditor, export)
    await change_member(world.desk, admin, agent.member, Wanted(role=Role.REQUESTER), lambda _: None)
    email = await member_email(world, agent.member)
    issued = await people.sign_in(world.desk, email, PASSWORD, None, Visit({}))
    assert isinstance(issued, Issued)
    assert issued.actor.role is Role.REQUESTER
    for export in (staff, public):
        await demand_out_of_reach(world, issued.actor, export)
    await change_participant(world.desk, admin, thread, agent.member, "takes part now", present=True)
    await commands.download(world.desk, issued.actor, public, origin=None)
    await demand_out_of_reach(world, issued.actor, staff)
    async with world.desk.read(issued.actor) as work:
        listed, _ = await queries.exports(work, None)
        assert [each.export.id for each in listed] == [public]
    # Who is shown out while they wait for it gets it no more: what leaves is not taken back.
    async with holding(world, "select from ledger.stream where stream_id = $1 for update", public) as held:
        (late,) = await waits(held, commands.download(world.desk, issued.actor, public, origin=None))
        await end_sessions(world.desk, admin, agent.member)
    with pytest.raises(SignedOut):
        await late


async def demand_out_of_reach(world: World, actor: Actor, export: UUID) -> None:
    """Neither the bundle nor its page nor a line of the list."""
    with pytest.raises(OutsideReach):
        await commands.download(world.desk, actor, export, origin=None)
    async with world.desk.read(actor) as work:
        with pytest.raises(OutsideReach):
            await queries.export(work, export)
        assert export not in [each.export.id for each in (await queries.exports(work, None))[0]]


async def test_a_redaction_since_is_seen_whoever_asks(world: World) -> None:
    """Put out of a conversation, nobody keeps a bundle of it; let in again, they get none from before a redaction."""
    acme = world.acme
    thread, other = await converse(world, acme), await converse(world, acme, "Second")
    for each in (thread, other):
        await change_participant(world.desk, acme.agent, each, acme.stranger.member, "a colleague", present=True)
    export = (await ask(world, acme.stranger, Threads((thread, other)))).id
    await build(world, acme.auditor, export)
    await fetch(world, acme.stranger, export)
    await change_participant(world.desk, acme.agent, thread, acme.stranger.member, "left", present=False)
    await demand_out_of_reach(world, acme.stranger, export)
    async with world.desk.read(acme.agent) as work:
        message = await work.value(
            "select message_id from app.message where thread_id = $1 order by at limit 1", thread
        )
    assert isinstance(message, UUID)
    await redact(world.desk, acme.agent, thread, message, Redaction("withhold", "pii"), key=None)
    await demand_out_of_reach(world, acme.stranger, export)
    async with world.desk.read(acme.stranger) as work:  # the database says so, whatever the reader reaches
        assert await work.value("select sec.redacted_since($1)", export) is True
        assert (
            await work.rows("select 1 from ledger.entry where stream_kind = 'export' and stream_id = $1", export) == []
        )
    await change_participant(world.desk, acme.agent, thread, acme.stranger.member, "back", present=True)
    with pytest.raises(RedactedSince):
        await commands.download(world.desk, acme.stranger, export, origin=None)


async def test_a_token_without_notes_gets_no_bundle_with_them(world: World) -> None:
    """The audience is asked when the bundle is handed out as well: a token may be narrower than the session that asked."""
    agent, thread = world.acme.agent, await converse(world, world.acme)
    asked = [Asked("x", Threads((thread,)), audience) for audience in (Role.AGENT, Role.REQUESTER)]
    staff, public = [(await commands.request_export(world.desk, agent, each, key=None)).id for each in asked]
    await build(world, world.acme.auditor, staff)
    await build(world, world.acme.auditor, public)
    token, _ = await issue(world.desk, agent, WantedToken("narrow", frozenset({"export.read", "thread.read"}), 1))
    narrow = await world.desk.peek(token_hash(token))
    assert narrow is not None
    await commands.download(world.desk, narrow, public, origin=None)
    with pytest.raises(NotPermitted):
        await commands.download(world.desk, narrow, staff, origin=None)
    await commands.download(world.desk, agent, staff, origin=None)


async def member_email(world: World, member: UUID) -> str:
    connection = await world.superuser()
    try:
        return await connection.fetchval(
            "select p.email from app.member m join sec.person p using (person_id) where m.member_id = $1", member
        )
    finally:
        await connection.close()


async def test_the_database_itself_holds_the_audience(world: World) -> None:
    """Free SQL in an agent's own context neither widens the audience nor reaches a colleague's export."""
    export = await ask(world, world.acme.auditor, await converse(world, world.acme))
    async with world.desk.read(world.acme.agent) as work:
        assert await work.rows("select 1 from app.export where export_id = $1", export.id) == []
        assert await work.rows("select 1 from app.export_stream where export_id = $1", export.id) == []
    with pytest.raises(Exception, match="row-level security"):
        async with world.desk.change(world.acme.agent) as change:
            await change.insert(
                "app.export", export_id=uuid4(), requester_id=world.acme.agent.member, audience="auditor", purpose_commit=b"",
                scope_commit=b"", scope_kind="threads", requested_at=change.began, conversations=0, streams_count=0,
            )  # fmt: skip


async def test_a_repeat_with_the_same_key_is_the_first_export(world: World) -> None:
    """One export for two requests at once, and none for another body under the key."""
    asked = Asked("Once", Threads((await converse(world, world.acme),)))
    key = Key.of("POST /api/v1/exports", "k1", b"body")
    twins = await asyncio.gather(
        *(commands.request_export(world.desk, world.acme.agent, asked, key=key) for _ in range(2))
    )
    assert len({export.id for export in twins}) == 1
    with pytest.raises(KeyReused):
        await commands.request_export(
            world.desk, world.acme.agent, asked, key=Key.of("POST /api/v1/exports", "k1", b"other")
        )


async def test_what_a_bundle_would_hold(world: World) -> None:
    """Counted under the asker's own reach, before anything is asked for."""
    thread = await converse(world, world.acme)
    await converse(world, world.acme, "Second")
    async with world.desk.read(world.acme.admin) as work:
        everything = await queries.preview(work, Query(status="open"), None)
        nothing = await queries.preview(work, Query(status="closed"), None)
        public = await queries.preview(work, Threads((thread,)), Role.REQUESTER)
    assert (everything.conversations, everything.messages, everything.notes) == (2, 6, 2)
    assert (nothing.conversations, nothing.entries, nothing.record_bytes) == (0, 0, 0)
    assert (public.messages, public.notes) == (3, 0)
    assert "Internal notes and desk work" in public.left_out


async def test_no_bundle_before_it_is_built(world: World) -> None:
    export = await ask(world, world.acme.agent, await converse(world, world.acme))
    with pytest.raises(NotBuilt):
        await commands.download(world.desk, world.acme.agent, export.id, origin=None)


async def test_given_up_it_is_gone(world: World) -> None:
    """The key goes with the entry; only those who may export the organisation give a bundle up."""
    export = await ask(world, world.acme.agent, await converse(world, world.acme))
    await build(world, world.acme.auditor, export.id)
    with pytest.raises(NotPermitted):
        await commands.expire(world.desk, world.acme.agent, export.id, "request")
    await commands.expire(world.desk, world.acme.admin, export.id, "request")
    again = await found(world, world.acme.agent, export.id)
    assert (again.state, again.blob_key) == ("expired", None)
    with pytest.raises(NotBuilt):
        await commands.download(world.desk, world.acme.agent, export.id, origin=None)
