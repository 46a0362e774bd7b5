"""Every SQL statement there is. The only room that touches the database.

Statements are Core and built once. A status stands in them as a literal, because neither database uses a partial
index for a parameter. Each function takes the connection of a transaction that reading() or writing() opened.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    and_,
    asc,
    bindparam,
    desc,
    func,
    literal_column,
    or_,
    select,
    update,
)

from dashboard.jobs import TRANSITIONS, Action, Job, JobNotFoundError, JobStatus
from dashboard.models import PREVIEW, db, jobs, tally

_JOB = [jobs.c[name] for name in Job._fields]


class JobLine(NamedTuple):
    """A job as a row of a list: the payload's first characters instead of all of it, and no result."""

    seq: int
    id: str
    type: str
    preview: str | None
    priority: int
    status: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


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


_CLAIM_ORDER = (jobs.c.priority.desc(), jobs.c.seq)
_LINE = [jobs.c[name] for name in JobLine._fields]
_QUEUED = [jobs.c[name] for name in QueuedJob._fields]


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction that sees one state of the database throughout."""
    with db.engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction that may write; on SQLite it holds the one write lock from its first moment.

    Raises DatabaseBusyError when there is no getting it: waiting writers must not hold every thread.
    """
    with _turn(), db.engine.connect() as connection:
        connection.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def _turn() -> Iterator[None]:
    if db.engine.dialect.name != "sqlite":
        yield
        return
    if not _write_turn.acquire(timeout=TURN_TIMEOUT):
        raise DatabaseBusyError
    try:
        yield
    finally:
        _write_turn.release()


# SQLite has one writer. The threads of a process take turns here, which wakes the next one at once, where SQLite's own
# wait would have it sleep and look again; and while another program holds the database, one thread waits for it and
# the others go on answering.
_write_turn = Lock()
TURN_TIMEOUT = 0.5  # seconds


class DatabaseBusyError(Exception):
    """Nobody got a turn to write in time; nothing was begun."""


def _is(*statuses: JobStatus) -> ColumnElement[bool]:
    literals: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in statuses]
    return jobs.c.status == literals[0] if len(literals) == 1 else jobs.c.status.in_(literals)


def insert(tx: Connection, *, id: str, type: str, payload: str | None, priority: int, now: datetime) -> Job:  # noqa: A002
    """Store a new job, PENDING."""
    values = {"id": id, "type": type, "payload": payload, "priority": priority, "created_at": now}
    tx.execute(_INSERT, values | {"preview": payload and payload[:PREVIEW]})
    return Job(id, type, payload, priority, JobStatus.PENDING, None, now, None, None)


_INSERT = jobs.insert().values(status=literal_column(f"'{JobStatus.PENDING}'"))


def _guarded(action: Action, key: ColumnElement[Any]) -> Any:
    """The action as one statement: the rule is its WHERE clause, and a row comes back only where it held."""
    rule = TRANSITIONS[action]
    values: dict[str, Any] = {"status": literal_column(f"'{rule.target}'")}
    if rule.target is JobStatus.RUNNING:
        values["started_at"] = bindparam("now")
    else:
        values |= {"completed_at": bindparam("now"), "result": bindparam("new_result")}
    return update(jobs).where(key == bindparam("key"), _is(*rule.sources)).values(values).returning(*_JOB)


_ACT = {action: _guarded(action, jobs.c.seq if action is Action.CLAIM else jobs.c.id) for action in Action}


def act(tx: Connection, action: Action, key: str | int, now: datetime, result: str | None = None) -> Job | None:
    """Move the job with this id (for a claim: this seq) along; None when there is none, or its status forbids it."""
    values = {"key": key, "now": now, "new_result": result}
    row = tx.execute(_ACT[action], values).one_or_none()
    return Job._make(row) if row else None


def claim_next(tx: Connection, now: datetime) -> Job | None:
    """Claim the job that the database says is next, in one statement; None when there is none.

    On PostgreSQL claims do not wait for each other: a row that another one has locked is passed over.
    """
    row = tx.execute(_CLAIM_NEXT, {"now": now}).one_or_none()
    return Job._make(row) if row else None


_CLAIM_NEXT = (
    update(jobs)
    .where(
        jobs.c.seq
        == select(jobs.c.seq)
        .where(_is(*TRANSITIONS[Action.CLAIM].sources))
        .order_by(*_CLAIM_ORDER)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery(),
        _is(*TRANSITIONS[Action.CLAIM].sources),
    )
    .values(status=literal_column(f"'{TRANSITIONS[Action.CLAIM].target}'"), started_at=bindparam("now"))
    .returning(*_JOB)
)


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
    status: (select(*_JOB).where(_is(status)) if status else select(*_JOB))
    .order_by(jobs.c.seq.desc())
    .limit(bindparam("limit"))
    for status in (None, *JobStatus)
}


class Sought(NamedTuple):
    """What a list is narrowed to; `text` is looked for in types, ids and payloads, in either case."""

    status: JobStatus | None = None
    type: str | None = None
    text: str | None = None


class Lines(NamedTuple):
    """Lines of a list, newest first, and what to go on from on either side; None where there is no more."""

    lines: list[JobLine]
    newer: int | None = None  # the `after` of the next newer page
    older: int | None = None  # the `before` of the next older page


SEARCH_WINDOW = 10_000  # jobs that one page of a search looks through


def lines(tx: Connection, sought: Sought, limit: int, before: int | None = None, after: int | None = None) -> Lines:
    """Up to `limit` lines before or after a seq: keyset paging, both exclusive.

    A type and a text are looked for in a window of SEARCH_WINDOW jobs, so that a search costs the same however many
    jobs there are. Where the window ends the page ends, full or not, and the next one goes on.
    """
    found, end = _seek(tx, sought, limit + 1, before, after)
    last = found[limit - 1].seq if len(found) > limit else end
    found = found[:limit]
    if after is None:
        return Lines(found, None if before is None else (found[0].seq if found else before - 1), last)
    if last is None:  # nothing is newer than these: they are on the first page
        return lines(tx, sought, limit)
    return Lines(found[::-1], last, found[0].seq if found else after + 1)


def count_after(tx: Connection, sought: Sought, after: int, limit: int) -> int:
    """How many jobs came after this seq, up to a limit."""
    return len(_seek(tx, sought, limit, None, after)[0])


def _seek(
    tx: Connection, sought: Sought, limit: int, before: int | None, after: int | None
) -> tuple[list[JobLine], int | None]:
    """The nearest lines downwards from `before` or upwards from `after`, and where the window ended, if it did."""
    order = desc if after is None else asc
    conditions: list[ColumnElement[bool]] = [_is(sought.status)] if sought.status else []
    if before is not None:
        conditions.append(jobs.c.seq < before)
    if after is not None:
        conditions.append(jobs.c.seq > after)
    source: FromClause = jobs
    end: int | None = None
    if sought.type or sought.text:
        window = select(jobs).where(*conditions).order_by(order(jobs.c.seq))
        end = tx.execute(window.with_only_columns(jobs.c.seq).offset(SEARCH_WINDOW - 1).limit(1)).scalar()
        source = window.limit(SEARCH_WINDOW).subquery()
        conditions = _narrowed(source, sought)
    query = select(*(source.c[name] for name in JobLine._fields)).where(*conditions)
    found = tx.execute(query.order_by(order(source.c.seq)).limit(limit))
    return [JobLine._make(row) for row in found], end


def _narrowed(source: FromClause, sought: Sought) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if sought.type:
        conditions.append(source.c.type == sought.type)
    if sought.text:
        places = (source.c.type, source.c.id, source.c.payload)
        conditions.append(or_(*(place.icontains(sought.text, autoescape=True) for place in places)))
    return conditions


def lines_of(tx: Connection, seqs: list[int]) -> list[JobLine]:
    """Just these, newest first, whatever has become of them."""
    return [JobLine._make(row) for row in tx.execute(_LINES_OF, {"seqs": seqs})]


_LINES_OF = select(*_LINE).where(jobs.c.seq.in_(bindparam("seqs", expanding=True))).order_by(jobs.c.seq.desc())


def ahead_of(tx: Connection, job: Job, limit: int) -> int:
    """How many PENDING jobs will be claimed before this one, up to a limit for each of: more urgent, and older."""
    seq = select(jobs.c.seq).where(jobs.c.id == job.id).scalar_subquery()
    more_urgent = jobs.c.priority > job.priority
    older = and_(jobs.c.priority == job.priority, jobs.c.seq < seq)
    before = select(jobs.c.seq).where(_is(JobStatus.PENDING)).order_by(*_CLAIM_ORDER).limit(limit)
    counted = [select(func.count()).select_from(before.where(rule).subquery()) for rule in (more_urgent, older)]
    return sum(tx.execute(query).scalar_one() for query in counted)


def started_since(tx: Connection, time: datetime, limit: int) -> int:
    """How many jobs were started since then, up to a limit."""
    started = select(jobs.c.seq).where(jobs.c.started_at > time).limit(limit).subquery()
    return tx.execute(select(func.count()).select_from(started)).scalar_one()


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
    .where(_is(JobStatus.PENDING), jobs.c.seq > bindparam("after"))
    .order_by(jobs.c.seq)
    .limit(bindparam("limit"))
)


def next_pending(tx: Connection, limit: int) -> list[QueuedJob]:
    """The PENDING jobs in claim order, as the database has it."""
    return [QueuedJob._make(row) for row in tx.execute(_NEXT_PENDING, {"limit": limit})]


_NEXT_PENDING = select(*_QUEUED).where(_is(JobStatus.PENDING)).order_by(*_CLAIM_ORDER).limit(bindparam("limit"))


def queued(tx: Connection, seqs: list[int]) -> list[QueuedJob]:
    """The jobs with these seqs, in the order of the list; one that is gone is left out."""
    found = {row.seq: QueuedJob._make(row) for row in tx.execute(_QUEUED_BY_SEQ, {"seqs": seqs})}
    return [found[seq] for seq in seqs if seq in found]


_QUEUED_BY_SEQ = select(*_QUEUED).where(jobs.c.seq.in_(bindparam("seqs", expanding=True)))


def recent_types(tx: Connection) -> list[str]:
    """The types among the newest jobs, sorted."""
    return list(tx.execute(_RECENT_TYPES).scalars())


_RECENT = select(jobs.c.type).order_by(jobs.c.seq.desc()).limit(500).subquery()
_RECENT_TYPES = select(_RECENT.c.type).distinct().order_by(_RECENT.c.type)
