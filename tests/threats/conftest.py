"""What every run can't afford, and the full one takes."""

from counts import FULL

# A desk of its own and a minute of waiting; every run has `core/test_counters.py` and T17's count over sockets and requests.
collect_ignore = [] if FULL else ["test_t08_two_processes.py"]
