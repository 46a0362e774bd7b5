"""How long a failed job waits before its next attempt: pure functions of numbers."""

from datetime import timedelta

FIRST = 5  # seconds after the first failure; it doubles with each one
LONGEST = 3_600  # seconds
JITTER = 0.2  # of it, at random on top, so that jobs that failed together do not come back together


def backoff(failures: int, chance: float) -> timedelta:
    """The wait after this many failures (1 or more); `chance` is a random number from 0 to 1."""
    seconds = min(LONGEST, FIRST * 2 ** min(failures - 1, 20))
    return timedelta(seconds=seconds * (1 + JITTER * chance))
