"""Which jobs run far longer than those of their type usually do."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from dashboard.core.histogram import percentile
from dashboard.core.minutes import DAY, HOUR, MINUTE
from dashboard.core.verdict import may_run
from dashboard.services.memory import memory
from dashboard.store import minute_sums, minutes
from dashboard.store.listing import JobLine

TYPES_KNOWN = 100  # of which the usual time is looked up


def usual_times(tx: Connection, now: datetime) -> Mapping[str, float | None]:
    """The p95 of each type in the last 24 hours, in seconds, as this process found it in this minute."""
    minute = minutes.minute_of(now)

    def look() -> Mapping[str, float | None]:
        day = minute_sums.by_type(tx, HOUR, minute - DAY, minute + MINUTE, TYPES_KNOWN)
        return {name: percentile(each.ran, 0.95) for name, each in day.items()}

    return memory().usual.of(minute, "usual", look)


def is_overdue(started_at: datetime, now: datetime, usual_p95: float | None) -> bool:
    """Whether a job that was started then, and still runs, is overdue."""
    return (now - started_at).total_seconds() > may_run(usual_p95)


def overdue(tx: Connection, lines: list[JobLine], now: datetime) -> dict[int, float | None]:
    """Of some jobs that run those that are overdue: their seqs, and the usual p95, None where that is not known.

    It asks for nothing unless one of them has run for long.
    """
    old = [
        (line.seq, line.type, line.started_at)
        for line in lines
        if line.started_at and not line.completed_at and is_overdue(line.started_at, now, None)
    ]
    usual = usual_times(tx, now) if old else {}
    return {seq: usual.get(name) for seq, name, start in old if is_overdue(start, now, usual.get(name))}
