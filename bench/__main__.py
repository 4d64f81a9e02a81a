"""`python -m bench [--quick] [ID ...]`: measure, print one table, write bench/results.json."""

import argparse
from collections.abc import Callable, Sequence
from typing import Protocol

from bench import b1_posts, b2_one_thread, b3_sequencing, b4_bells, b7_verify, b9_start, b11_flood, report
from bench.figure import Figure


class Measure(Protocol):
    """A benchmark; `quick` only sees that it still runs."""

    def __call__(self, *, quick: bool) -> Sequence[Figure]: ...


BENCHMARKS: dict[str, Measure] = {
    "B1": b1_posts.measure,
    "B2": b2_one_thread.measure,
    "B3": b3_sequencing.measure,
    "B4": b4_bells.measure,
    "B7": b7_verify.measure,
    "B9": b9_start.measure,
    "B11": b11_flood.measure,
}


def main(say: Callable[[str], None] = print) -> None:
    """Run the benchmarks asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, only to see that everything works")
    parser.add_argument("ids", nargs="*", metavar="ID", help=f"which ones: {', '.join(BENCHMARKS)}")
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in options.ids or BENCHMARKS:
        say(f"Measuring {name} ...")
        figures.extend(BENCHMARKS[name](quick=options.quick))
    report.show(figures)
    report.write(figures, quick=options.quick)


if __name__ == "__main__":
    main()
