"""Being told to stop: a signal is noted, and the next wait ends with `Stopped`, so that nothing is cut in the middle."""

import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """The operator, or the machine, asked for the end."""


class Stop:
    """Waits that a signal ends. Used from the main thread, where Python handles signals."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._asked = False

    def listen(self) -> None:
        """Take over the signals that ask for an end, and the one that tells of a child's."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, self._on_signal)

    def ask(self) -> None:
        """Ask for the end."""
        self._asked = True
        self._woken.set()

    def pause(self, seconds: float) -> None:
        """Wait, at most `seconds`; less when a child ends. Raises `Stopped` once an end was asked for."""
        if not self._asked:
            self._woken.wait(seconds)
            self._woken.clear()
        if self._asked:
            raise Stopped

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number in SIGNALS:
            self._asked = True
        self._woken.set()
