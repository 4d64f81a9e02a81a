"""`sealdesk fsck` as an operator sees it: what it prints, and its exit code."""

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner, Result

import forger
from scene import Scene, post
from sealdesk.ledger import sequence
from sealdesk.verification.terminal import fsck_command
from world import World


async def run(world: World, *arguments: str, url: str | None = None) -> Result:
    environ = {"SEALDESK_DATA": str(world.folder), "SEALDESK_DATABASE_URL": url or world.admin_dsn}
    return await asyncio.to_thread(
        CliRunner().invoke, fsck_command, list(arguments), env=environ, catch_exceptions=False
    )


async def test_a_whole_record_exits_with_0(drill: World) -> None:
    await drill.signer.start()
    result = await run(drill, "--content")
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "The record is whole."
    assert result.output.count("ok desk.test/ledger/") == 3


async def test_what_is_not_signed_yet_is_said(drill: World, scene: Scene) -> None:
    """As of a log that is frozen: whole it may be, and nobody vouches for its end."""
    for number in range(2):
        await post(drill, drill.acme.agent, scene.threads[0], f"not signed {number}")
    assert ", 2 waiting" in (await run(drill)).output
    assert await sequence.sequence(drill.sequencer, drill.acme.org) == 2
    result = await run(drill)
    assert result.exit_code == 0
    assert result.output.count(", the last 2 not signed yet") == 1
    logs = json.loads((await run(drill, "--json")).output)["logs"]
    assert sorted(each["unsigned"] for each in logs) == [0, 0, 2]
    await drill.seal()
    assert "not signed" not in (await run(drill)).output


async def test_a_difference_exits_with_1_and_is_named(drill: World) -> None:
    connection = await drill.superuser()
    await forger.unguard(connection)
    await connection.execute("update app.ticket set number = 4711 where org_id = $1", drill.globex.org)
    await connection.close()
    result = await run(drill, "--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["clean"] is False
    assert [each["finding"] for each in report["differences"]] == ["state.ticket.number"]
    assert report["differences"][0]["found"] == "4711"
    assert (await run(drill, "--org", "acme")).exit_code == 0
    assert (await run(drill, "--org", "globex")).exit_code == 1


async def test_what_cannot_be_read_exits_with_3(drill: World, tmp_path: Path) -> None:
    result = await run(drill, url=f"postgresql:///nowhere?host={tmp_path}")
    assert result.exit_code == 3
    assert "can't be read" in result.output


async def test_without_the_signer_it_says_what_it_could_not_compare(drill: World) -> None:
    await drill.signer.stop()
    result = await run(drill)
    assert result.exit_code == 0
    assert "what it remembers was not compared" in result.output
    assert "signatures of checkpoints were not checked" in result.output
