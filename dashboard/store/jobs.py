"""Jobs: insert, read, and the one guarded UPDATE that changes a status."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import Job, JobStatus
from dashboard.core.reason import Failure, Success
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.core.who import Hands
from dashboard.database.schema import IN_CLAIM_ORDER, PREVIEW, jobs, runs
from dashboard.database.statement import Compiled, Each, Many, NowOfFilter
from dashboard.store.pause import IS_PAUSED

_NAME = jobs.c.created_by.type
_JOB = [jobs.c[name] for name in Job._fields]


def has_status(*statuses: JobStatus) -> ColumnElement[bool]:
    literals: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in statuses]
    return jobs.c.status == literals[0] if len(literals) == 1 else jobs.c.status.in_(literals)


CLAIM_ORDER = (jobs.c.priority.desc(), jobs.c.seq)


def in_claim_order(query: Select[Any]) -> Select[Any]:
    """Of the ready jobs, the next one first."""
    return query.where(is_ready(), IN_CLAIM_ORDER).order_by(*CLAIM_ORDER)


def is_ready() -> ColumnElement[bool]:
    """Whether a claim may take it, as the partial indexes say it."""
    return and_(has_status(JobStatus.PENDING), jobs.c.run_at.is_(None))


def is_not_expired() -> ColumnElement[bool]:
    return or_(jobs.c.expires_at.is_(None), jobs.c.expires_at > NowOfFilter())


def insert(
    tx: Connection,
    *,
    id: str,  # noqa: A002
    type: str,  # noqa: A002
    payload: str | None,
    priority: int,
    now: datetime,
    who: str | None = None,
) -> Job:
    """Store a new job, PENDING."""
    preview = payload and payload[:PREVIEW]
    given = {"id": id, "type": type, "payload": payload, "preview": preview, "priority": priority}
    _INSERT.rows(tx, **given, created_at=now, created_by=who)
    return Job(id, type, payload, priority, JobStatus.PENDING, None, now, None, None)


_INSERT = Compiled(
    jobs.insert().values(status=literal_column(f"'{JobStatus.PENDING}'")).inline(),
    columns=("id", "type", "payload", "preview", "priority", "created_at", "created_by"),
)


def insert_many(tx: Connection, rows: list[dict[str, Any]], now: datetime, who: str | None) -> None:
    """Store new jobs, PENDING, in the order of their `place`; each row has every other column that a creator gives."""
    for row in rows:
        row["preview"] = row["payload"] and row["payload"][:PREVIEW]
    _INSERT_MANY.rows(tx, rows, created_at=now, created_by=who)


_GIVEN = (
    "id",
    "type",
    "payload",
    "preview",
    "priority",
    "run_at",
    "expires_at",
    "max_attempts",
    "retry_of",
)
_INSERT_MANY = Many(
    lambda given: jobs.insert().from_select(
        ["status", "created_at", "created_by", *_GIVEN],
        select(
            literal_column(f"'{JobStatus.PENDING}'"),
            bindparam("created_at", type_=DateTime()),
            bindparam("created_by", type_=_NAME),
            *(getattr(given, name) for name in _GIVEN),
        ).order_by(given.place),
    ),
    place=Integer(),
    **{name: jobs.c[name].type for name in _GIVEN},
)


def is_expired(tx: Connection, job_id: str) -> bool:
    """Whether it is too late to begin this job."""
    return not _NOT_EXPIRED.rows(tx, id=job_id)


_NOT_EXPIRED = Compiled(select(jobs.c.seq).where(jobs.c.id == bindparam("id"), is_not_expired()))


def _rule(action: Action) -> ColumnElement[bool]:
    """When it is allowed: the rule is the WHERE clause, and a row comes back only where it held."""
    status = has_status(*TRANSITIONS[action].sources)
    if action is Action.CLAIM:
        return and_(status, jobs.c.run_at.is_(None), is_not_expired())
    if action is Action.PROCESS:
        return and_(status, is_not_expired(), ~IS_PAUSED)
    if action is Action.COMPLETE:  # what a lease holds is completed by its token alone: see runs.py
        return and_(status, ~exists().where(runs.c.seq == jobs.c.seq, runs.c.ended_at.is_(None)))
    return status


_BY_ID, _BY_SEQ = jobs.c.id == bindparam("key"), jobs.c.seq == bindparam("key")


def claiming(which: ColumnElement[bool], action: Action = Action.CLAIM) -> Update:
    """The UPDATE that takes jobs for a worker; `attempts` are written where their creator gave none."""
    values: dict[str, Any] = {
        "status": literal_column(f"'{TRANSITIONS[action].target}'"),
        "started_at": bindparam("now"),
        "started_by": bindparam("who"),
        "max_attempts": func.coalesce(jobs.c.max_attempts, bindparam("attempts", type_=Integer)),
    }
    if action is Action.PROCESS:
        values["run_at"] = None
    return update(jobs).where(which, _rule(action)).values(values)


def _ending(action: Action) -> Compiled:
    end = Success if TRANSITIONS[action].target is JobStatus.COMPLETED else Failure
    values: dict[str, Any] = {
        "status": literal_column(f"'{TRANSITIONS[action].target}'"),
        "completed_at": bindparam("now"),
        "ended_by": bindparam("who"),
        **{name: bindparam(f"new_{name}", type_=jobs.c[name].type) for name in end._fields},
    }
    return Compiled(update(jobs).where(_BY_ID, _rule(action)).values(values).returning(*_JOB))


class WrongAnswerError(Exception):
    """The database answered a change of status with a job that has another status than it was to get."""


Changed = TypeVar("Changed", "Job", "Row")


def changed(tx: Connection, job: Changed | None, target: JobStatus) -> Changed | None:
    """The job that was changed, if any. Where its status is not the target the answer is another statement's."""
    if job and job.status != target:
        tx.invalidate()
        raise WrongAnswerError(f"the job {job.id} is {job.status} after a statement that makes it {target}")
    return job


def _first(rows: list[tuple[Any, ...]]) -> Job | None:
    return Job._make(rows[0]) if rows else None


_ACT = {
    Action.CLAIM: Compiled(claiming(_BY_SEQ).returning(*_JOB)),
    Action.PROCESS: Compiled(claiming(_BY_ID, Action.PROCESS).returning(*_JOB)),
    Action.COMPLETE: _ending(Action.COMPLETE),
    Action.FAIL: _ending(Action.FAIL),
    Action.UNDO: _ending(Action.UNDO),
}


def act(
    tx: Connection,
    action: Action,
    key: str | int,
    now: datetime,
    end: Success | Failure | None = None,
    who: str | None = None,
) -> Job | None:
    """Move the job with this id (for a claim: this seq) along; None when there is none, or its status forbids it.

    What ends the job stores its `end`.
    """
    target = TRANSITIONS[action].target
    stored = {f"new_{name}": value for name, value in end._asdict().items()} if end else {"attempts": None}
    return changed(tx, _first(_ACT[action].rows(tx, key=key, now=now, who=who, **stored)), target)


class Row(NamedTuple):
    """A job as leases need it: the nine keys, and what only some jobs use."""

    id: str
    type: str
    payload: str | None
    priority: int
    status: str
    result: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    seq: int
    run_at: datetime | None
    expires_at: datetime | None
    max_attempts: int | None
    retry_of: str | None

    def as_job(self) -> Job:
        return Job._make(self[: len(Job._fields)])


ROW = [jobs.c[name] for name in Row._fields]


def take(tx: Connection, job_id: str, now: datetime, attempts: int | None, who: str | None) -> Row | None:
    """Process the job for a lease; where its creator gave no max_attempts, these are written to it."""
    rows = _TAKE.rows(tx, key=job_id, now=now, attempts=attempts, who=who)
    return changed(tx, Row._make(rows[0]) if rows else None, JobStatus.RUNNING)


_TAKE = Compiled(claiming(_BY_ID, Action.PROCESS).returning(*ROW))


def take_each(tx: Connection, seqs: Sequence[int], now: datetime, attempts: int | None, who: str | None) -> list[Row]:
    """Claim those of these jobs that are ready, in this order on SQLite."""
    rows = _TAKE_EACH.rows(tx, [{"seq": seq} for seq in seqs], now=now, attempts=attempts, who=who)
    return [row for row in map(Row._make, rows) if changed(tx, row, JobStatus.RUNNING)]


_TAKE_EACH = Many(lambda given: claiming(jobs.c.seq == given.seq).returning(*ROW), seq=jobs.c.seq.type)


def get(tx: Connection, job_id: str) -> Job:
    """The job, whole; raises JobNotFoundError."""
    if job := _first(_GET.rows(tx, id=job_id)):
        return job
    raise JobNotFoundError


_GET = Compiled(select(*_JOB).where(jobs.c.id == bindparam("id")))


def get_with_hands(tx: Connection, job_id: str) -> tuple[Job, Hands]:
    """The same, and who did what to it."""
    if rows := _GET_WITH_HANDS.rows(tx, id=job_id):
        return Job._make(rows[0][: len(_JOB)]), Hands._make(rows[0][len(_JOB) :])
    raise JobNotFoundError


HANDS = [jobs.c[name] for name in Hands._fields]
_GET_WITH_HANDS = Compiled(select(*_JOB, *HANDS).where(jobs.c.id == bindparam("id")))


def retries(tx: Connection, job_id: str, limit: int) -> list[str]:
    """The ids of the jobs that run this one again, the newest first."""
    return [retry for (retry,) in _RETRIES.rows(tx, id=job_id, limit=limit)]


_RETRIES = Compiled(
    select(jobs.c.id).where(jobs.c.retry_of == bindparam("id")).order_by(jobs.c.seq.desc()).limit(bindparam("limit"))
)


def run_again(tx: Connection, seqs: Sequence[int]) -> set[int]:
    """Those of these jobs that another one runs again."""
    return {seq for (seq,) in _RUN_AGAIN.rows(tx, [{"seq": seq} for seq in seqs])}


_again = jobs.alias("again")
_RUN_AGAIN = Each(
    lambda given: select(jobs.c.seq).where(
        jobs.c.seq == given.seq, exists().where(_again.c.retry_of == jobs.c.id, _again.c.retry_of.is_not(None))
    ),
    limit=1,
    seq=jobs.c.seq.type,
)


def insert_again(tx: Connection, rows: list[dict[str, Any]], now: datetime, who: str | None) -> None:
    """Store a new job, PENDING, for each of these: a row has the seq of the old one, and the `new_id`."""
    _INSERT_AGAIN.rows(tx, rows, created_at=now, created_by=who)


_KEPT = ("type", "payload", "preview", "priority")
_INSERT_AGAIN = Many(
    lambda given: jobs.insert().from_select(
        ["id", "status", "created_at", "created_by", *_KEPT, "retry_of"],
        select(
            given.new_id,
            literal_column(f"'{JobStatus.PENDING}'"),
            bindparam("created_at", type_=DateTime()),
            bindparam("created_by", type_=_NAME),
            *(jobs.c[name] for name in _KEPT),
            jobs.c.id,
        )
        .where(jobs.c.seq == given.seq)
        .order_by(jobs.c.seq),
    ),
    seq=jobs.c.seq.type,
    new_id=jobs.c.id.type,
)


def prioritise(tx: Connection, seqs: Sequence[int], priority: int) -> None:
    """Give these jobs this priority, where they are PENDING."""
    _PRIORITISE.rows(tx, [{"seq": seq} for seq in seqs], new_priority=priority)


_PRIORITISE = Many(
    lambda given: (
        update(jobs)
        .where(jobs.c.seq == given.seq, has_status(JobStatus.PENDING))
        .values(priority=bindparam("new_priority", type_=Integer()))
    ),
    seq=jobs.c.seq.type,
)
