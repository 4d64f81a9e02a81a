"""What every test may ask for, and the list of tests that could not run."""

from collections import defaultdict

import pytest

import needs


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each test that could not run because a real component is missing: never a silent skip."""
    unable: defaultdict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        unable[reason.removeprefix("Skipped: ").removeprefix(needs.MISSING)].append(report.nodeid)
    if not unable:
        return
    terminalreporter.section("could not run: a component is missing", sep="=", yellow=True)
    for reason, names in sorted(unable.items()):
        terminalreporter.line(f"{reason}:")
        for name in sorted(names):
            terminalreporter.line(f"    {name}")
