"""Check the stored ledger against itself, entry by entry, and against what the signer remembers. Reads all, writes nothing.

What must hold of a log, in the order in which it is checked; the first thing that does not is named:

1. its row names it as the deployment does (`logs`);
2. every leaf, in order and without gap, names an entry whose bytes are canonical, of the schema, hash to the leaf, agree with the
   entry's columns, follow the entry before them in their stream, and whose content is there or was erased on record (`entries`, `content`);
3. every full tile of every level holds the hashes below it, and there are no others (`tree`);
4. every stored checkpoint has the root that the leaves give, in a note that the operator's key signed (`checkpoints`);
5. the head is that of the leaves, and the signer has signed no more than that and nothing else (`tree`, `checkpoints`);
6. every entry is a leaf or waits to be one, never both, and the waiting ones hold to rule 2 (`queue`);
7. every stream's cached head is its last entry (`queue`);
8. what `sys` says of each organisation's checkpoints is what is stored (`published`).
"""

from sealdesk.ledger.fsck.difference import Difference, Differs
from sealdesk.ledger.fsck.report import LogReport, Progress, Report
from sealdesk.ledger.fsck.run import fsck

__all__ = ["Difference", "Differs", "LogReport", "Progress", "Report", "fsck"]
