"""A bundle proves what it holds to a stranger, and holds what its audience may read."""

import asyncio
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from uuid import UUID

import bagit
import pytest

from erasing import erase
from evidence import SECRET, WHERE, build, bundle_of, converse, fetch, found, judge
from sealdesk.access.permissions import Role
from sealdesk.exports import commands
from sealdesk.exports.commands import Asked
from sealdesk.exports.scope import Query, Threads
from sealdesk.ledger.events import Event, Ref, text
from sealdesk.threads import events as thread_events
from sealproof.canonical import JSON
from sealproof.report import Verdict
from world import LEDGER_NAME, World


def unpack(bundle: Path) -> Path:
    with zipfile.ZipFile(bundle) as container:
        container.extractall(bundle.parent)
    return bundle.with_suffix("")


async def test_it_works(world: World) -> None:
    """A conversation becomes a bundle that our verifier, LoC's and sha256sum all accept, under a policy from outside."""
    thread = await converse(world, world.acme)
    bundle = await bundle_of(world, world.acme.auditor, thread)
    report = await judge(world, bundle)
    assert (report.verdict, report.failure) == (Verdict.SIGNED, None)
    assert report.manifest is not None
    assert report.manifest.counts.present > 0
    bag = unpack(bundle)
    assert bagit.Bag(str(bag)).validate()
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        await asyncio.to_thread(
            subprocess.run, ["sha256sum", "--check", "--quiet", "--strict", manifest], cwd=bag, check=True
        )


async def test_the_one_file_verifier_in_it_runs(world: World) -> None:
    bundle = await bundle_of(world, world.acme.auditor, await converse(world, world.acme))
    policy = world.folder / "policy.txt"
    policy.write_text(f"log {await world.signer.vkey(f'{LEDGER_NAME}/ledger/sys')}\nquorum none\n")
    verifier = unpack(bundle) / "verify" / "sealproof.pyz"
    command = [sys.executable, "-I", str(verifier), "verify", str(bundle), "--policy", str(policy), "--json"]
    said = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["verdict"] == "SIGNED"


async def test_a_requester_is_shown_nothing_internal(world: World) -> None:
    """Neither the note, nor the stream it stands in, nor where anybody wrote from: in no byte of the bundle."""
    thread = await converse(world, world.acme)
    asked_by_requester = await bundle_of(world, world.acme.requester, thread)
    export = await commands.request_export(
        world.desk, world.acme.admin, Asked("For the customer", Threads((thread,)), Role.REQUESTER), key=None
    )
    await build(world, world.acme.auditor, export.id)
    for bundle in (asked_by_requester, await fetch(world, world.acme.admin, export.id)):
        assert (await judge(world, bundle)).verdict is Verdict.SIGNED
        data = bundle.read_bytes()
        assert b"Thank you" in data
        for hidden in (SECRET, *WHERE.values(), '"kind":"ticket"'):
            assert hidden.encode() not in data


async def test_staff_are_shown_the_note_and_the_origins(world: World) -> None:
    bundle = await bundle_of(world, world.acme.agent, await converse(world, world.acme))
    data = bundle.read_bytes()
    assert SECRET.encode() in data
    assert WHERE["agent"].encode() in data


async def test_transcripts_escape_what_people_wrote(world: World) -> None:
    """The page shows the message, as text, and forbids itself every script and every request."""
    thread = await converse(world, world.acme, "<script>alert(1)</script>\u202e")
    folder = unpack(await bundle_of(world, world.acme.auditor, thread)) / "data" / "review" / "transcript"
    page, sheet = (folder / f"{thread}.html").read_text(), (folder / f"{thread}.txt").read_text()
    assert "Help &lt;b&gt;me&lt;/b&gt;\n  please" in page
    assert "<script" not in page
    assert "\u202e" not in page + sheet
    assert "default-src 'none'" in page
    assert "    Help <b>me</b>\n      please" in sheet
    for shown in (page, sheet):
        assert "internal note" in shown
        assert "Looking into it. Grüße 🙂" in shown
    assert f'href="{thread}.html"' in (folder / "index.html").read_text()


async def test_everything_of_the_organisation_and_nothing_of_another(world: World) -> None:
    """More than 50 streams are listed in a content of their own, which the verifier opens."""
    for number in range(27):
        await converse(world, world.acme, f"Request {number}")
    foreign = await converse(world, world.globex, "canary-globex")
    bundle = await bundle_of(world, world.acme.admin, Query())
    report = await judge(world, bundle)
    assert report.verdict is Verdict.SIGNED
    assert report.manifest is not None
    assert len(report.manifest.streams) == 27 * 2 + 1
    data = bundle.read_bytes()
    assert b"canary-globex" not in data
    assert str(foreign).encode() not in data


async def test_a_redacted_message_is_withheld_and_its_mask_shown(world: World) -> None:
    thread = await converse(world, world.acme)
    commit, entry, message = await _message(world, "Thank you")
    async with world.desk.change(world.acme.agent) as change:
        change.guarded = True
        stream = thread_events.stream_of(thread, "public")
        await change.lock(stream)
        body: dict[str, JSON] = {"message": message, "mode": "mask", "reason": "pii", "commits": [commit.hex()]}
        change.record(Event("message.redacted", stream, body, [text("redacted_body", "Masked text")], [entry]))
    bundle = await bundle_of(world, world.acme.auditor, thread)
    report = await judge(world, bundle)
    assert report.verdict is Verdict.SIGNED
    assert report.manifest is not None
    assert report.manifest.counts.withheld == 1
    page = (unpack(bundle) / "data" / "review" / "transcript" / f"{thread}.html").read_text()
    assert "Masked text" in page
    assert "Redacted under entry" in page
    assert b"Thank you" not in bundle.read_bytes()


async def test_erased_content_is_excused_by_an_entry_outside_the_scope(world: World) -> None:
    """An erasure that stands in the person's own stream is cited; one that took nothing of the scope is not."""
    thread = await converse(world, world.acme)
    await _erase(world, "Thank you")
    bundle = await bundle_of(world, world.acme.auditor, thread)
    report = await judge(world, bundle)
    assert report.verdict is Verdict.SIGNED, report.failure
    assert report.manifest is not None
    assert report.manifest.counts.erased == 1
    other = await converse(world, world.acme, "Another")
    without = await bundle_of(world, world.acme.auditor, other)
    assert (await judge(world, without)).verdict is Verdict.SIGNED
    assert b"content.erased" not in (unpack(without) / "data" / "ledger" / "entries.jsonl").read_bytes()


@pytest.mark.parametrize("audience", [Role.REQUESTER, Role.AUDITOR])
async def test_the_same_bytes_anywhere(world: World, audience: Role) -> None:
    """Rebuilt in processes of another time zone, locale and hash seed, the bundle is the same to the byte."""
    for number in range(3):
        await converse(world, world.acme, f"Überweisung {number}")
    actor = world.acme.auditor
    asked = Asked("Twice", Query(), audience)
    export = await commands.request_export(world.desk, actor, asked, key=None)
    await build(world, world.acme.auditor, export.id)
    await converse(world, world.acme, "Afterwards")
    await world.seal()
    first = (await found(world, actor, export.id)).digests
    assert first is not None
    elsewhere = (("Asia/Kathmandu", "C", "1"), ("America/St_Johns", "tr_TR.UTF-8", "424242"))
    said = await asyncio.gather(*(_rebuilt(world, actor.org, export.id, *each) for each in elsewhere))
    assert said == [[first.zip_sha256, first.manifest_sha256, first.tagmanifest_sha256]] * 2


async def _rebuilt(world: World, org: UUID, export: UUID, zone: str, locale: str, seed: str) -> list[str]:
    """The digests that a process in another environment prints."""
    environ = os.environ | {"TZ": zone, "LC_ALL": locale, "LANG": locale, "PYTHONHASHSEED": seed}
    script = Path(__file__).parent / "rebuild_again.py"
    words = [str(script), world.admin_dsn, str(world.folder), str(org), str(export), seed]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, env=environ, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode().split()


async def _message(world: World, body: str) -> tuple[bytes, Ref, str]:
    """The commitment, the entry and the id of the message with this text."""
    async with world.desk.read(world.acme.agent) as work:
        rows = await work.rows("select body_commit, entry_id, message_id from app.message order by at")
        opened = await work.open(row["body_commit"] for row in rows)
        row = next(row for row in rows if opened[row["body_commit"]].content.decode() == body)
        leaf = await work.value("select leaf_hash from ledger.entry where entry_id = $1", row["entry_id"])
    assert isinstance(leaf, bytes)
    return row["body_commit"], Ref(row["entry_id"], leaf), str(row["message_id"])


async def _erase(world: World, body: str) -> None:
    commit, entry, _ = await _message(world, body)
    await erase(world, world.acme, commit, entry)
