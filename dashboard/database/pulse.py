"""How long writes have waited without one of them getting through."""

from time import monotonic

STUCK_AFTER = 10.0  # seconds without one while some wait: no write takes as long by itself


class Pulse:
    """Of the writes of this process."""

    def __init__(self) -> None:
        self._waiting = 0
        self._since = 0.0  # the last one that got through, or the beginning of the first that waits

    def begin(self) -> None:
        if not self._waiting:
            self._since = monotonic()
        self._waiting += 1

    def end(self, is_through: bool) -> None:
        """One ended; the database did what it was to do, or refused by its own rules (`is_through`), or could not."""
        self._waiting -= 1
        if is_through:
            self._since = monotonic()

    def is_stuck(self) -> bool:
        return self._waiting > 0 and monotonic() - self._since > STUCK_AFTER
