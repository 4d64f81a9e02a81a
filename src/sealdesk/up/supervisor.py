"""Keep parts alive; take them down together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sealdesk.core.faults import Fault
from sealdesk.up.part import Child

FIRST_DELAY = 0.1  # seconds before a part that died starts again
LONGEST_DELAY = 5.0
STEADY = 20.0  # seconds after which a part has proven itself and the delay begins anew
HEARTBEAT = 1.0


class Supervised(Protocol):
    """What the supervisor keeps alive."""

    name: str

    def start(self) -> None: ...
    def ended(self) -> str | None: ...
    def stop(self) -> None: ...


@dataclass(slots=True)
class Post:
    """A supervised part and when it may start again (seconds of the monotonic clock)."""

    part: Supervised
    started: float
    delay: float = FIRST_DELAY
    due: float | None = None


class Supervisor:
    """Holds the running parts in the order of their start. `pause` waits and raises when it is time to stop; `tell` takes lines."""

    def __init__(self, pause: Callable[[float], None], tell: Callable[[str], None]) -> None:
        self._pause = pause
        self._tell = tell
        self._posts: list[Post] = []

    def add(self, part: Supervised) -> None:
        """Start a part and look after it from now on. Raises `Fault`."""
        part.start()
        self._posts.append(Post(part, time.monotonic()))

    def await_ready(self, children: Sequence[Child]) -> None:
        """Wait until each answers. Raises `Fault` when one ends before that, or takes too long."""
        for child in children:
            until = time.monotonic() + child.part.patience
            while not child.part.ready():
                if how := child.ended():
                    raise Fault(f"The {child.name} did not start: {child.last_words() or how}")
                if time.monotonic() > until:
                    raise Fault(f"The {child.name} does not answer; it was given {child.part.patience:.0f} seconds.")
                self._pause(0.05)

    def watch(self) -> None:
        """Start again whatever ends, until `pause` raises."""
        while True:
            for post in self._posts:
                self._look_after(post)
            waiting = [post.due - time.monotonic() for post in self._posts if post.due is not None]
            self._pause(max(0.01, min(waiting, default=HEARTBEAT)))

    def take_down(self) -> None:
        """Stop each, the last started first: nobody loses what it still needs."""
        for post in reversed(self._posts):
            post.part.stop()
        self._posts.clear()

    def _look_after(self, post: Post) -> None:
        now = time.monotonic()
        how = post.part.ended()
        if how is None:
            return
        if post.due is None:
            post.delay = FIRST_DELAY if now - post.started > STEADY else min(2 * post.delay, LONGEST_DELAY)
            post.due = now + post.delay
            self._tell(f"The {post.part.name} ended ({how}); it starts again.")
            return
        if now < post.due:
            return
        post.part.stop()
        try:
            post.part.start()
        except Fault as fault:
            self._tell(str(fault))
        post.started, post.due = time.monotonic(), None
