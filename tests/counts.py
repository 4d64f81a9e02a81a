"""How often a test repeats: moderate counts under `make test`, full counts under `make soak` and `make tamper`."""

import os

FULL = os.environ.get("SEALDESK_COUNTS", "") == "full"


def count(moderate: int, full: int) -> int:
    """`moderate` in an ordinary run, `full` in a soak."""
    return full if FULL else moderate
