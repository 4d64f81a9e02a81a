"""B9: the second start, until the desk answers."""

from collections.abc import Sequence

from bench import desks, yardsticks
from bench.figure import Figure


def measure(*, quick: bool) -> Sequence[Figure]:
    """The median of several second starts, against the bare server's on the same cluster."""
    starts: list[float] = []
    with desks.folder() as data:
        with desks.desk(data):
            pass
        for _ in range(1 if quick else 5):
            with desks.desk(data) as (_, took):
                starts.append(took)
        bare = sorted(yardsticks.server_start(data) for _ in range(1 if quick else 5))
    median = sorted(starts)[len(starts) // 2]
    return [
        Figure(
            "B9",
            "second start of `sealdesk up`",
            median,
            "s",
            "`pg_ctl start`",
            bare[len(bare) // 2],
            4.0,
            "less",
            as_difference=True,
        )
    ]
