"""Whether the queue is healthy: fixed rules over what was counted, and the words for what they find."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from dashboard.core.minutes import MINUTE, Sum

OVERDUE_LEAST, OVERDUE_TIMES = 300.0, 10  # seconds; times the usual p95 of its type
FAILING_LEAST, FAILING_SHARE, FAILING_MINUTES = 5, 0.05, 15
STILL = timedelta(minutes=5)
GROWING_MINUTES = 10


class Word(StrEnum):
    """What one reads first, with its shape."""

    HEALTHY = "Healthy"
    ATTENTION = "Needs attention"
    STILL = "Stands still"


SHAPES = {Word.HEALTHY: "✓", Word.ATTENTION: "▲", Word.STILL: "■"}

RULES = (
    "Overdue: runs longer than 5 minutes and 10 times the p95 of its type in the last 24 hours. "
    "Failing: at least 5 jobs of a type, and 5 % of those that ended, failed in the last 15 minutes. "
    "Stands still: a job has waited, and none was started, for 5 minutes. "
    "Growing: more jobs were created than started in each of the last 10 minutes."
)


class FailingType(NamedTuple):
    """A type whose jobs fail: how many in the last 15 minutes, which share of those that ended, and since when."""

    type: str
    failed: int
    share: float
    since: int  # the minute, in seconds since 1970


class Verdict(NamedTuple):
    """What is wrong, if anything is."""

    overdue: int
    failing: tuple[FailingType, ...]
    still: timedelta | None  # for so long
    growth: float | None  # jobs a minute
    failed_lately: bool = False  # whether any job failed in the last hour, which alone is nothing unusual

    @property
    def word(self) -> Word:
        if self.still is not None:
            return Word.STILL
        return Word.ATTENTION if self.overdue or self.failing or self.growth is not None else Word.HEALTHY

    @property
    def shape(self) -> str:
        return SHAPES[self.word]


def may_run(usual_p95: float | None) -> float:
    """The seconds after which a job is overdue whose type usually takes so long (p95; None: it is not known)."""
    return max(OVERDUE_LEAST, OVERDUE_TIMES * (usual_p95 or 0))


def is_failing(failed: int, ended: int) -> bool:
    """Of what ended in FAILING_MINUTES."""
    return failed >= FAILING_LEAST and failed >= FAILING_SHARE * ended


def failing_since(ends: Mapping[int, tuple[int, int]], newest: int) -> int:
    """The minute of the first failure of the time, up to the newest minute, in which the rule held without a break.

    `ends` has (completed, failed) of each minute in which a job of the type ended.
    """

    nothing = 0, 0
    span = FAILING_MINUTES * MINUTE

    def window(end: int) -> range:
        return range(end + MINUTE - span, end + MINUTE, MINUTE)

    first = newest
    before = [ends.get(at, nothing) for at in window(first - MINUTE)]
    completed, failed = sum(good for good, _ in before), sum(bad for _, bad in before)
    while is_failing(failed, completed + failed):  # in the window that ends a minute before `first`
        first -= MINUTE
        (left_good, left_bad), (good, bad) = ends.get(first, nothing), ends.get(first - span, nothing)
        completed, failed = completed + good - left_good, failed + bad - left_bad
    return next((at for at in window(first) if ends.get(at, nothing)[1]), first)


def still_for(now: datetime, oldest_waiting: datetime | None, last_start: datetime | None) -> timedelta | None:
    """For how long a job has waited and none was started, where that is long enough to tell."""
    if oldest_waiting is None:
        return None
    span = now - max(oldest_waiting, last_start or oldest_waiting)
    return span if span >= STILL else None


def growth(minutes: Sequence[Sum | None]) -> float | None:
    """By how many jobs a minute the backlog grew in the last GROWING_MINUTES whole minutes, where each had more
    arrivals than starts; None stands for a minute in which nothing happened."""
    found = [each.created - each.started if each else 0 for each in minutes]
    if len(found) < GROWING_MINUTES or min(found) <= 0:
        return None
    return sum(found) / len(found)
