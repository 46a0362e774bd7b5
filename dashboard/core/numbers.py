"""What this process counts of itself, in memory that the other processes of its server read.

A key is some words; it has a few numbers, in a record of fixed size. A server with several processes gives each a part
of a memory that they share. A process that takes the place of another one goes on from what is there, so what is
counted never goes down.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator
from mmap import mmap

PART = 1 << 20  # bytes of a process, of which the operating system gives as many as are used

# In seconds, of a histogram; a further bucket has what takes longer.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)

_KEY, _NUMBERS = 48, 2 + len(BOUNDS)  # doubles of a record
_RECORD = _KEY + _NUMBERS

Key = tuple[str, ...]

# What is counted.
COMMITS: Key = ("commits",)  # transactions that wrote, and the writes that they had
EXPIRED: Key = ("expired",)  # jobs that it was too late to begin
LEASES: Key = ("leases",)  # that ran out
RETRIED: Key = ("retried",)  # jobs that failed, or whose lease ran out, and are tried again
WAITING: Key = ("waiting",)  # claims that wait for a job now
REQUESTS, ERRORS = "requests", "errors"  # with method, route and status; with the kind of the database's error


class Numbers:
    """Of one process. Whoever counts must not let another greenlet run meanwhile, and none of this does."""

    def __init__(self) -> None:
        self.share(mmap(-1, PART), 0)

    def share(self, memory: mmap, place: int) -> None:
        """Go on in this part of a memory that all processes of the server have."""
        self._parts = memoryview(memory)
        self._bytes = self._parts[place * PART : (place + 1) * PART]
        self._doubles: memoryview[float] = self._bytes.cast("d")
        self._places = {key: start + _KEY for key, start in _records(self._bytes)}
        if WAITING in self._places:  # those of a process that was killed
            self._doubles[self._places[WAITING]] = 0

    def add(self, key: Key, *amounts: float) -> None:
        """Count; a key has as many numbers as amounts."""
        if (place := self._places.get(key)) is None and (place := self._place_for(key)) is None:
            return
        for amount in amounts:
            self._doubles[place] += amount
            place += 1

    def observe(self, key: Key, seconds: float) -> None:
        """Count a duration: the first number is the sum, those that follow are how many are in each bucket."""
        if (place := self._places.get(key)) is None and (place := self._place_for(key)) is None:
            return
        self._doubles[place] += seconds
        self._doubles[place + 1 + bisect_left(BOUNDS, seconds)] += 1

    def failed(self, error: Exception) -> None:
        """The database could not do what it was to do."""
        self.add((ERRORS, type(error).__name__), 1)

    def of_all(self) -> dict[Key, list[float]]:
        """By key, the sums of all processes."""
        found: dict[Key, list[float]] = {}
        for first in range(0, len(self._parts), PART):
            part = self._parts[first : first + PART]
            doubles: memoryview[float] = part.cast("d")
            for key, start in _records(part):
                own = list(doubles[start + _KEY : start + _RECORD])
                found[key] = [a + b for a, b in zip(found[key], own, strict=True)] if key in found else own
        return found

    def _place_for(self, key: Key) -> int | None:
        """A new record's numbers; None where the memory is full, which no number of requests brings about."""
        text = json.dumps(key).encode().ljust(8 * _KEY, b"\0")
        start = len(self._places) * _RECORD
        if len(text) > 8 * _KEY or start + _RECORD > len(self._doubles):
            return None
        self._bytes[8 * start : 8 * (start + _KEY)] = text
        self._places[key] = start + _KEY
        return start + _KEY


def _records(part: memoryview) -> Iterator[tuple[Key, int]]:
    """The keys, and where their records begin, in doubles; one that is being written is left out."""
    for start in range(0, len(part) // 8 - _RECORD + 1, _RECORD):
        text = bytes(part[8 * start : 8 * (start + _KEY)]).rstrip(b"\0")
        try:
            yield tuple(json.loads(text)), start
        except ValueError:
            return
