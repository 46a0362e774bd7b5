"""What must hold between the tables, whatever has happened; it is checked by reading all of them."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from dashboard.core.job import JobStatus
from dashboard.database.schema import jobs, runs, tally


def problems(tx: Connection) -> list[str]:
    """A sentence for each rule that does not hold; reads every job and every run, so it takes a while."""
    return [*_tally_problems(tx), *_job_problems(tx), *_run_problems(tx)]


def _tally_problems(tx: Connection) -> Iterator[str]:
    delayed = and_(jobs.c.status == JobStatus.PENDING, jobs.c.run_at.is_not(None))
    wanted = {status.lower(): jobs.c.status == status for status in JobStatus} | {"delayed": delayed}
    counted = tx.execute(select(*(func.count(case((rule, 1))).label(name) for name, rule in wanted.items()))).one()
    told = tx.execute(select(*(func.sum(tally.c[name]).label(name) for name in wanted))).one()
    for name in wanted:
        if (there := getattr(counted, name)) != (said := int(getattr(told, name))):
            yield f"The tally says {said} {name} jobs; the table has {there}"


_MUST_NOT_BE: dict[str, ColumnElement[bool]] = {
    "are PENDING and have begun or ended": and_(
        jobs.c.status == JobStatus.PENDING,
        or_(jobs.c.started_at.is_not(None), jobs.c.completed_at.is_not(None), jobs.c.result.is_not(None)),
    ),
    "are RUNNING and have not begun, or have ended": and_(
        jobs.c.status == JobStatus.RUNNING, or_(jobs.c.started_at.is_(None), jobs.c.completed_at.is_not(None))
    ),
    "have ended at no time": and_(
        jobs.c.status.in_((JobStatus.COMPLETED, JobStatus.FAILED)), jobs.c.completed_at.is_(None)
    ),
}


def _job_problems(tx: Connection) -> Iterator[str]:
    for words, rule in _MUST_NOT_BE.items():
        if count := _count(tx, select(jobs.c.seq).where(rule)):
            yield f"{count} jobs {words}"


def _run_problems(tx: Connection) -> Iterator[str]:
    by_job = select(runs.c.seq).group_by(runs.c.seq)
    gaps = by_job.having(or_(func.min(runs.c.attempt) != 1, func.max(runs.c.attempt) != func.count()))
    if count := _count(tx, gaps):
        yield f"{count} jobs have runs that are not numbered 1, 2, 3 and so on"
    last = select(runs.c.seq, func.max(runs.c.attempt).label("attempt")).group_by(runs.c.seq).subquery()
    wrong = (
        select(runs.c.seq)
        .join(last, last.c.seq == runs.c.seq)
        .join(jobs, jobs.c.seq == runs.c.seq)
        .where(
            runs.c.ended_at.is_(None),
            or_(jobs.c.status != JobStatus.RUNNING, runs.c.attempt != last.c.attempt),
        )
    )
    if count := _count(tx, wrong):
        yield f"{count} runs are open, though their job is not RUNNING or a later run of it has begun"


def _count(tx: Connection, found: Select[tuple[int]]) -> int:
    return tx.execute(select(func.count()).select_from(found.subquery())).scalar_one()
