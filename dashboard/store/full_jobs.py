"""Jobs with their runs, for answers and pages: full jobs, last runs, the history of a job. Nothing is locked."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select

from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import Job
from dashboard.core.run import HISTORY, FullJob, Run
from dashboard.core.who import Hands
from dashboard.database.schema import jobs, runs
from dashboard.database.statement import Compiled, Many
from dashboard.store.jobs import HANDS


def full(tx: Connection, ids: Sequence[str]) -> dict[str, FullJob]:
    """The jobs with these ids and their current or last runs."""
    found = map(FullJob._make, _FULL.rows(tx, [{"id": each} for each in ids]))
    return {job.id: job for job in found}


_last = runs.alias("last")
_own = {name: jobs.c[name] for name in Job._fields}


def full_columns(own: Mapping[str, ColumnElement[Any]] = _own) -> list[ColumnElement[Any]]:
    """FullJob's, of jobs joined with their last runs; the nine keys' are given where they are not the table's."""
    is_open = _last.c.ended_at.is_(None)
    return [
        *own.values(),
        jobs.c.run_at,
        jobs.c.expires_at,
        jobs.c.max_attempts,
        func.coalesce(_last.c.attempt, 0),
        case((is_open, _last.c.worker)),
        case((is_open, _last.c.expires_at)),
        _last.c.progress,
        _last.c.message,
        jobs.c.retry_of,
    ]


def with_last_run(statement: Any) -> Any:
    """The statement about jobs, each joined with its last run."""
    newest = runs.alias("newest")
    number = select(func.max(newest.c.attempt)).where(newest.c.seq == jobs.c.seq).scalar_subquery()
    return statement.select_from(jobs.outerjoin(_last, (_last.c.seq == jobs.c.seq) & (_last.c.attempt == number)))


_FULL = Many(lambda given: with_last_run(select(*full_columns())).where(jobs.c.id == given.id), id=jobs.c.id.type)


def full_with_hands(tx: Connection, job_id: str) -> tuple[FullJob, Hands]:
    """One of them, and who did what to it; raises JobNotFoundError."""
    if rows := _WITH_HANDS.rows(tx, id=job_id):
        own = len(FullJob._fields)
        return FullJob._make(rows[0][:own]), Hands._make(rows[0][own:])
    raise JobNotFoundError


_WITH_HANDS = Compiled(with_last_run(select(*full_columns(), *HANDS)).where(jobs.c.id == bindparam("id")))


class LastRun(NamedTuple):
    """What a list tells of the last run of a job; nothing that a heartbeat changes."""

    seq: int
    attempt: int
    max_attempts: int | None
    worker: str | None
    outcome: str | None  # None while it is open
    reason: str | None  # its beginning


REASON_SHOWN = 200  # characters of a reason that a list has


def last_of(tx: Connection, seqs: Sequence[int]) -> dict[int, LastRun]:
    """The last runs of those of these jobs that have one, by seq."""
    found = map(LastRun._make, tx.execute(_LAST_OF, {"seqs": seqs}) if seqs else ())
    return {run.seq: run for run in found}


_LAST_OF = with_last_run(
    select(
        jobs.c.seq,
        _last.c.attempt,
        jobs.c.max_attempts,
        _last.c.worker,
        _last.c.outcome,
        func.substr(_last.c.reason, 1, REASON_SHOWN),
    )
).where(jobs.c.seq.in_(bindparam("seqs", expanding=True)), _last.c.attempt.is_not(None))


def get_full(tx: Connection, job_id: str) -> FullJob:
    """One of them; raises JobNotFoundError."""
    if job := full(tx, [job_id]).get(job_id):
        return job
    raise JobNotFoundError


def history(tx: Connection, job_id: str) -> list[Run]:
    """The last runs of the job, oldest first."""
    return [Run._make(row) for row in reversed(_HISTORY.rows(tx, id=job_id, limit=HISTORY))]


_HISTORY = Compiled(
    select(*(runs.c[name] for name in Run._fields))
    .where(runs.c.seq == select(jobs.c.seq).where(jobs.c.id == bindparam("id")).scalar_subquery())
    .order_by(runs.c.attempt.desc())
    .limit(bindparam("limit"))
)


def finished(tx: Connection, ids: Sequence[str]) -> set[str]:
    """Those of these jobs that are finished, or gone."""
    going_on = {job_id for (job_id,) in _GOING_ON.rows(tx, [{"id": job_id} for job_id in ids])}
    return set(ids) - going_on


_GOING_ON = Many(
    lambda given: select(jobs.c.id).where(jobs.c.id == given.id, jobs.c.completed_at.is_(None)),
    id=jobs.c.id.type,
)
