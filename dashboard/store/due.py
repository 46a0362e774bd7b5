"""What time makes of jobs: delayed ones become ready, expired ones fail, overdue runs end. Each in slices."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    and_,
    bindparam,
    exists,
    literal_column,
    or_,
    select,
    update,
)

from dashboard.core.job import JobStatus
from dashboard.core.reason import Failure
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.database.schema import BY_EXPIRY, jobs, runs
from dashboard.database.statement import Compiled, Many, Now

_PENDING = jobs.c.status == literal_column(f"'{JobStatus.PENDING}'")
_LATER = and_(_PENDING, jobs.c.run_at.is_not(None), jobs.c.run_at <= Now())
_EXPIRED = and_(_PENDING, jobs.c.expires_at.is_not(None), jobs.c.expires_at <= Now())
_OVERDUE = and_(runs.c.ended_at.is_(None), BY_EXPIRY, runs.c.expires_at <= Now())

# Whether anything has to be settled; overdue runs count where this process may end them (`sweeps`).
IS_DUE: ColumnElement[bool] = or_(
    exists(select(literal_column("1")).select_from(jobs).where(_LATER)),
    exists(select(literal_column("1")).select_from(jobs).where(_EXPIRED)),
    and_(bindparam("sweeps", type_=Boolean), exists(select(literal_column("1")).select_from(runs).where(_OVERDUE))),
)


def is_due(tx: Connection, *, sweeps: bool) -> bool:
    return bool(_IS_DUE.rows(tx, sweeps=sweeps)[0][0])


_IS_DUE = Compiled(select(IS_DUE))


def wake(tx: Connection, limit: int) -> int:
    """Make delayed jobs ready whose time has come, the earliest first; returns how many."""
    return len(_WAKE.rows(tx, limit=limit))


_NEXT_LATER = (
    select(jobs.c.seq).where(_LATER).order_by(jobs.c.run_at).limit(bindparam("limit")).with_for_update(skip_locked=True)
)
_WAKE = Compiled(
    update(jobs).where(jobs.c.seq.in_(_NEXT_LATER.scalar_subquery())).values(run_at=None).returning(jobs.c.seq)
)


def expired(tx: Connection, limit: int) -> list[tuple[int, datetime]]:
    """(seq, expires_at) of PENDING jobs that it is too late to begin, locked."""
    return [(seq, at) for seq, at in _EXPIRED_ONES.rows(tx, limit=limit)]


_EXPIRED_ONES = Compiled(
    select(jobs.c.seq, jobs.c.expires_at)
    .where(_EXPIRED)
    .order_by(jobs.c.expires_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)


def fail(tx: Connection, rows: list[dict[str, Any]], now: datetime, who: str | None = None) -> None:
    """Fail PENDING jobs: each row has seq and what a Failure has."""
    _FAIL.rows(tx, rows, completed_at=now, ended_by=who)


_FAIL = Many(
    lambda given: (
        update(jobs)
        .where(jobs.c.seq == given.seq, _PENDING)
        .values(
            status=literal_column(f"'{TRANSITIONS[Action.FAIL].target}'"),
            **{name: getattr(given, name) for name in Failure._fields},
            completed_at=bindparam("completed_at", type_=DateTime()),
            ended_by=bindparam("ended_by", type_=jobs.c.ended_by.type),
        )
    ),
    seq=jobs.c.seq.type,
    **{name: jobs.c[name].type for name in Failure._fields},
)


class Overdue(NamedTuple):
    """A run whose lease has ended, its job locked."""

    seq: int
    max_attempts: int | None


def overdue(tx: Connection, limit: int) -> list[Overdue]:
    """Jobs whose open run is overdue, the longest first; their rows are locked, those of others passed over."""
    return [Overdue._make(row) for row in _OVERDUE_ONES.rows(tx, limit=limit)]


_OVERDUE_ONES = Compiled(
    select(jobs.c.seq, jobs.c.max_attempts)
    .join(runs, runs.c.seq == jobs.c.seq)
    .where(_OVERDUE)
    .order_by(runs.c.expires_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True, of=jobs)
)
