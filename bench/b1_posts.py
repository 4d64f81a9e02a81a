"""B1: posts through everything: HTTP, session, anti-CSRF token, origin, limits, access, ledger, one durable commit behind each answer."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from bench import crowd, desks, load, spent, yardsticks
from bench.figure import Figure
from sealdesk.core.postgres import Cluster

CONNECTIONS = 32
AGAINST = f"pgbench, single-row INSERT, {CONNECTIONS} clients"


def measure(*, quick: bool) -> Sequence[Figure]:
    """32 connections over 100 conversations of 10 organisations; the yardstick is taken before and after, on the same server."""
    seconds = 1 if quick else 10
    with desks.folder() as data, desks.desk(data, SEALDESK_LIMITS=crowd.UNLIMITED) as (address, _):
        people = crowd.gather(data, 2 if quick else 10)
        before = spent.by_part(os.getpid())
        posts, yardstick = held(data, address, crowd.seats(address, people, CONNECTIONS), seconds)
        after = spent.by_part(os.getpid())
    whole = posts.rate * (posts.seconds + min(2.0, seconds))
    parts = ", ".join(f"{name} {(after[name] - before[name]) / whole * 1000:.2f}" for name in after)
    note = f"p50 {posts.p50:.1f} ms; CPU ms a post: {parts}; the load itself {posts.cpu / posts.seconds:.0%} of a core"
    if posts.others:
        note += f"; other answers: {posts.others}"
    return [
        Figure(
            "B1", "posts, 32 connections, 100 threads", posts.rate, "/s", AGAINST, yardstick, 0.20, "more", note=note
        ),
        Figure("B1", "the same, 99 of 100 answered within", posts.p99, "ms", "the goal itself", 60.0, 1.0, "less"),
    ]


def held(data: Path, address: str, seats: list[load.Seat], seconds: float) -> tuple[load.Result, float]:
    """A load of posts, and the mean of pgbench's rates right before and after it."""
    cluster = Cluster(data)
    plan = load.Plan(
        int(address.rpartition(":")[2]),
        seats,
        min(2.0, seconds),
        seconds,
        f"b1-{time.time_ns()}",
    )
    before = yardsticks.inserts_per_second(cluster, clients=CONNECTIONS, seconds=max(1, int(seconds) // 2))
    posts = load.run(plan)
    after = yardsticks.inserts_per_second(cluster, clients=CONNECTIONS, seconds=max(1, int(seconds) // 2))
    return posts, (before + after) / 2
