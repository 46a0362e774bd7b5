"""Delete finished jobs that are kept no longer (KEEP_FINISHED_DAYS), off the path of requests.

A look finds them by the index of ends, without holding up a writer; a slice of them is deleted in a transaction of its
own, whose length follows from how long the last one took. Several processes may do it at once: one of them finds a job
gone.

What is not counted in the minutes yet is not deleted, so the minutes keep their counts.
"""

from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from flask import current_app
from sqlalchemy import Connection

from dashboard.config import Kept
from dashboard.core.job import JobStatus
from dashboard.core.minutes import MINUTE
from dashboard.database import clock
from dashboard.database.planner import by_indexes
from dashboard.database.transactions import reading, write
from dashboard.store import finished, minutes

EVERY = 60.0  # seconds between two looks for what is old, where there was no more
LOOK = 500  # jobs that one look goes through
SLICE_MIN, SLICE_MAX = 10, 500  # jobs that one transaction deletes
# Seconds that it takes for it. On SQLite all writers wait meanwhile, and for its commit, which takes twice as long; on
# PostgreSQL nobody does but one that has the same row of the tally, for the commit.
WANTED = {"sqlite": 0.002, "postgresql": 0.01}
REMEMBERED = 86_400.0  # seconds: then it looks from the beginning, for an import brings jobs with old ends

Walk = tuple[float, JobStatus]  # one for each limit in days and each status


class Retention:
    """What this process remembers: where each of its walks along the ends is, and how much a slice may delete."""

    def __init__(self, kept: Kept) -> None:
        self._kept: Final = kept
        self._walks: Final[list[Walk]] = [(days, status) for days in kept.limits for status in finished.STATUSES]
        self._places: dict[Walk, tuple[datetime, int]] = {}
        self._size = 20
        self._next = self._forgets = 0.0

    def sweep(self) -> bool:
        """Delete one slice; whether there may be more at once."""
        if not self._walks or monotonic() < self._next:
            return False
        if monotonic() >= self._forgets:
            self._places.clear()
            self._forgets = monotonic() + REMEMBERED
        is_more = [self._step(walk) for walk in self._walks]  # each a step: not all that completed before the failed
        if any(is_more):
            return True
        self._next = monotonic() + EVERY
        return False

    def _step(self, walk: Walk) -> bool:
        days, status = walk
        with reading() as tx:
            by_indexes(tx)
            if (before := _counted(tx)) is None:
                return False
            before = min(before, clock.now(tx) - timedelta(days=days))
            found = finished.oldest(tx, status, self._places.get(walk, finished.START), before, LOOK)
        old = [job for job in found if self._kept.of(job.type) == days]
        now, later = old[: self._size], old[self._size :]
        if now:
            self._delete([job.seq for job in now])
        if found:
            last = now[-1] if later else found[-1]
            self._places[walk] = (last.at, last.seq)
        return bool(later) or len(found) == LOOK

    def _delete(self, seqs: list[int]) -> None:
        fitting = int(len(seqs) / write(lambda tx: _delete(tx, seqs)))
        # One that was slow by chance, as on a busy machine, makes the next ones not tiny.
        self._size = max(SLICE_MIN, self._size // 2, min(SLICE_MAX, 2 * self._size, fitting))


def _counted(tx: Connection) -> datetime | None:
    """What ended before then is counted for good; None while jobs that came in with a past wait to be counted."""
    state = minutes.state(tx)
    return None if state.has_past else minutes.time_of(state.minute - MINUTE)


def _delete(tx: Connection, seqs: list[int]) -> float:
    """Delete them; returns how long it took, in parts of what is wanted."""
    began = monotonic()
    finished.delete_each(tx, seqs)
    return max(monotonic() - began, 1e-6) / WANTED[tx.dialect.name]


def retention() -> Retention:
    """This process's."""
    found: Retention = current_app.extensions["retention"]
    return found
