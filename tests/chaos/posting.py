"""People who post without pause, each message until it is acknowledged, always under the same Idempotency-Key."""

import threading
import time
from dataclasses import dataclass, field

import httpx

from running import Client, Person, RunningDesk

BETWEEN = 0.6  # seconds between two messages of one person: below the limit of 120 a minute
AGAIN = 0.25  # seconds before a message that was not acknowledged is sent again
SHARED_EVERY = 4
THREAT_EVERY = 3
THREAT = "-k1ll-you"  # a key can be made of it


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A message that the desk has promised to have: when the answering request was sent and when it was answered (monotonic seconds)."""

    body: str
    id: str
    seq: int
    thread: str
    sent: float
    at: float


@dataclass
class Poster:
    """One person, who posts into a thread of their own and now and then into one that all share."""

    name: str
    client: Client
    own: str
    shared: str
    stop: threading.Event
    acknowledged: list[Acknowledged] = field(default_factory=list[Acknowledged])
    unanswered: list[str] = field(default_factory=list[str])
    surprises: list[str] = field(default_factory=list[str])
    retries: int = 0

    def run(self) -> None:
        """Post until told to stop."""
        number = 0
        while not self.stop.is_set():
            number += 1
            thread = self.own if number % SHARED_EVERY else self.shared
            self._post(thread, f"{self.name}-{number}{THREAT if number % THREAT_EVERY == 0 else ''}")
            self.stop.wait(BETWEEN)

    def _post(self, thread: str, body: str) -> None:
        while not self.stop.is_set():
            sent = time.monotonic()
            try:
                answer = self.client.say(thread, body, key=body)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 201:
                document = answer.json()
                at = time.monotonic()
                told = Acknowledged(body, document["id"], document["receipt"]["seq"], thread, sent, at)
                self.acknowledged.append(told)
                return
            if answer is not None and answer.status_code not in (429, 503):
                self.surprises.append(f"{answer.status_code} {answer.text}")
            self.retries += 1
            time.sleep(AGAIN)
        self.unanswered.append(body)


def posters(desk: RunningDesk, people: list[Person], stop: threading.Event) -> list[Poster]:
    """One for each person, signed in, with their threads open."""
    clients = [desk.client(person) for person in people]
    shared = clients[0].open("Shared by all")
    return [
        Poster(f"p{number}", client, client.open(f"Of person {number}"), shared, stop)
        for number, client in enumerate(clients)
    ]
