"""All numbers of the Overview, read in one transaction.

Whatever the number of jobs, it reads as much: rows of minutes, and heads of indexes up to fixed limits. What is cut
by a limit says so. Percentiles come from histograms: mostly within 15 % (core/histogram.py). Times are UTC without a
zone, spans of time are seconds unless they are timedeltas.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection

from dashboard.core.histogram import percentile
from dashboard.core.minutes import DAY, HOUR, MINUTE, TWELVE_MINUTES, Sum
from dashboard.core.verdict import GROWING_MINUTES, Verdict
from dashboard.database import clock
from dashboard.services import claims as claim_service
from dashboard.services.overdue import TYPES_KNOWN
from dashboard.services.verdict import Look
from dashboard.store import counts, minute_sums, minutes, oldest, overview, reasons
from dashboard.store.queued import QueuedJob

SLOTS = 60
SHOWN, TYPES_SHOWN, NEXT_SHOWN = 8, 12, 5
SPARK = 12  # parts of the range in which a group's failures are counted


class Range(StrEnum):
    """The time that the Overview is about; the value stands in its address."""

    HOUR = "1h"
    SIX_HOURS = "6h"
    DAY = "24h"
    WEEK = "7d"


class _Steps(NamedTuple):
    slot: int  # seconds of one of the SLOTS
    span: int  # of the rows that the slots are made of
    type_span: int  # of the rows that the types' sums are made of


_STEPS = {
    Range.HOUR: _Steps(MINUTE, MINUTE, MINUTE),
    Range.SIX_HOURS: _Steps(6 * MINUTE, MINUTE, TWELVE_MINUTES),
    Range.DAY: _Steps(24 * MINUTE, TWELVE_MINUTES, HOUR),
    Range.WEEK: _Steps(168 * MINUTE, TWELVE_MINUTES, HOUR),
}


class Slot(NamedTuple):
    """One of the SLOTS of the charts, all types together; the last one goes on."""

    at: datetime
    seconds: int
    sum: Sum
    waited_p50: float | None
    waited_p95: float | None
    oldest: int | None  # seconds that the oldest that waited had waited, at the most


class Tiles(NamedTuple):
    """The six numbers. Rates and percentiles are of the range, `in` and `out` of the last ten whole minutes."""

    waiting: int  # ready: without those that are for later
    later: int
    oldest_waiting: datetime | None  # when it was created; of the ten highest priorities
    running: int
    longest_running: datetime | None  # when it was started
    done_an_hour: float
    failed_an_hour: float
    failed_share: float  # of what ended, from 0 to 1
    waited_p50: float | None
    waited_p95: float | None
    in_a_minute: float  # created
    out_a_minute: float  # started
    empty_in: timedelta | None  # at that pace; None: never


class TooLong(NamedTuple):
    """A job that is overdue."""

    id: str
    type: str
    started_at: datetime
    runs: timedelta
    usual_p95: float | None  # of its type in the last 24 hours; None where none ended then
    times: float | None  # how many times as long it has run


class FailingGroup(NamedTuple):
    """Failures of one type for the same reason."""

    type: str
    reason_key: str  # what a filter by reason takes; empty where no reason was given
    line: str  # the first line of the last failure's reason
    number: int  # in the range
    is_whole: bool  # else it is "at least"
    last_hour: int
    since: datetime  # the first of these
    last: datetime
    spark: tuple[int, ...]  # how many in each SPARK-th of the range


class TypeRow(NamedTuple):
    """A type, by what happened to its jobs in the range, and a day earlier."""

    type: str
    ready: overview.Ready
    running: int
    sum: Sum
    yesterday: Sum  # of the same range, 24 hours earlier
    done_an_hour: float
    failed_an_hour: float
    waited_p50: float | None
    waited_p95: float | None
    ran_p50: float | None
    ran_p95: float | None


class NextClaim(NamedTuple):
    """One of the next claims, and when it comes at the pace of the last ten minutes; None: nothing is started."""

    job: QueuedJob
    comes_in: timedelta | None


class Overview(NamedTuple):
    """Everything that the page shows."""

    range: Range
    now: datetime
    counted_at: datetime | None  # how new the counts are; None: nothing was counted yet
    verdict: Verdict
    tiles: Tiles
    slots: tuple[Slot, ...]
    running_seen: int  # RUNNING jobs that were looked at: fewer than there are, where there are very many
    too_long: tuple[TooLong, ...]  # up to SHOWN; verdict.overdue is how many there are
    failing: tuple[FailingGroup, ...]
    types: tuple[TypeRow, ...]
    next: tuple[NextClaim, ...]


def tag(tx: Connection) -> str:
    """Changes when the Overview may have changed: with every job, every count, and every minute."""
    state = minutes.state(tx)
    return f"{state.revision}.{state.version}.{minutes.minute_of(clock.now(tx))}"


def overview_of(tx: Connection, chosen: Range) -> Overview:
    """All of it, for a range."""
    look = _Look(tx)
    steps = _STEPS[chosen]
    since = look.minute // steps.slot * steps.slot - (SLOTS - 1) * steps.slot
    slots = look.slots(steps, since)
    hours = SLOTS * steps.slot / HOUR
    total = _total([slot.sum for slot in slots])
    return Overview(
        range=chosen,
        now=look.now,
        counted_at=look.state.counted_at,
        verdict=look.verdict(),
        tiles=look.tiles(total, hours),
        slots=slots,
        running_seen=len(look.running),
        too_long=tuple(map(look.too_long, look.overdue[:SHOWN])),
        failing=look.failing(since),
        types=look.types(steps.type_span, since, hours),
        next=look.next(),
    )


class _Look(Look):
    """What the verdict looks at, and the rest."""

    def __init__(self, tx: Connection) -> None:
        super().__init__(tx)
        self.tally = counts.counts(tx)
        self.running_of = Counter(job.type for job in self.running)

    def slots(self, steps: _Steps, since: int) -> tuple[Slot, ...]:
        def make() -> tuple[Slot, ...]:
            found = minute_sums.slots(self.tx, steps.span, since, self.minute + MINUTE, steps.slot)
            waited = oldest.slots(self.tx, since, self.minute + MINUTE, steps.slot)
            places = range(since, since + SLOTS * steps.slot, steps.slot)
            return tuple(_slot(at, steps.slot, found.get(at, Sum()), waited.get(at)) for at in places)

        return self.counted(("slots", steps, since, self.minute), make)

    def too_long(self, job: overview.RunningJob) -> TooLong:
        runs, usual = self.now - job.started_at, self.usual.get(job.type)
        times = runs.total_seconds() / usual if usual else None
        return TooLong(job.id, job.type, job.started_at, runs, usual, times)

    def tiles(self, total: Sum, hours: float) -> Tiles:
        waiting = self.tally.pending - self.tally.delayed
        arrived, started = self._pace()
        return Tiles(
            waiting=waiting,
            later=self.tally.delayed,
            oldest_waiting=self.oldest,
            running=self.tally.running,
            longest_running=self.running[0].started_at if self.running else None,
            done_an_hour=total.completed / hours,
            failed_an_hour=total.failed / hours,
            failed_share=total.failed_share,
            waited_p50=percentile(total.waited, 0.5),
            waited_p95=percentile(total.waited, 0.95),
            in_a_minute=arrived,
            out_a_minute=started,
            empty_in=timedelta(minutes=waiting / (started - arrived)) if started > arrived else None,
        )

    def _pace(self) -> tuple[float, float]:
        """Jobs created and started a minute."""
        total = _total([each for each in self.last_minutes if each])
        return total.created / GROWING_MINUTES, total.started / GROWING_MINUTES

    def types(self, span: int, since: int, hours: float) -> tuple[TypeRow, ...]:
        """Those that had most to do in the range, then those that only wait or run now."""
        start, end = since // span * span, self.minute + MINUTE

        def sums(since: int, until: int, limit: int) -> dict[str, Sum]:
            name = "types", span, since, until, limit
            return self.counted(name, lambda: minute_sums.by_type(self.tx, span, since, until, limit))

        now = sums(start, end, TYPES_SHOWN)
        waits = self.counted("types that wait", lambda: overview.ready_types(self.tx, TYPES_SHOWN))
        names = [*now, *waits, *self.running_of]
        before = sums(start - DAY, end - DAY, TYPES_KNOWN)
        return tuple(self._type(name, now, before, hours) for name in [*dict.fromkeys(names)][:TYPES_SHOWN])

    def _type(self, name: str, now: Mapping[str, Sum], before: Mapping[str, Sum], hours: float) -> TypeRow:
        found = now.get(name, Sum())
        return TypeRow(
            type=name,
            ready=self.counted(("waits", name), lambda: overview.ready_of(self.tx, name)),
            running=self.running_of[name],
            sum=found,
            yesterday=before.get(name, Sum()),
            done_an_hour=found.completed / hours,
            failed_an_hour=found.failed / hours,
            waited_p50=percentile(found.waited, 0.5),
            waited_p95=percentile(found.waited, 0.95),
            ran_p50=percentile(found.ran, 0.5),
            ran_p95=percentile(found.ran, 0.95),
        )

    def failing(self, since: int) -> tuple[FailingGroup, ...]:
        """As new as the counts are: while many jobs fail, to look at the newest of each reason costs most of all."""
        until = self.minute + MINUTE
        return self.counted(("reasons", since, until), lambda: _failing(self.tx, since, until))

    def next(self) -> tuple[NextClaim, ...]:
        _, started = self._pace()
        entries, _ = claim_service.queue_snapshot(self.tx, NEXT_SHOWN)
        return tuple(
            NextClaim(job, timedelta(minutes=place / started) if started else None)
            for place, job in enumerate(entries, start=1)
        )


def _slot(at: int, seconds: int, each: Sum, waited: int | None) -> Slot:
    waits = percentile(each.waited, 0.5), percentile(each.waited, 0.95)
    return Slot(minutes.time_of(at), seconds, each, *waits, waited)


def _total(sums: Sequence[Sum]) -> Sum:
    if not sums:
        return Sum()
    columns = [*zip(*sums, strict=True)]
    waited, ran = (tuple(map(sum, zip(*columns[place], strict=True))) for place in (5, 6))
    created, started, completed, failed, called_off = (sum(columns[place]) for place in range(5))
    return Sum(created, started, completed, failed, called_off, waited, ran)


def _failing(tx: Connection, since: int, until: int) -> tuple[FailingGroup, ...]:
    start = minutes.time_of(since)
    part = (until - since) / SPARK
    found = []
    for group in reasons.groups(tx, start, minutes.time_of(until - HOUR), SHOWN):
        spark = [0] * SPARK
        for time in group.times:
            spark[min(SPARK - 1, int((time - start).total_seconds() / part))] += 1
        lines = (group.reason or "").strip().splitlines()
        found.append(
            FailingGroup(
                group.type,
                group.reason_key,
                lines[0] if lines else "",
                group.number,
                group.is_whole,
                group.recent,
                group.first_at,
                group.last_at,
                tuple(spark),
            )
        )
    return tuple(sorted(found, key=lambda group: -group.number))
