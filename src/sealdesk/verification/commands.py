"""What follows from a verification, and the operator's answer to a failed one."""

from uuid import UUID

import structlog

from sealdesk.access.actor import NOBODY, operator, system
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import StateConflict
from sealdesk.ledger.events import Stream
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.refusal import SignerRefused, SignerUnavailable
from sealdesk.people.events import operator_acted
from sealdesk.unit import Change, Desk
from sealdesk.verification.events import verification_ran
from sealdesk.verification.jobs import Outcome

COMPONENT = "verification"

log = structlog.get_logger("security")

_KEEP = """
insert into ledger.verified (org_id, job, size, root, result, finding, at) values ($1, $2, $3, $4, $5, $6, clock_timestamp())
on conflict (org_id, job) do update set result = excluded.result, finding = excluded.finding, at = excluded.at,
  size = case when excluded.result = 'ok' then excluded.size else verified.size end,
  root = case when excluded.result = 'ok' then excluded.root else verified.root end
"""


async def settle(desk: Desk, signer: SignerClient, outcome: Outcome) -> None:
    """Note a run: what it covered, an entry where one is due, and on failure no more signatures for that log, and an alarm.

    The freeze comes first: should anything below fail, the log is not signed and the next run finds the same again.
    """
    if outcome.difference is not None:
        await _alarm(signer, outcome)
    async with desk.change(system(outcome.org, COMPONENT)) as change:
        change.demand(Permission.VERIFICATION_RECORD)
        if await _is_worth_an_entry(change, outcome):
            await change.lock(Stream("log", outcome.org))
            change.record(verification_ran(outcome))
        else:
            change.nothing()
        finding = outcome.difference.finding if outcome.difference else None
        result = "ok" if outcome.ok else "failed"
        await change.execute(_KEEP, outcome.org, outcome.job, outcome.size, outcome.root, result, finding)


async def thaw(desk: Desk, signer: SignerClient, origin: str, reason: str) -> None:
    """Have a frozen log signed again, on record with the operator's reason. `StateConflict` if it is not frozen.

    The entry comes first: killed in between, the act is on record, the log still frozen, and the command can be repeated.
    Raises `SignerUnavailable`.
    """
    if origin not in {freeze.origin for freeze in (await signer.status()).frozen}:
        raise StateConflict(f"{origin} is not frozen.")
    async with desk.change(operator(NOBODY)) as change:
        change.demand(Permission.VERIFICATION_RECORD)
        await change.lock(Stream("log", NOBODY))
        change.record(operator_acted(Stream("log", NOBODY), "signer.thawed", _org_of(origin), reason))
    await signer.thaw(origin)


async def _is_worth_an_entry(change: Change, outcome: Outcome) -> bool:
    """Nightly runs and failures are: but not a run that would cover only what runs recorded, and not the same failure twice."""
    row = await change.row(
        "select size, result, finding from ledger.verified where org_id = $1 and job = $2", outcome.org, outcome.job
    )
    if outcome.difference is not None:
        return row is None or (row["result"], row["finding"]) != ("failed", outcome.difference.finding)
    if outcome.job == "incremental":
        return False
    if row is None or row["result"] == "failed":
        return outcome.size > 0
    return bool(
        await change.value(
            "select exists (select from ledger.leaf l join ledger.entry e using (org_id, qid)"
            " where l.org_id = $1 and l.idx >= $2 and l.idx < $3 and e.type <> 'verify.run')",
            outcome.org,
            row["size"],
            outcome.size,
        )
    )


async def _alarm(signer: SignerClient, outcome: Outcome) -> None:
    difference = outcome.difference
    assert difference is not None
    sentence = difference.sentence()
    frozen = True
    try:
        await signer.freeze(outcome.origin, sentence[:500])
    except (SignerUnavailable, SignerRefused) as error:
        # A signer that can't be asked signs nothing either; one that refuses a log's name never signed for it.
        frozen = False
        log.exception("security.freeze_failed", origin=outcome.origin, reason=str(error))
    log.critical(
        "security.verification_failed",
        job=outcome.job,
        org=str(outcome.org),
        frozen=frozen,
        sentence=sentence,
        **{"row" if name == "key" else name: told for name, told in difference.members().items()},
    )


def _org_of(origin: str) -> UUID | None:
    _, _, rest = origin.partition("/ledger/org/")
    return UUID(rest.partition("/")[0]) if rest else None
