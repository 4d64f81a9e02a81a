"""What the operator sees while the desk is set up."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table


class Show:
    """Lines of progress: one for each step, with the time it took; on a terminal, the running one is seen to run."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, doing: str, done: str) -> Generator[None]:
        """Announce `doing` while the block runs, and `done` when it has."""
        begin = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(f"{doing} ..."):
                yield
        else:
            self._console.print(f"  {doing} ...")
            yield
        self._console.print(f"  [green]✓[/] {done} [dim]({time.monotonic() - begin:.1f} s)[/]")

    def tell(self, line: str) -> None:
        """One line, as it is."""
        self._console.print(f"  {line}", markup=False)

    def headline(self, text: str) -> None:
        """What the operator waited for."""
        self._console.print(f"\n[bold]{text}[/]\n")

    def sign_ins(self, rows: Sequence[Mapping[str, str]]) -> None:
        """The demonstration's sign-ins."""
        if not rows:
            return
        table = Table(box=None, padding=(0, 2), show_edge=False)
        for column in rows[0]:
            table.add_column(column.replace("_", " ").capitalize(), no_wrap=True)
        for row in rows:
            table.add_row(*row.values())
        self._console.print(table)
        self._console.print()
