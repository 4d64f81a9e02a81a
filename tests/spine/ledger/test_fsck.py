"""What `fsck` says of an honest ledger."""

from sealdesk.ledger.fsck import Progress, fsck
from world import World


async def test_an_honest_ledger_is_clean(drill: World) -> None:
    told: list[Progress] = []
    report = await fsck(drill.desk.database, drill.signer, sealer=drill.desk.sealer, tell=told.append)
    assert list(report.differences()) == []
    assert report.unchecked == ()
    assert [log.origin.rpartition("/ledger/")[2] for log in report.logs] == [
        "sys",
        f"org/{drill.acme.org}",
        f"org/{drill.globex.org}",
    ]
    heads = {log.origin: (log.size, log.root) for log in (await drill.signer.status()).logs}
    assert {log.origin: (log.size, log.root) for log in report.logs} == heads
    assert told[-1].done == told[-1].total
