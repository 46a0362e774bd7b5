"""Which jobs run far longer than those of their type usually do."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dashboard.core.histogram import percentile
from dashboard.core.minutes import DAY, HOUR, MINUTE
from dashboard.core.verdict import OVERDUE_LEAST, may_run
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


class Limits(dict[str, datetime]):
    """By type: what was started before then, and still runs, is overdue."""

    def __init__(self, usual: Mapping[str, float | None], now: datetime) -> None:
        super().__init__()
        self._usual, self._now = usual, now

    def __missing__(self, name: str) -> datetime:
        self[name] = self._now - timedelta(seconds=may_run(self._usual.get(name)))
        return self[name]


def overdue(tx: Connection, lines: list[JobLine], now: datetime) -> dict[int, float | None]:
    """Of some jobs that run those that are overdue: their seqs, and the usual p95, None where that is not known.

    It asks for nothing unless one of them has run for long.
    """
    least = now - timedelta(seconds=OVERDUE_LEAST)
    old = [(each.seq, each.type, each.started_at) for each in lines if each.started_at and not each.completed_at]
    old = [(seq, name, start) for seq, name, start in old if start < least]
    usual = usual_times(tx, now) if old else {}
    limits = Limits(usual, now)
    return {seq: usual.get(name) for seq, name, start in old if start < limits[name]}
