"""A scope has one canonical form, whoever writes it down."""

from uuid import UUID

import pytest

from sealdesk.core.errors import BadRequest
from sealdesk.exports.scope import Query, Threads, Tickets, read_list


def test_it_works() -> None:
    low, high = UUID(int=1), UUID(int=2)
    assert Threads((high, low, high)).written() == Threads((low, high)).written()
    assert Query().written() == {"query": {"all": True}}
    assert read_list("#12, 7 12") == Tickets((7, 12))
    assert read_list(f"{high} {low}") == Threads((low, high))
    for bad in ("", "12 x", "#0", f"12 {low}"):
        with pytest.raises(BadRequest):
            read_list(bad)
