"""The ledger's formats and the verifier of evidence bundles: standard library only, and alone.

Server and verifier share these modules, so that what one writes is what the other reads. `cryptography` is used for
Ed25519 where it can be imported; without it every check still runs.
"""
