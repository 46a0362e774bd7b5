"""When a process may end overdue runs: not while workers that are well may not have been heard."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic

JUMP = 5  # seconds that the clock may move against the monotonic one


class Grace:
    """A time of `seconds` that begins with the process, and again after its database was away or the clock jumped."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._ahead: float | None = None  # of the clock that judges leases, before the monotonic one
        self.begin()

    def begin(self) -> None:
        self._until = self._clock() + self._seconds

    def is_over(self) -> bool:
        return self._clock() >= self._until

    def watch(self, now: datetime) -> None:
        """Compare the clock that judges leases with the monotonic one; begin again where it has jumped."""
        ahead = (now - datetime.min).total_seconds() - self._clock()
        if self._ahead is not None and abs(ahead - self._ahead) > JUMP:
            self.begin()
        self._ahead = ahead
