"""The jobs in the database: transactions, writes, and the reads that a claim or the API needs.

With listing.py and attempts.py the only room that asks the tables; models.py and migrate.py set them up.
Statements are Core and built once. A status stands in them as a literal, because neither database uses a partial
index for a parameter. Each function takes the connection of a transaction that reading() or writing() opened.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import BoundedSemaphore
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    func,
    literal_column,
    select,
    update,
)

from dashboard.jobs import TRANSITIONS, Action, Job, JobNotFoundError, JobStatus
from dashboard.models import POOL_SIZE, PREVIEW, db, jobs, tally

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


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction that sees one state of the database throughout."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # where by default each statement sees a state of its own
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction that may write; on SQLite it holds the one write lock from its first moment.

    Raises DatabaseBusyError when there is no getting it: waiting writers must not hold every connection.
    """
    with _turn(), db.engine.connect() as connection:
        connection.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def _turn() -> Iterator[None]:
    turns = _write_turns[db.engine.dialect.name]
    if not turns.acquire(timeout=TURN_TIMEOUT):
        raise DatabaseBusyError
    try:
        yield
    finally:
        turns.release()


# Writers of a process take turns here, so that while the database is locked they do not hold every connection, and the
# others go on being answered. SQLite has one writer anyway, and its own wait has one sleep and look again, where this
# wakes the next one at once.
_write_turns = {"sqlite": BoundedSemaphore(1), "postgresql": BoundedSemaphore(POOL_SIZE - 4)}
TURN_TIMEOUT = 2  # seconds


class DatabaseBusyError(Exception):
    """Nobody got a turn to write in time; nothing was begun."""


def has_status(*statuses: JobStatus) -> ColumnElement[bool]:
    literals: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in statuses]
    return jobs.c.status == literals[0] if len(literals) == 1 else jobs.c.status.in_(literals)


def insert(tx: Connection, *, id: str, type: str, payload: str | None, priority: int, now: datetime) -> Job:  # noqa: A002
    """Store a new job, PENDING."""
    values = {"id": id, "type": type, "payload": payload, "priority": priority, "created_at": now}
    tx.execute(_INSERT, values | {"preview": payload and payload[:PREVIEW]})
    return Job(id, type, payload, priority, JobStatus.PENDING, None, now, None, None)


_INSERT = jobs.insert().values(status=literal_column(f"'{JobStatus.PENDING}'"))


def _guarded(action: Action, which: ColumnElement[bool], sources: tuple[JobStatus, ...] = ()) -> Any:
    """The action as one statement: the rule is its WHERE clause, and a row comes back only where it held."""
    rule = TRANSITIONS[action]
    values: dict[str, Any] = {"status": literal_column(f"'{rule.target}'")}
    if rule.target is JobStatus.RUNNING:
        values["started_at"] = bindparam("now")
    else:
        values |= {"completed_at": bindparam("now"), "result": bindparam("new_result")}
    return update(jobs).where(which, has_status(*sources or rule.sources)).values(values).returning(*_JOB)


def _moved(tx: Connection, statement: Any, values: dict[str, Any]) -> Job | None:
    row = tx.execute(statement, values).one_or_none()
    return Job._make(row) if row else None


_BY_ID, _BY_SEQ = jobs.c.id == bindparam("key"), jobs.c.seq == bindparam("key")
_ACT = {action: _guarded(action, _BY_SEQ if action is Action.CLAIM else _BY_ID) for action in Action}


def act(tx: Connection, action: Action, key: str | int, now: datetime, result: str | None = None) -> Job | None:
    """Move the job with this id (for a claim: this seq) along; None when there is none, or its status forbids it."""
    return _moved(tx, _ACT[action], {"key": key, "now": now, "new_result": result})


def call_off(tx: Connection, job_id: str, now: datetime, result: str | None) -> Job | None:
    """Fail the job if it is still PENDING; None when it is not."""
    return _moved(tx, _CALL_OFF, {"key": job_id, "now": now, "new_result": result})


_CALL_OFF = _guarded(Action.FAIL, _BY_ID, (JobStatus.PENDING,))


def claim_next(tx: Connection, now: datetime) -> Job | None:
    """Claim the job that the database says is next, in one statement; None when there is none.

    On PostgreSQL claims do not wait for each other: a row that another one has locked is passed over.
    """
    return _moved(tx, _CLAIM_NEXT, {"now": now})


_NEXT = select(jobs.c.seq).where(has_status(JobStatus.PENDING)).order_by(*CLAIM_ORDER).limit(1)
_CLAIM_NEXT = _guarded(Action.CLAIM, jobs.c.seq == _NEXT.with_for_update(skip_locked=True).scalar_subquery())


def get(tx: Connection, job_id: str) -> Job:
    """The job, whole; raises JobNotFoundError."""
    row = tx.execute(_GET, {"id": job_id}).one_or_none()
    if row is None:
        raise JobNotFoundError
    return Job._make(row)


_GET = select(*_JOB).where(jobs.c.id == bindparam("id"))


def newest(tx: Connection, status: JobStatus | None, limit: int) -> list[Job]:
    """The newest jobs, whole."""
    return [Job._make(row) for row in tx.execute(_NEWEST[status], {"limit": limit})]


_NEWEST = {
    status: (select(*_JOB).where(has_status(status)) if status else select(*_JOB))
    .order_by(jobs.c.seq.desc())
    .limit(bindparam("limit"))
    for status in (None, *JobStatus)
}


def counts(tx: Connection) -> Tally:
    return Tally._make(int(number) for number in tx.execute(_COUNTS).one())


_COUNTS = select(*(func.sum(tally.c[name]) for name in Tally._fields))


def last_seq(tx: Connection) -> int:
    """The seq of the newest job; 0 when there is none."""
    return tx.execute(_LAST_SEQ).scalar_one() or 0


_LAST_SEQ = select(func.max(jobs.c.seq))


def pending_after(tx: Connection, seq: int, limit: int) -> Sequence[Any]:
    """(seq, priority) of the PENDING jobs created after this one, oldest first."""
    return tx.execute(_PENDING_AFTER, {"after": seq, "limit": limit}).all()


_PENDING_AFTER = (
    select(jobs.c.seq, jobs.c.priority)
    .where(has_status(JobStatus.PENDING), jobs.c.seq > bindparam("after"))
    .order_by(jobs.c.seq)
    .limit(bindparam("limit"))
)


def next_pending(tx: Connection, limit: int) -> list[QueuedJob]:
    """The PENDING jobs in claim order, as the database has it."""
    return [QueuedJob._make(row) for row in tx.execute(_NEXT_PENDING, {"limit": limit})]


_NEXT_PENDING = select(*_QUEUED).where(has_status(JobStatus.PENDING)).order_by(*CLAIM_ORDER).limit(bindparam("limit"))


def queued(tx: Connection, seqs: list[int]) -> list[QueuedJob]:
    """The jobs with these seqs, in the order of the list; one that is gone is left out."""
    found = {row.seq: QueuedJob._make(row) for row in tx.execute(_QUEUED_BY_SEQ, {"seqs": seqs})}
    return [found[seq] for seq in seqs if seq in found]


_QUEUED_BY_SEQ = select(*_QUEUED).where(jobs.c.seq.in_(bindparam("seqs", expanding=True)))
