"""When a process may end overdue runs: not while workers that are well may not have been heard."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic

JUMP = 5  # seconds that the clock may move against the monotonic one

SILENCE = 5  # seconds without a look at that clock, which is the database's: longer means that it was away, or we were


class Grace:
    """A time of `seconds` that begins with the process, and again after its database was away or the clock jumped."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._looked: float | None = None  # when the clock that judges leases was last looked at
        self._ahead = 0.0  # how far it was before the monotonic one then
        self.begin()

    def begin(self) -> None:
        self._until = self._clock() + self._seconds

    def is_over(self) -> bool:
        return self._clock() >= self._until

    def is_over_at(self, now: datetime) -> bool:
        """The same, by a look at the clock that judges leases; who is about to end runs takes one first."""
        looked = self._clock()
        ahead = (now - datetime.min).total_seconds() - looked
        if self._looked is not None and (looked - self._looked > SILENCE or abs(ahead - self._ahead) > JUMP):
            self.begin()
        self._looked, self._ahead = looked, ahead
        return self.is_over()
