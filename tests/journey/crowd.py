"""People enough that no limit of one person is what refuses a request."""

from itertools import cycle

from running import Client, RunningDesk
from sealdesk.access.permissions import Role


class Crowd:
    """Clients of one organisation with a request of their own each, used in turn."""

    def __init__(self, desk: RunningDesk, slug: str, size: int, role: Role = Role.AGENT) -> None:
        people = desk.populate(slug, *((f"{slug} {number}", role) for number in range(size)))
        self.clients = [desk.client(person) for person in people]
        self.threads = [client.open(f"Request {number}") for number, client in enumerate(self.clients)]
        self._turns = cycle(zip(self.clients, self.threads, strict=True))

    def next(self) -> tuple[Client, str]:
        """Whose turn it is, and their thread."""
        return next(self._turns)
