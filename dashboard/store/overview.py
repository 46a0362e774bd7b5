"""What waits and what runs now, as an overview needs it: each look reads a bounded number of rows."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, literal_column, select

from dashboard.core.job import JobStatus
from dashboard.database.schema import BY_START, BY_TYPE, IN_CLAIM_ORDER, jobs, runs
from dashboard.database.statement import Compiled
from dashboard.store.jobs import has_status, is_ready

RUNNING_MAX = 200  # RUNNING jobs that are looked at, those that have run longest
PRIORITIES_MAX = 10  # at each of which the oldest job is looked for, the highest first
WAITING_MAX = 1_000  # up to which those of a type are counted


class RunningJob(NamedTuple):
    """A RUNNING job, and since when."""

    id: str
    type: str
    started_at: datetime


def running(tx: Connection) -> list[RunningJob]:
    """The RUNNING jobs that have run longest, up to RUNNING_MAX, in the order of their starts."""
    return [RunningJob._make(row) for row in _RUNNING.rows(tx) if row[2] is not None]


_RUNNING = Compiled(
    select(*(jobs.c[name] for name in RunningJob._fields))
    .where(has_status(JobStatus.RUNNING), BY_START)
    .order_by(jobs.c.started_at, jobs.c.seq)
    .limit(literal_column(str(RUNNING_MAX)))
)


def oldest_ready(tx: Connection) -> datetime | None:
    """When the oldest job was created that a claim may take."""
    times: list[datetime] = []
    rows = _FIRST.rows(tx)
    while rows and len(times) < PRIORITIES_MAX:
        times.append(rows[0][1])
        rows = _BELOW.rows(tx, priority=rows[0][0])
    return min(times, default=None)


_FIRST_ONE = (
    select(jobs.c.priority, jobs.c.created_at)
    .where(is_ready())
    .order_by(jobs.c.priority.desc(), jobs.c.seq)
    .limit(literal_column("1"))
)
_IS_BELOW = jobs.c.priority < bindparam("priority")
_FIRST = Compiled(_FIRST_ONE.where(IN_CLAIM_ORDER))
_BELOW = Compiled(_FIRST_ONE.where(IN_CLAIM_ORDER, _IS_BELOW))


class Ready(NamedTuple):
    """The jobs of a type that a claim may take: how many, up to WAITING_MAX, and when the oldest was created."""

    number: int
    oldest: datetime | None

    @property
    def words(self) -> str:
        return f"at least {WAITING_MAX:,}" if self.number >= WAITING_MAX else f"{self.number:,}"


def ready_of(tx: Connection, name: str) -> Ready:
    number = int(_NUMBER.rows(tx, type=name)[0][0])
    times: list[datetime] = []
    rows = _FIRST_OF_TYPE.rows(tx, type=name) if number else []
    while rows and len(times) < PRIORITIES_MAX:
        times.append(rows[0][1])
        rows = _BELOW_OF_TYPE.rows(tx, type=name, priority=rows[0][0])
    return Ready(number, min(times, default=None))


_IS_OF_TYPE = jobs.c.type == bindparam("type")
_NUMBER = Compiled(
    select(func.count()).select_from(
        select(jobs.c.seq).where(is_ready(), BY_TYPE, _IS_OF_TYPE).limit(literal_column(str(WAITING_MAX))).subquery()
    )
)
_FIRST_OF_TYPE = Compiled(_FIRST_ONE.where(BY_TYPE, _IS_OF_TYPE))
_BELOW_OF_TYPE = Compiled(_FIRST_ONE.where(BY_TYPE, _IS_OF_TYPE, _IS_BELOW))


def ready_types(tx: Connection, limit: int) -> list[str]:
    """Types of which a job may be claimed, in their order, up to a limit."""
    found: list[str] = []
    while len(found) < limit and (rows := _NEXT_TYPE.rows(tx, type=found[-1] if found else "")):
        found.append(rows[0][0])
    return found


_NEXT_TYPE = Compiled(
    select(jobs.c.type)
    .where(is_ready(), BY_TYPE, jobs.c.type > bindparam("type"))
    .order_by(jobs.c.type)
    .limit(literal_column("1"))
)


def last_start(tx: Connection) -> datetime | None:
    """When a job was last started, as far as jobs and runs tell."""
    return max((time for (time,) in (*_LAST_OF_JOBS.rows(tx), *_LAST_OF_RUNS.rows(tx)) if time), default=None)


_LAST_OF_JOBS = Compiled(select(func.max(jobs.c.started_at)).where(jobs.c.started_at.is_not(None)))
_LAST_OF_RUNS = Compiled(select(func.max(runs.c.started_at)))
