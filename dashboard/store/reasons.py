"""Why jobs failed: groups of failures for the same reason, and the reasons of jobs that failed before they had one."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, case, func, literal_column, select, update

from dashboard.core.job import JobStatus
from dashboard.core.reason import Failure
from dashboard.database.schema import BY_END, jobs
from dashboard.database.statement import Compiled, Many
from dashboard.store.jobs import has_status

NEWEST = 300  # failures among which groups are looked for
GROUP_MAX = 500  # failures of one reason that are counted


class Group(NamedTuple):
    """Failures of one type for one reason, by its key, since a time."""

    type: str
    reason_key: str
    reason: str | None  # of the last one
    number: int
    is_whole: bool  # else there are more than `number`, which is the newest GROUP_MAX
    recent: int  # of these, those since another, later time
    first_at: datetime
    last_at: datetime
    times: tuple[datetime, ...]  # of each that is counted, the newest first


def last_failure(tx: Connection) -> datetime | None:
    """When a job failed last."""
    return next((time for (time,) in _LAST.rows(tx)), None)


_LAST = Compiled(
    select(jobs.c.completed_at)
    .where(has_status(JobStatus.FAILED), BY_END, jobs.c.completed_at.is_not(None))
    .order_by(jobs.c.completed_at.desc())
    .limit(literal_column("1"))
)


def groups(tx: Connection, since: datetime, recent: datetime, limit: int) -> list[Group]:
    """The groups of which there are most among the newest failures since then, up to a limit; those first.

    Their counts are exact up to GROUP_MAX. It reads the same number of entries of two indexes however many there are.
    """
    found = _NEWEST.rows(tx, since=since, limit=limit)
    return [group for name, key in found if (group := _group(tx, name, key, since, recent))]


_newest = (
    select(jobs.c.type, jobs.c.reason_key)
    .where(has_status(JobStatus.FAILED), BY_END, jobs.c.completed_at >= bindparam("since"))
    .order_by(jobs.c.completed_at.desc())
    .limit(literal_column(str(NEWEST)))
    .subquery()
)
_NEWEST = Compiled(
    select(_newest.c.type, _newest.c.reason_key)
    .where(_newest.c.reason_key.is_not(None))
    .group_by(_newest.c.type, _newest.c.reason_key)
    .order_by(func.count().desc(), _newest.c.type, _newest.c.reason_key)
    .limit(bindparam("limit"))
)


def _group(tx: Connection, name: str, key: str, since: datetime, recent: datetime) -> Group | None:
    rows = _OF_KEY.rows(tx, key=key)
    mine = sorted((at for kind, at, _ in rows if kind == name and at >= since), reverse=True)
    if not mine:
        return None
    newest = next(seq for kind, at, seq in rows if kind == name and at == mine[0])
    (reason,) = _REASON.rows(tx, seq=newest)[0]
    return Group(
        name,
        key,
        reason,
        len(mine),
        len(rows) < GROUP_MAX,
        sum(at >= recent for at in mine),
        mine[-1],
        mine[0],
        tuple(mine),
    )


_OF_KEY = Compiled(
    select(jobs.c.type, jobs.c.completed_at, jobs.c.seq)
    .where(has_status(JobStatus.FAILED), jobs.c.reason_key == bindparam("key"))
    .order_by(jobs.c.seq.desc())
    .limit(literal_column(str(GROUP_MAX)))
)
_REASON = Compiled(select(jobs.c.reason).where(jobs.c.seq == bindparam("seq")))


class Like(NamedTuple):
    """How many jobs failed for the same reason, whatever their type, and since when."""

    number: int  # up to GROUP_MAX, the newest
    since: datetime

    @property
    def words(self) -> str:
        return f"{'at least ' if self.number >= GROUP_MAX else ''}{self.number:,}"


def like(tx: Connection, key: str) -> Like | None:
    """None where no job did."""
    number, since = _LIKE.rows(tx, key=key)[0]
    return Like(number, since) if number else None


_of_the_key = (
    select(jobs.c.completed_at)
    .where(has_status(JobStatus.FAILED), jobs.c.reason_key == bindparam("key"))
    .order_by(jobs.c.seq.desc())
    .limit(literal_column(str(GROUP_MAX)))
    .subquery()
)
_LIKE = Compiled(select(func.count(), func.min(_of_the_key.c.completed_at)))


def told(result: str | None) -> str | None:
    """The reason that the result of a failed job tells."""
    value = json.loads(result) if result else None
    reason = value.get("reason") if isinstance(value, dict) else None
    return reason if isinstance(reason, str) else None


def missing(tx: Connection, after: int, last: int) -> list[tuple[int, str | None]]:
    """The jobs of these seqs that failed before reasons were stored: each seq, and the reason that its result tells."""
    return [(seq, told(result)) for seq, result in _MISSING.rows(tx, first=after + 1, last=last)]


_MISSING = Compiled(
    select(jobs.c.seq, jobs.c.result).where(
        jobs.c.seq >= bindparam("first"),
        jobs.c.seq <= bindparam("last"),
        has_status(JobStatus.FAILED),
        case((jobs.c.reason_key.is_(None), literal_column("1"))) == literal_column("1"),
    )
)


def store(tx: Connection, failures: Sequence[tuple[int, Failure]]) -> None:
    """Give these jobs their reason; the result stays as it is."""
    if failures:
        _STORE.rows(tx, [{"seq": seq, "reason": f.reason, "reason_key": f.reason_key} for seq, f in failures])


_STORE = Many(
    lambda given: update(jobs).where(jobs.c.seq == given.seq).values(reason=given.reason, reason_key=given.reason_key),
    seq=jobs.c.seq.type,
    reason=jobs.c.reason.type,
    reason_key=jobs.c.reason_key.type,
)
