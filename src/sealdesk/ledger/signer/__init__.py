"""The signer, a process of its own that remembers what it signed, and the client by which the desk asks it.

It holds the operator's key and, outside the desk's database, the newest size and root of every log. It signs a
checkpoint only with a proof that it extends that one, and remembers it before it replies: who rewrites the database gets
no signature.

It does not judge what entries say, keep old checkpoints, or protect against one who has its key and its memory at once;
for that there are witnesses elsewhere.
"""

from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.ledger.signer.refusal import ALARMS, Code, SignerRefused, SignerUnavailable
from sealdesk.ledger.signer.wire import Freeze, Genesis, Identity, RememberedLog, SignedHead, Status

__all__ = [
    "ALARMS",
    "Code",
    "Freeze",
    "Genesis",
    "Identity",
    "RememberedLog",
    "SignedHead",
    "SignerClient",
    "SignerRefused",
    "SignerUnavailable",
    "Status",
    "socket_path",
]
