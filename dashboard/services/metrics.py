"""What /metrics tells of the jobs: read in one transaction, as much whatever their number."""

from typing import NamedTuple

from dashboard.core.minutes import Sum
from dashboard.database import clock
from dashboard.database.transactions import reading
from dashboard.services import totals, verdict
from dashboard.store import by_type, counts, overview, pause


class Jobs(NamedTuple):
    """The numbers now, and what was counted since the totals began."""

    tally: counts.Tally
    ready: dict[str, int]  # by type, as are the next two
    running: dict[str, int]
    sums: dict[str, Sum]
    oldest_ready: float  # seconds that it has waited; 0 where none does
    overdue: int
    is_paused: bool


def look() -> Jobs:
    with reading() as tx:
        tally = counts.counts(tx)
        oldest = overview.oldest_ready(tx)
        return Jobs(
            tally,
            by_type.ready(tx, tally.pending - tally.delayed),
            by_type.running(tx, tally.running),
            totals.sums(tx),
            max(0.0, (clock.now(tx) - oldest).total_seconds()) if oldest else 0.0,
            verdict.recent(tx).overdue,
            pause.get(tx) is not None,
        )
