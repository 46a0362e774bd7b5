"""The process-local priority queue: a heap of candidates for the next claim, behind a lock.

It is an index over the PENDING rows, never the truth. An entry may be stale (its job was claimed elsewhere, or
called off); the guarded UPDATE of the claim that pops it finds out, and the claim pops the next.

It need not hold more than it will hand out soon. The heap is a window on the whole order: every candidate that comes
before the `_floor` is in it, and those behind are only counted until a refill brings them nearer. So a process that
starts on a million jobs is ready at once, and the order stays exact.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush, nsmallest
from threading import Lock
from time import monotonic
from typing import NamedTuple

WINDOW = 200  # entries that a refill asks for; the heap may grow to twice that, and is refilled at half of it


class Entry(NamedTuple):
    """A candidate: sorts by priority, the largest first, then by age, the oldest first."""

    rank: int  # the priority, negated
    seq: int  # the job's key, which grows with every job


class ClaimQueue:
    """Safe to share between threads; each process has its own.

    `cursor` is the largest seq that has been taken in, or None before the first refill. `claimed` are the last
    entries that were handed out, as many as may be in flight: until that is committed, others see their jobs PENDING.
    """

    def __init__(self, in_flight: int) -> None:
        self._in_flight = in_flight
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        """Start over: the next user refills it."""
        with self._lock:
            self.cursor: int | None = None
            self.woken = 0  # as the last refill found it
            self.claimed: deque[Entry] = deque(maxlen=self._in_flight)
            self._heap: list[Entry] = []
            self._floor: Entry | None = None  # the last entry of the window; None when the window is everything
            self._behind = 0  # candidates behind the floor
            self._refilled = monotonic()

    def __len__(self) -> int:
        return len(self._heap) + self._behind

    def runs_low(self) -> bool:
        return self._behind > 0 and len(self._heap) < WINDOW // 2

    def seconds_since_refill(self) -> float:
        return monotonic() - self._refilled

    def refill(self, rows: Iterable[tuple[int, int]], cursor: int, total: int, woken: int) -> None:
        """Take in the first (seq, priority) in claim order of `total` PENDING rows, and forget the rest.

        `cursor` is the largest seq there is, `woken` the count of jobs that became ready behind a cursor.
        """
        with self._lock:
            self._heap = [Entry(-priority, seq) for seq, priority in rows]
            heapify(self._heap)
            self._refilled = monotonic()
            self._behind = max(0, total - len(self._heap))
            self._floor = max(self._heap, default=None) if self._behind else None
            self.cursor = cursor
            self.woken = woken

    def catch_up(self, after: int, rows: Sequence[tuple[int, int]]) -> None:
        """Take in (seq, priority) of all PENDING rows with a seq past `after`, oldest first.

        Two claims may have read the same rows, where nothing keeps one from the other: what is behind the cursor by
        now is passed over.
        """
        with self._lock:
            if self.cursor is None or self.cursor < after:
                return  # forget() was called meanwhile: with these rows alone, earlier ones would be missing
            for seq, priority in rows:
                if seq > self.cursor:
                    self._add(Entry(-priority, seq))
                    self.cursor = seq
            if len(self._heap) > 2 * WINDOW:
                self._behind += len(self._heap) - WINDOW
                self._heap = nsmallest(WINDOW, self._heap)  # a sorted list is a heap
                self._floor = self._heap[-1]

    def _add(self, entry: Entry) -> None:
        if self._floor is None or entry < self._floor:
            heappush(self._heap, entry)
        else:
            self._behind += 1

    def pop(self, limit: int) -> list[int]:
        """Take out the seqs of the next candidates; none when a refill has to say whether there is one."""
        with self._lock:
            return [heappop(self._heap).seq for _ in range(min(limit, len(self._heap)))]

    def snapshot(self, limit: int) -> "Snapshot | None":
        """The first `limit` entries in claim order, stale ones among them; None when they are not all known by name."""
        with self._lock:
            if self.cursor is None or (self._behind and len(self._heap) < limit):
                return None
            return Snapshot(nsmallest(limit, self._heap), self.cursor, len(self))


class Snapshot(NamedTuple):
    entries: list[Entry]
    cursor: int
    total: int
