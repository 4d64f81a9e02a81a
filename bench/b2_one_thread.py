"""B2: the same posts as in B1, all of them into one conversation, whose stream is one lock."""

import os
from collections.abc import Sequence
from itertools import cycle, islice

from msgspec.structs import replace

from bench import crowd, desks, load, spent
from bench.b1_posts import AGAINST, CONNECTIONS, held
from bench.figure import Figure


def measure(*, quick: bool) -> Sequence[Figure]:
    """32 connections of everybody who reaches it, requesters and staff."""
    seconds = 1 if quick else 10
    with desks.folder() as data, desks.desk(data, SEALDESK_LIMITS=crowd.UNLIMITED) as (address, _):
        before = spent.by_part(os.getpid())
        posts, yardstick = held(data, address, _seats(address, crowd.gather(data, 1)), seconds)
        after = spent.by_part(os.getpid())
    whole = posts.rate * (posts.seconds + min(2.0, seconds))
    parts = ", ".join(f"{name} {(after[name] - before[name]) / whole * 1000:.2f}" for name in after)
    note = f"p50 {posts.p50:.1f} ms, p99 {posts.p99:.1f} ms; CPU ms a post: {parts}"
    if posts.others:
        note += f"; other answers: {posts.others}"
    return [
        Figure("B2", "posts, 32 connections, one thread", posts.rate, "/s", AGAINST, yardstick, 0.10, "more", note=note)
    ]


def _seats(address: str, people: list[list[crowd.Member]]) -> list[load.Seat]:
    thread = people[0][0].threads[0]
    reaching = [member for member in people[0] if thread in member.threads]
    found = [replace(crowd.seat(address, member, 0), threads=[str(thread)]) for member in reaching]
    return list(islice(cycle(found), CONNECTIONS))
