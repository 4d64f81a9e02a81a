"""SPINE 3: the unit of work, the only importer of `ledger.append`.

`async with desk.read(actor)` reads under the actor's signed context. `async with desk.change(actor)` changes: state and entry are written
in one transaction, and a change that asked for no permission or recorded no entry is refused. `desk.keep(actor)` writes the listed tables
that have no entries. Nothing here knows a feature.
"""

from sealdesk.unit.desk import Desk
from sealdesk.unit.outcomes import OutcomeUnknown, Unguarded, Unrecorded, refusal_of, sqlstate
from sealdesk.unit.work import Change, Findable, Key, Reading

__all__ = [
    "Change",
    "Desk",
    "Findable",
    "Key",
    "OutcomeUnknown",
    "Reading",
    "Unguarded",
    "Unrecorded",
    "refusal_of",
    "sqlstate",
]
