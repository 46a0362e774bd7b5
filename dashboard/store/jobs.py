"""Jobs: insert, read, and the one guarded UPDATE that changes a status."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, literal_column, select, update

from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import Job, JobStatus
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.database.schema import IN_CLAIM_ORDER, PREVIEW, jobs
from dashboard.database.statement import Compiled

_JOB = [jobs.c[name] for name in Job._fields]


def has_status(*statuses: JobStatus) -> ColumnElement[bool]:
    literals: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in statuses]
    return jobs.c.status == literals[0] if len(literals) == 1 else jobs.c.status.in_(literals)


CLAIM_ORDER = (jobs.c.priority.desc(), jobs.c.seq)


def in_claim_order(query: Select[Any]) -> Select[Any]:
    """Of the PENDING jobs, the next one first."""
    return query.where(has_status(JobStatus.PENDING), IN_CLAIM_ORDER).order_by(*CLAIM_ORDER)


def insert(tx: Connection, *, id: str, type: str, payload: str | None, priority: int, now: datetime) -> Job:  # noqa: A002
    """Store a new job, PENDING."""
    preview = payload and payload[:PREVIEW]
    _INSERT.rows(tx, id=id, type=type, payload=payload, preview=preview, priority=priority, created_at=now)
    return Job(id, type, payload, priority, JobStatus.PENDING, None, now, None, None)


_INSERT = Compiled(
    jobs.insert().values(status=literal_column(f"'{JobStatus.PENDING}'")).inline(),
    columns=("id", "type", "payload", "preview", "priority", "created_at"),
)


def guarded(action: Action, which: ColumnElement[bool]) -> Compiled:
    """The action as one statement: the rule is its WHERE clause, and a row comes back only where it held."""
    rule = TRANSITIONS[action]
    values: dict[str, Any] = {"status": literal_column(f"'{rule.target}'")}
    if rule.target is JobStatus.RUNNING:
        values["started_at"] = bindparam("now")
    else:
        values |= {"completed_at": bindparam("now"), "result": bindparam("new_result")}
    return Compiled(update(jobs).where(which, has_status(*rule.sources)).values(values).returning(*_JOB))


class WrongAnswerError(Exception):
    """The database answered a change of status with a job that has another status than it was to get."""


def changed(tx: Connection, change: Compiled, target: JobStatus, **values: Any) -> Job | None:
    """The job that it changed, if any. An answer that cannot be is none: whose it is, is not known."""
    job = _first(change.rows(tx, **values))
    if job and job.status != target:
        tx.invalidate()
        raise WrongAnswerError(f"the job {job.id} is {job.status} after a statement that makes it {target}")
    return job


def _first(rows: list[tuple[Any, ...]]) -> Job | None:
    return Job._make(rows[0]) if rows else None


_BY_ID, _BY_SEQ = jobs.c.id == bindparam("key"), jobs.c.seq == bindparam("key")

_ACT = {action: guarded(action, _BY_SEQ if action is Action.CLAIM else _BY_ID) for action in Action}


def act(tx: Connection, action: Action, key: str | int, now: datetime, result: str | None = None) -> Job | None:
    """Move the job with this id (for a claim: this seq) along; None when there is none, or its status forbids it."""
    target = TRANSITIONS[action].target
    ended = {} if target is JobStatus.RUNNING else {"new_result": result}
    return changed(tx, _ACT[action], target, key=key, now=now, **ended)


def get(tx: Connection, job_id: str) -> Job:
    """The job, whole; raises JobNotFoundError."""
    if job := _first(_GET.rows(tx, id=job_id)):
        return job
    raise JobNotFoundError


_GET = Compiled(select(*_JOB).where(jobs.c.id == bindparam("id")))
