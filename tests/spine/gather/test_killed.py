"""Kill -9 in the middle of gathered posts: what was acknowledged stands, once, and nothing stands by halves."""

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from random import Random
from uuid import UUID

from counts import count
from sealdesk.ledger.fsck import fsck
from sealdesk.threads.model import Draft
from sealdesk.tickets.commands import open_request
from world import LEDGER_NAME, World

HALVES = """
select (select count(*) from ledger.entry e left join app.message m using (org_id, entry_id)
    where e.type = 'message.posted' and m.message_id is null)
  + (select count(*) from app.message m left join ledger.entry e using (org_id, entry_id) where e.qid is null)
  + (select count(*) from app.idempotency i left join ledger.entry e using (org_id, entry_id)
    where i.route = 'killed' and e.qid is null)"""
TEXTS = """
select c.org_id, c.commit, c.sealed, k.wrapped from app.message m
  join ledger.content c on c.org_id = m.org_id and c.commit = m.body_commit
  join ledger.content_key k on k.org_id = c.org_id and k.commit = c.commit"""
HERE = Path(__file__).parent
SOURCE = HERE.parents[2] / "src"


async def test_what_was_acknowledged_stands_once(world: World) -> None:
    """Processes that post in company die at random moments; then each acknowledged body is there once, and the ledger is whole."""
    requester = world.acme.requester
    threads = [
        await open_request(world.desk, requester, "Hi", Draft("first"), "portal", key=None, origin=None)
        for _ in range(3)
    ]
    chance = Random(7)
    acknowledged: set[str] = set()
    for run in range(count(3, 20)):
        acknowledged |= await killed(world, threads, run, chance.uniform(0.2, 1.0))
    assert len(acknowledged) > 10
    posted = Counter(await bodies(world))
    assert {body: posted[body] for body in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert max(posted.values()) == 1
    superuser = await world.superuser()
    halves = await superuser.fetchval(HALVES)
    await superuser.close()
    assert halves == 0
    await world.seal()
    report = await fsck(world.desk.database, world.signer, sealer=world.desk.sealer)
    assert report.clean, report


async def killed(world: World, threads: list[UUID], run: int, seconds: float) -> set[str]:
    """Let a process post, kill it `seconds` after its first answer, and give the bodies that it had answers for."""
    agent = world.acme.agent
    told = {
        "dsn": world.admin_dsn,
        "credentials": str(world.folder / "credentials.json"),
        "kek": str(world.folder / "keys" / "kek.bin"),
        "name": LEDGER_NAME,
        "session": agent.session_hash.hex(),
        "org": str(agent.org),
        "member": str(agent.member),
        "threads": [str(thread) for thread in threads],
        "run": run,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "poster.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(told).encode() + b"\n")
    await process.stdin.drain()
    lines = [await process.stdout.readline()]
    reading = asyncio.create_task(process.stdout.read())
    await asyncio.sleep(seconds)
    process.kill()
    lines += (await reading).splitlines(keepends=True)
    await process.wait()
    # A line cut off by the kill was no acknowledgement.
    return {line.decode().strip() for line in lines if line.endswith(b"\n")}


async def bodies(world: World) -> list[str]:
    """The text of every message of the killed processes, opened."""
    superuser = await world.superuser()
    rows = await superuser.fetch(TEXTS)
    await superuser.close()
    opened = [world.desk.sealer.open(r["org_id"], r["commit"], r["sealed"], r["wrapped"]).content for r in rows]
    return [text.decode() for text in opened if text != b"first"]
