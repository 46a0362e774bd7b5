"""Whether the queue is healthy now: what the rules of core/verdict.py look at, read in one transaction.

The verdict stands on the page of the jobs, whose poll asks for nothing but the revision. So each process remembers it,
and the housekeeper finds it anew while somebody looks at it.
"""

from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection

from dashboard.core.minutes import HOUR, MINUTE
from dashboard.core.verdict import (
    FAILING_MINUTES,
    GROWING_MINUTES,
    FailingType,
    Verdict,
    failing_since,
    growth,
    is_failing,
    still_for,
)
from dashboard.database import clock
from dashboard.database.planner import by_indexes
from dashboard.database.transactions import reading
from dashboard.services.memory import memory
from dashboard.services.overdue import TYPES_KNOWN, Limits, usual_times
from dashboard.store import minute_sums, minutes, overview, reasons

T = TypeVar("T")

LOOK_BACK = 6 * HOUR  # seconds in which it is looked for when a type began to fail
LASTS, RENEWED = 5.0, 3.0  # seconds for which a verdict is good, and after which the housekeeper finds it anew
WATCHED = 60.0  # seconds since somebody looked at it, for which it does


class Look:
    """What is read once, for the verdict and the rest."""

    def __init__(self, tx: Connection) -> None:
        self.tx = tx
        self.now = clock.now(tx)
        self.minute = minutes.minute_of(self.now)
        self.state = minutes.state(tx)
        by_indexes(tx)
        self.running = overview.running(tx)
        self.oldest = overview.oldest_ready(tx)
        self.usual = usual_times(tx, self.now)
        limits = Limits(self.usual, self.now)
        self.overdue = [job for job in self.running if job.started_at < limits[job.type]]
        start = self.minute - GROWING_MINUTES * MINUTE
        last = self.counted(("last", self.minute), lambda: minute_sums.slots(tx, MINUTE, start, self.minute, MINUTE))
        self.last_minutes = [last.get(at) for at in range(start, self.minute, MINUTE)]

    def counted(self, name: Hashable, make: Callable[[], T]) -> T:
        """What was made of the table of minutes under this name."""
        return memory().counts.of(self.state.content, name, make)

    def verdict(self) -> Verdict:
        still = still_for(self.now, self.oldest, overview.last_start(self.tx)) if self.oldest else None
        failing = self.counted(("failing", self.minute), self._failing_types)
        last = reasons.last_failure(self.tx)
        lately = last is not None and self.now - last < timedelta(seconds=HOUR)
        return Verdict(len(self.overdue), failing, still, growth(self.last_minutes), lately)

    def _failing_types(self) -> tuple[FailingType, ...]:
        start = self.minute - (FAILING_MINUTES - 1) * MINUTE
        recent = minute_sums.by_type(self.tx, MINUTE, start, self.minute + MINUTE, TYPES_KNOWN)
        failing = {name: each for name, each in recent.items() if is_failing(each.failed, each.ended)}
        ends: dict[str, dict[int, tuple[int, int]]] = {name: {} for name in failing}
        for row in minute_sums.ends_of(self.tx, [*failing], self.minute - LOOK_BACK):
            ends[row.type][row.at] = row.completed, row.failed
        found = [
            FailingType(name, each.failed, each.failed_share, failing_since(ends[name], self.minute))
            for name, each in failing.items()
        ]
        return tuple(sorted(found, key=lambda each: -each.failed))


def recent(tx: Connection) -> Verdict:
    """As this process found it in the last seconds."""
    known = memory().known
    found = known.asked()
    return known.learn(Look(tx).verdict()) if found is None or known.age > LASTS else found


def known() -> Verdict | None:
    """As this process found it last; None where it never has. It asks the database for nothing."""
    return memory().known.asked()


def renew() -> None:
    """Find it anew, if somebody looks at it."""
    known = memory().known
    if known.unasked_for < WATCHED and known.age > RENEWED:
        with reading() as tx:
            known.learn(Look(tx).verdict())
