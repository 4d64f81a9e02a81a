"""Building one bundle from the ledger as it was at a pinned state: the same request and state give the same bytes, anywhere."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sealdesk.access.actor import system
from sealdesk.core.db import Connection
from sealdesk.exports.build import excuses, source
from sealdesk.exports.build.documents import FORMAT, add_documents, claimed_policy, facts
from sealdesk.exports.build.entries import Entries, Page, Placed
from sealdesk.exports.build.pin import COMPONENT, Pin
from sealdesk.exports.build.proofs import Proofs
from sealdesk.exports.build.stage import Behind, Stage
from sealdesk.exports.events import Digests
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.unit import Desk
from sealproof import bundle
from sealproof.writer import Sealing, Written

Progress = Callable[[int, int], Awaitable[None]]
"""Told now and then how many of how many entries are done."""


@dataclass(frozen=True, slots=True)
class Built:
    """A finished container in the stage, and its digests."""

    path: Path
    digests: Digests


async def build(desk: Desk, signer: SignerClient, org: UUID, pin: Pin, stage: Stage, progress: Progress) -> Built:
    """Build the bundle in `stage`.

    Raises `ContentMissing`, `Unopenable` or `ValueError` where content is not what was committed to,
    `SignerRefused` and `SignerUnavailable` where it can't be sealed.
    """
    request = await _stage_entries(desk, org, pin, stage, progress)
    policy = claimed_policy(pin, await signer.public_key())
    sealing = await stage.run(_stage_documents, stage, pin, policy, facts(pin, request, policy))
    note = await signer.sign_export(UUID(pin.request.body["export"]), sealing.tagmanifest_sha256)
    written = await stage.run(_write, stage, note)
    digests = Digests(
        sealing.manifest_sha256, sealing.tagmanifest_sha256, written.sha256, written.bytes, pin.log.size, pin.sys.size
    )
    return Built(stage.container, digests)


async def _stage_entries(desk: Desk, org: UUID, pin: Pin, stage: Stage, progress: Progress) -> Mapping[str, bytes]:
    """Everything that is in the log; gives the opened contents of the request."""
    export, size = UUID(pin.request.body["export"]), pin.log.size
    async with desk.keep(system(org, COMPONENT)) as connection:
        excused = await excuses.load(connection, org, export, size)
        proofs = Proofs(org, size)
        entries = Entries(stage, desk.sealer, org, pin.request.body["disclosure"]["slots"], excused)
        entries.replacements = await _replacements(desk, connection, org, excused.replacements)
        done, total = 0, await source.count(connection, org, export, size)
        await progress(0, total)
        async with Behind(stage) as behind:
            async for lines in source.pages(connection, org, export, size):
                page = await _prepare(connection, org, entries, proofs, entries.place(lines))
                await behind.do(entries.add, page)
                done += len(lines)
                await progress(done, total)
            await behind.do(entries.add, await _prepare(connection, org, entries, proofs, entries.remaining()))
    return entries.request


async def _prepare(connection: Connection, org: UUID, entries: Entries, proofs: Proofs, placed: list[Placed]) -> Page:
    """What the database has to give for a page of entries."""
    indices = [each.index for each in placed]
    await proofs.load(connection, indices)
    contents = await source.contents(connection, org, entries.wanted(placed))
    return Page(placed, [proofs.proof(index) for index in indices], contents)


async def _replacements(desk: Desk, connection: Connection, org: UUID, commits: Mapping[str, str]) -> dict[str, str]:
    """The texts that stand in for masked messages, by message id."""
    stored = await source.contents(connection, org, [bytes.fromhex(commit) for commit in commits.values()])
    texts: dict[str, str] = {}
    for message, commit in commits.items():
        found = stored.get(bytes.fromhex(commit))
        if found:
            texts[message] = desk.sealer.open(org, bytes.fromhex(commit), found.sealed, found.wrapped).content.decode()
    return texts


def _stage_documents(stage: Stage, pin: Pin, policy: bytes, told: Mapping[str, str]) -> Sealing:
    writer = stage.writer
    stage.transcripts.write(writer, pin.request.body["export"], pin.log, told)
    writer.add(bundle.PEOPLE, stage.people.encode())
    add_documents(writer, pin, policy)
    return writer.finish(pin.request, pin.request_index, pin.log, pin.sys, FORMAT)


def _write(stage: Stage, note: bytes) -> Written:
    stage.writer.seal(note)
    with stage.container.open("xb") as out:
        return stage.writer.write(out)
