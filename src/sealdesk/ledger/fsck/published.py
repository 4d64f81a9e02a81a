"""What `sys` says of the organisations' checkpoints, against what is stored of them."""

from sealdesk.ledger.fsck.logs import SYS, View
from sealproof import entry as entries
from sealproof.entry import Entry, EntryError

_ROWS = (
    "select p.size, p.sys_entry, c.root, e.entry from ledger.published p left join ledger.checkpoint c using (org_id, size)"
    " left join ledger.entry e on e.org_id = $2 and e.entry_id = p.sys_entry where p.org_id = $1 and p.size > $3 order by p.size limit 500"
)
_UNPUBLISHED = (
    "select e.entry_id, e.stream_id from ledger.entry e where e.org_id = $1 and e.type = 'log.checkpoint'"
    " and not exists (select from ledger.published p where p.org_id = e.stream_id and p.sys_entry = e.entry_id) order by e.qid limit 1"
)


async def judge_published(view: View) -> None:
    """`Differs` unless each publication of this organisation's checkpoints is an entry of `sys` that says the same.

    For `sys` itself: unless each such entry is known as a publication, so that what was published can't be rolled back alone.
    """
    if view.org == SYS:
        row = await view.connection.fetchrow(_UNPUBLISHED, SYS)
        if row:
            expected = f"the row that entry {row['entry_id']} of sys is the publication of"
            raise view.differs(
                "ledger.published", f"org {row['stream_id']}", "published.missing", expected=expected, found=None
            )
        return
    last = 0
    while rows := await view.connection.fetch(_ROWS, view.org, SYS, last):
        for row in rows:
            due = (view.origin, row["size"], row["root"].hex() if row["root"] else None)
            found = _said(row["entry"])
            if found != due:
                raise view.differs(
                    "ledger.published", f"size {row['size']}", "published.entry", expected=due, found=found
                )
        last = rows[-1]["size"]


def _said(data: bytes | None) -> tuple[object, object, object] | None:
    if data is None:
        return None
    try:
        entry: Entry = entries.parse(data)
    except EntryError:
        return None
    if entry.type != "log.checkpoint":
        return None
    return entry.body["origin"], entry.body["size"], entry.body["root"]
