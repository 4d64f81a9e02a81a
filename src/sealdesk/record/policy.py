"""What a verifier has to know beforehand."""

from sealdesk.ledger.signer.client import SignerClient


async def policy(signer: SignerClient) -> str:
    """The tlog-policy file: the `sys` log's key, and no quorum of witnesses yet (ledger.md 6.2). Raises `SignerUnavailable`."""
    identity = await signer.identity()
    return f"log {await signer.vkey(f'{identity.ledger_name}/ledger/sys')}\nquorum none\n"
