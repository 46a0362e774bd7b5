"""The jobs in the database: writes, and the reads that a claim or the API needs.

With listing.py and attempts.py the only room that asks the tables; models.py and migrate.py set them up.
Statements are Core and built once. A status stands in them as a literal, because neither database uses a partial
index for a parameter. Each function takes the connection of a transaction that reading() or writing() opened.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, literal_column, select, update

from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import Job, JobStatus
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.database.schema import BY_AGE, IN_CLAIM_ORDER, PREVIEW, jobs, tally
from dashboard.database.statement import Compiled

_JOB = [jobs.c[name] for name in Job._fields]


class Tally(NamedTuple):
    """How many jobs of each status there are, and a number that every change of a job raises."""

    pending: int
    running: int
    completed: int
    failed: int
    revision: int


class QueuedJob(NamedTuple):
    """What a queue's entry points at."""

    seq: int
    id: str
    type: str
    priority: int
    status: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


CLAIM_ORDER = (jobs.c.priority.desc(), jobs.c.seq)
_QUEUED = [jobs.c[name] for name in QueuedJob._fields]


def has_status(*statuses: JobStatus) -> ColumnElement[bool]:
    literals: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in statuses]
    return jobs.c.status == literals[0] if len(literals) == 1 else jobs.c.status.in_(literals)


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


def _guarded(action: Action, which: ColumnElement[bool], sources: tuple[JobStatus, ...] = ()) -> Compiled:
    """The action as one statement: the rule is its WHERE clause, and a row comes back only where it held."""
    rule = TRANSITIONS[action]
    values: dict[str, Any] = {"status": literal_column(f"'{rule.target}'")}
    if rule.target is JobStatus.RUNNING:
        values["started_at"] = bindparam("now")
    else:
        values |= {"completed_at": bindparam("now"), "result": bindparam("new_result")}
    return Compiled(update(jobs).where(which, has_status(*sources or rule.sources)).values(values).returning(*_JOB))


class WrongAnswerError(Exception):
    """The database answered a change of status with a job that has another status than it was to get."""


def _changed(tx: Connection, change: Compiled, target: JobStatus, **values: Any) -> Job | None:
    """The job that it changed, if any. An answer that cannot be is none: whose it is, is not known."""
    job = _first(change.rows(tx, **values))
    if job and job.status != target:
        tx.invalidate()
        raise WrongAnswerError(f"the job {job.id} is {job.status} after a statement that makes it {target}")
    return job


def _first(rows: list[tuple[Any, ...]]) -> Job | None:
    return Job._make(rows[0]) if rows else None


_BY_ID, _BY_SEQ = jobs.c.id == bindparam("key"), jobs.c.seq == bindparam("key")
_ACT = {action: _guarded(action, _BY_SEQ if action is Action.CLAIM else _BY_ID) for action in Action}


def act(tx: Connection, action: Action, key: str | int, now: datetime, result: str | None = None) -> Job | None:
    """Move the job with this id (for a claim: this seq) along; None when there is none, or its status forbids it."""
    target = TRANSITIONS[action].target
    ended = {} if target is JobStatus.RUNNING else {"new_result": result}
    return _changed(tx, _ACT[action], target, key=key, now=now, **ended)


def call_off(tx: Connection, job_id: str, now: datetime, result: str | None) -> Job | None:
    """Fail the job if it is still PENDING; None when it is not."""
    return _changed(tx, _CALL_OFF, JobStatus.FAILED, key=job_id, now=now, new_result=result)


_CALL_OFF = _guarded(Action.FAIL, _BY_ID, (JobStatus.PENDING,))


def claim_next(tx: Connection, now: datetime) -> Job | None:
    """Claim the job that the database says is next, in one statement; None when there is none.

    On PostgreSQL claims do not wait for each other: a row that another one has locked is passed over.
    """
    return _changed(tx, _CLAIM_NEXT, JobStatus.RUNNING, now=now)


_NEXT = in_claim_order(select(jobs.c.seq)).limit(1)
_CLAIM_NEXT = _guarded(Action.CLAIM, jobs.c.seq == _NEXT.with_for_update(skip_locked=True).scalar_subquery())


def get(tx: Connection, job_id: str) -> Job:
    """The job, whole; raises JobNotFoundError."""
    if job := _first(_GET.rows(tx, id=job_id)):
        return job
    raise JobNotFoundError


_GET = Compiled(select(*_JOB).where(jobs.c.id == bindparam("id")))


def counts(tx: Connection) -> Tally:
    return Tally._make(map(int, _COUNTS.rows(tx)[0]))


_COUNTS = Compiled(select(*(func.sum(tally.c[name]) for name in Tally._fields)))


def revision(tx: Connection) -> int:
    return int(_REVISION.rows(tx)[0][0])


_REVISION = Compiled(select(func.sum(tally.c.revision)))


def last_seq(tx: Connection) -> int:
    """The seq of the newest job; 0 when there is none."""
    return _LAST_SEQ.rows(tx)[0][0] or 0


_LAST_SEQ = Compiled(select(func.max(jobs.c.seq)))


def pending_after(tx: Connection, seq: int, limit: int) -> Sequence[Any]:
    """(seq, priority) of the PENDING jobs created after this one, oldest first."""
    return _PENDING_AFTER.rows(tx, after=seq, limit=limit)


_PENDING_AFTER = Compiled(
    select(jobs.c.seq, jobs.c.priority)
    .where(has_status(JobStatus.PENDING), BY_AGE, jobs.c.seq > bindparam("after"))
    .order_by(jobs.c.seq)
    .limit(bindparam("limit"))
)


def candidates(tx: Connection, limit: int) -> list[tuple[int, int]]:
    """(seq, priority) of the PENDING jobs in claim order; the index alone answers that."""
    return cast(list[tuple[int, int]], _CANDIDATES.rows(tx, limit=limit))


_NEXT_ONES = in_claim_order(select()).limit(bindparam("limit"))
_CANDIDATES = Compiled(_NEXT_ONES.add_columns(jobs.c.seq, jobs.c.priority))


def next_pending(tx: Connection, limit: int) -> list[QueuedJob]:
    """The PENDING jobs in claim order, as the database has it."""
    return [QueuedJob._make(row) for row in _NEXT_PENDING.rows(tx, limit=limit)]


_NEXT_PENDING = Compiled(_NEXT_ONES.add_columns(*_QUEUED))


def queued(tx: Connection, seqs: list[int]) -> list[QueuedJob]:
    """The jobs with these seqs, in the order of the list; one that is gone is left out."""
    found = {row.seq: QueuedJob._make(row) for row in tx.execute(_QUEUED_BY_SEQ, {"seqs": seqs})}
    return [found[seq] for seq in seqs if seq in found]


_QUEUED_BY_SEQ = select(*_QUEUED).where(jobs.c.seq.in_(bindparam("seqs", expanding=True)))
