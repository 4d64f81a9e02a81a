"""The documents of a bundle that are the same for every export: how to check it, and the program that does."""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256

from sealdesk.exports.build.pin import Pin
from sealdesk.exports.build.printing import moment
from sealproof import bundle, pack
from sealproof.note import make_vkey
from sealproof.writer import BundleWriter

FORMAT = ("sealdesk", "1")
"""Name and version of the bundle's format: the same version of it gives the same bytes."""
_README = """How to check this bundle
========================

You need Python 3.11 or later and a policy file, and nothing else: no network, no account.

1. Get the policy from the desk by another way than this bundle: at onboarding, by post, from
   its web site under /.well-known/ledger-policy. It names the key that you trust. The copy
   under anchors/claimed/ is only what the bundle says of itself; compare it, do not trust it.

2. Run:

       python3 -I verify/sealproof.pyz verify BUNDLE.zip --policy policy.txt

   It says what is proven, by whose key, and what is not. Prefer a sealproof of your own to
   the one in here: a forged bundle would bring a forged program.

3. Without our program: `sha256sum -c manifest-sha256.txt` and `sha256sum -c
   tagmanifest-sha256.txt` in this folder, or any BagIt validator (RFC 8493), show that the
   files are those listed. A content is bound to its entry by
   SHA-256("desk-evidence/content/v1\\n" || salt || content), see data/ledger/openings.jsonl.
   data/ledger/org-in-sys.tlog-proof is a C2SP tlog-proof, checkpoints are C2SP signed notes.

What is in here
---------------

    data/review/transcript/index.html   conversations for reading; copies, not proof
    data/ledger/entries.jsonl           the entries, exactly as they were recorded
    data/ledger/inclusion.jsonl         proof that each is in the ledger, and where
    data/ledger/openings.jsonl          which content opens which commitment
    data/content/                       what people wrote, named by its SHA-256
    data/manifest.json                  what was asked for, and at which state of the ledger
    seal/tagmanifest.note               the operator's signature over all of it
"""


@cache
def _verifier() -> bytes:
    return pack.pack()


def claimed_policy(pin: Pin, operator: bytes) -> bytes:
    """What the bundle says of its own key; `operator` is the public key, 32 bytes. Nobody is to trust it."""
    return f"log {make_vkey(pin.sys.origin, operator)}\nquorum none\n".encode()


def facts(pin: Pin, request: Mapping[str, bytes], policy: bytes) -> dict[str, str]:
    """What the cover page says of the export; `request` are the opened contents of the entry that asked for it, by slot."""
    told = {"Purpose": _text(request, "purpose"), "Matter": _text(request, "matter")}
    if "author" in request:
        author = json.loads(request["author"])
        told["Asked for by"] = f"{author['name']} ({author['role']})"
    told["Asked for at"] = moment(pin.request.at)
    told["Made for"] = pin.request.body["disclosure"]["audience"]
    told["Export"] = pin.request.body["export"]
    told["Ledger"] = f"{pin.log.origin}, {pin.log.size:,} entries"
    told["Root"] = pin.log.root.hex()
    told["Policy SHA-256"] = sha256(policy).hexdigest()
    return {name: value for name, value in told.items() if value}


def _text(contents: Mapping[str, bytes], slot: str) -> str:
    return contents.get(slot, b"").decode()


def add_documents(writer: BundleWriter, pin: Pin, policy: bytes) -> None:
    """Add checkpoints, the proof between the logs, the claimed policy and the verifier."""
    writer.add(bundle.ORG_CHECKPOINT, pin.log_note)
    writer.add(bundle.SYS_ENTRY, pin.sys_entry)
    writer.add(bundle.ORG_IN_SYS, pin.org_in_sys)
    writer.add(bundle.CLAIMED_POLICY, policy)
    writer.add("verify/README.txt", _README.encode())
    writer.add("verify/sealproof.pyz", _verifier())
