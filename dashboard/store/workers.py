"""Who holds jobs by a lease: the open runs, by worker."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from dashboard.database.schema import BY_EXPIRY, jobs, runs
from dashboard.database.statement import Compiled


class Worker(NamedTuple):
    """A worker that holds jobs."""

    worker: str | None
    running: int
    oldest_started_at: datetime
    heard_at: datetime
    lease_expires_at: datetime  # of the first of its leases to end


def workers(tx: Connection) -> list[Worker]:
    """All of them, by name."""
    return [Worker._make(row) for row in _WORKERS.rows(tx)]


_ENDS = func.min(runs.c.expires_at)
_OPEN = (runs.c.ended_at.is_(None), BY_EXPIRY)
_BY_WORKER = (
    select(runs.c.worker, func.count(), func.min(runs.c.started_at), func.max(runs.c.heard_at), _ENDS)
    .where(*_OPEN)
    .group_by(runs.c.worker)
)
_WORKERS = Compiled(_BY_WORKER.order_by(runs.c.worker.nulls_last()))


class First(NamedTuple):
    """Some of the workers, and how many there are, and how many jobs they hold."""

    workers: list[Worker]
    total: int
    running: int


def first_to_end(tx: Connection, limit: int) -> First:
    """The workers of whose leases one ends first."""
    rows = _FIRST_TO_END.rows(tx, limit=limit)
    total, running = rows[0][-2:] if rows else (0, 0)
    return First([Worker._make(row[:-2]) for row in rows], int(total), int(running))


_FIRST_TO_END = Compiled(
    _BY_WORKER.add_columns(func.count().over(), func.sum(func.count()).over())
    .order_by(_ENDS, runs.c.worker)
    .limit(bindparam("limit"))
)


class Held(NamedTuple):
    """A job that a worker holds, and its run."""

    worker: str | None
    id: str
    type: str
    attempt: int
    max_attempts: int | None
    started_at: datetime
    heard_at: datetime
    lease_expires_at: datetime
    progress: int | None
    message: str | None


def held(tx: Connection, limit: int) -> list[Held]:
    """The jobs that are held, those first whose lease ends first."""
    return [Held._make(row) for row in _HELD.rows(tx, limit=limit)]


# Cut before it is joined, so that it reads as many jobs as are asked for.
_first = select(runs).where(*_OPEN).order_by(runs.c.expires_at).limit(bindparam("limit")).subquery("first")
_HELD = Compiled(
    select(
        _first.c.worker,
        jobs.c.id,
        jobs.c.type,
        _first.c.attempt,
        jobs.c.max_attempts,
        _first.c.started_at,
        _first.c.heard_at,
        _first.c.expires_at,
        _first.c.progress,
        _first.c.message,
    )
    .join_from(_first, jobs, jobs.c.seq == _first.c.seq)
    .order_by(_first.c.expires_at, _first.c.seq)
)
