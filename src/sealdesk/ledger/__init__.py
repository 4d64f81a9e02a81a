"""SPINE 1: the tamper-evident ledger. It does not know roles."""
