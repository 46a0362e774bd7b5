"""Runs: the leased attempts of jobs.

On every path the rows of jobs are locked before those of their runs, each by ascending seq, and all of them before
the first write to jobs: that writes to the tally too, and a transaction that holds a row of it waits for nothing else.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    String,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)

from dashboard.core.job import JobStatus
from dashboard.core.reason import Failure, Success
from dashboard.core.run import FAILURES, Lease, Outcome
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.database.schema import jobs, runs
from dashboard.database.statement import Compiled, Each, Many, Now

_SEQ = jobs.c.seq.type
_TOKEN = String(64)


def begin(
    tx: Connection, seqs: Iterable[int], lease: Lease, now: datetime, until: datetime, who: str | None
) -> dict[int, int]:
    """Open runs of these jobs under one lease. The attempt of each, by seq."""
    rows = _BEGIN.rows(
        tx,
        [{"seq": seq} for seq in seqs],
        token=lease.token,
        worker=lease.worker,
        lease=lease.seconds,
        started_at=now,
        expires_at=until,
        started_by=who,
    )
    return dict(rows)


_earlier = runs.alias("earlier")
_BEGIN = Many(
    lambda given: (
        insert(runs)
        .from_select(
            ["seq", "attempt", "token", "worker", "lease", "started_at", "heard_at", "expires_at", "started_by"],
            select(
                given.seq,
                func.coalesce(
                    select(func.max(_earlier.c.attempt)).where(_earlier.c.seq == given.seq).scalar_subquery(), 0
                )
                + 1,
                bindparam("token", type_=_TOKEN),
                bindparam("worker", type_=String()),
                bindparam("lease", type_=Integer()),
                bindparam("started_at", type_=DateTime()),
                bindparam("started_at", type_=DateTime()),
                bindparam("expires_at", type_=DateTime()),
                bindparam("started_by", type_=runs.c.started_by.type),
            ),
        )
        .returning(runs.c.seq, runs.c.attempt)
    ),
    seq=_SEQ,
)


class LockedJob(NamedTuple):
    """A job as a call with a token meets it; no other transaction changes it meanwhile."""

    id: str
    seq: int
    status: str
    run_at: datetime | None
    completed_at: datetime | None
    max_attempts: int | None


def lock(tx: Connection, ids: Iterable[str]) -> dict[str, LockedJob]:
    """The jobs with these ids, locked by ascending seq."""
    found = map(LockedJob._make, _LOCK.rows(tx, [{"id": each} for each in ids]))
    return {job.id: job for job in found}


def find(tx: Connection, ids: Iterable[str]) -> dict[str, LockedJob]:
    """The same jobs, not locked."""
    found = map(LockedJob._make, _FIND.rows(tx, [{"id": each} for each in ids]))
    return {job.id: job for job in found}


def _by_id(given: Any) -> Any:
    return select(*(jobs.c[name] for name in LockedJob._fields)).where(jobs.c.id == given.id).order_by(jobs.c.seq)


_LOCK = Many(lambda given: _by_id(given).with_for_update(of=jobs), id=jobs.c.id.type)
_FIND = Many(_by_id, id=jobs.c.id.type)


class KnownRun(NamedTuple):
    """A run that a call may be about: it has the call's token, or is open."""

    seq: int
    attempt: int
    token: str
    worker: str | None
    lease: int
    started_at: datetime
    heard_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    outcome: str | None
    reason: str | None
    failures: int  # of all the job's runs


def known(tx: Connection, pairs: Sequence[tuple[int, str]]) -> list[KnownRun]:
    """For each (seq, token): the run with this token, and the open one, if there are such. A token may be empty."""
    return [KnownRun._make(row) for row in _KNOWN.rows(tx, [{"seq": seq, "token": token} for seq, token in pairs])]


def lock_known(tx: Connection, pairs: Sequence[tuple[int, str]]) -> list[KnownRun]:
    """The same, locked by ascending seq, and so as the transactions that held them left them."""
    rows = _LOCK_KNOWN.rows(tx, [{"seq": seq, "token": token} for seq, token in sorted(pairs)])
    return [KnownRun._make(row) for row in rows]


_failed = runs.alias("failed")
_FAILURES = (
    select(func.count())
    .select_from(_failed)
    .where(_failed.c.seq == runs.c.seq, _failed.c.outcome.in_([literal_column(f"'{each}'") for each in FAILURES]))
    .scalar_subquery()
    .label("failures")
)


def _of_pair(given: Any) -> Any:
    return select(*(runs.c[name] for name in KnownRun._fields[:-1]), _FAILURES).where(
        runs.c.seq == given.seq, or_(runs.c.token == given.token, runs.c.ended_at.is_(None))
    )


_KNOWN = Each(_of_pair, limit=2, seq=_SEQ, token=_TOKEN)
_LOCK_KNOWN = Each(lambda given: _of_pair(given).with_for_update(of=runs), limit=2, seq=_SEQ, token=_TOKEN)


class OpenRun(NamedTuple):
    """Who holds a job, and until when."""

    worker: str | None
    expires_at: datetime
    heard_at: datetime


def open_run(tx: Connection, job_id: str) -> OpenRun | None:
    """Who holds this job by a lease."""
    rows = _OPEN.rows(tx, id=job_id)
    return OpenRun._make(rows[0]) if rows else None


_OPEN = Compiled(
    select(*(runs.c[name] for name in OpenRun._fields))
    .join(jobs, jobs.c.seq == runs.c.seq)
    .where(jobs.c.id == bindparam("id"), runs.c.ended_at.is_(None))
)


class Claimed(NamedTuple):
    """A job that was claimed under a token, and whether it is still held."""

    seq: int
    id: str
    is_held: bool


def under(tx: Connection, token: str) -> list[Claimed]:
    """The jobs that were ever claimed under this token, by ascending seq."""
    return sorted(Claimed(seq, job_id, ended_at is None) for seq, job_id, ended_at in _UNDER.rows(tx, token=token))


_UNDER = Compiled(
    select(jobs.c.seq, jobs.c.id, runs.c.ended_at)
    .join(runs, runs.c.seq == jobs.c.seq)
    .where(runs.c.token == bindparam("token"))
)


def hear(tx: Connection, rows: list[dict[str, Any]], now: datetime) -> list[tuple[int, int, datetime]]:
    """Prolong open runs: (seq, attempt, expires_at) of those that were. A run never ends earlier than it would have.

    Each row has seq, attempt, lease, expires_at, progress and message; None of the last two leaves the old.
    """
    return [(seq, attempt, at) for seq, attempt, at in _HEAR.rows(tx, rows, heard_at=now)]


_HEAR = Many(
    lambda given: (
        update(runs)
        .where(runs.c.seq == given.seq, runs.c.attempt == given.attempt, runs.c.ended_at.is_(None))
        .values(
            heard_at=bindparam("heard_at", type_=DateTime()),
            lease=given.lease,
            expires_at=case((runs.c.expires_at > given.expires_at, runs.c.expires_at), else_=given.expires_at),
            progress=func.coalesce(given.progress, runs.c.progress),
            message=func.coalesce(given.message, runs.c.message),
        )
        .returning(runs.c.seq, runs.c.attempt, runs.c.expires_at)
    ),
    seq=_SEQ,
    attempt=Integer(),
    lease=Integer(),
    expires_at=DateTime(),
    progress=Integer(),
    message=String(),
)


def end(tx: Connection, rows: list[dict[str, Any]], now: datetime, who: str | None = None) -> None:
    """End open runs; each row has seq, attempt, outcome and reason."""
    if rows:
        _END.rows(tx, rows, ended_at=now, ended_by=who)


_ENDED_BY = bindparam("ended_by", type_=runs.c.ended_by.type)


_END = Many(
    lambda given: (
        update(runs)
        .where(runs.c.seq == given.seq, runs.c.attempt == given.attempt, runs.c.ended_at.is_(None))
        .values(
            ended_at=bindparam("ended_at", type_=DateTime()),
            ended_by=_ENDED_BY,
            outcome=given.outcome,
            reason=given.reason,
        )
    ),
    seq=_SEQ,
    attempt=Integer(),
    outcome=String(),
    reason=runs.c.reason.type,
)


def expire(tx: Connection, rows: list[dict[str, Any]], now: datetime) -> list[int]:
    """End runs whose lease ran out, and only those; each row has seq, attempt and reason. The seqs ended."""
    return [seq for (seq,) in _EXPIRE.rows(tx, rows, ended_at=now)]


_EXPIRE = Many(
    lambda given: (
        update(runs)
        .where(
            runs.c.seq == given.seq,
            runs.c.attempt == given.attempt,
            runs.c.ended_at.is_(None),
            runs.c.expires_at <= Now(),  # a heartbeat may have come between the look and this
        )
        .values(
            ended_at=bindparam("ended_at", type_=DateTime()),
            outcome=literal_column(f"'{Outcome.EXPIRED}'"),
            reason=given.reason,
        )
        .returning(runs.c.seq)
    ),
    seq=_SEQ,
    attempt=Integer(),
    reason=runs.c.reason.type,
)


def take_away(tx: Connection, seqs: Sequence[int], reason: str | None, who: str | None = None) -> list[int]:
    """End the jobs' open runs: the jobs are ended without their tokens. The seqs of those that had one."""
    rows = _TAKE_AWAY.rows(tx, [{"seq": seq} for seq in seqs], new_reason=reason, ended_by=who)
    return [seq for (seq,) in rows]


_TAKE_AWAY = Many(
    lambda given: (
        update(runs)
        .where(runs.c.seq == given.seq, runs.c.ended_at.is_(None))
        .values(
            ended_at=Now(),
            ended_by=_ENDED_BY,
            outcome=literal_column(f"'{Outcome.TAKEN}'"),
            reason=bindparam("new_reason", type_=runs.c.reason.type),
        )
        .returning(runs.c.seq)
    ),
    seq=_SEQ,
)


def _status(action: Action) -> ColumnElement[str]:
    return literal_column(f"'{TRANSITIONS[action].target}'")


def finish(tx: Connection, action: Action, rows: list[dict[str, Any]], now: datetime, who: str | None = None) -> None:
    """End RUNNING jobs for good, by COMPLETE or FAIL; each row has seq and what a Success or a Failure has."""
    if rows:
        _FINISH[action].rows(tx, rows, completed_at=now, ended_by=who)


def _finishing(action: Action, stored: tuple[str, ...]) -> Many:
    return Many(
        lambda given: (
            update(jobs)
            .where(jobs.c.seq == given.seq, jobs.c.status == literal_column(f"'{JobStatus.RUNNING}'"))
            .values(
                status=_status(action),
                completed_at=bindparam("completed_at", type_=DateTime()),
                ended_by=bindparam("ended_by", type_=jobs.c.ended_by.type),
                **{name: getattr(given, name) for name in stored},
            )
        ),
        seq=_SEQ,
        **{name: jobs.c[name].type for name in stored},
    )


_FINISH = {
    Action.COMPLETE: _finishing(Action.COMPLETE, Success._fields),
    Action.FAIL: _finishing(Action.FAIL, Failure._fields),
}


def give_back(tx: Connection, rows: list[dict[str, Any]]) -> None:
    """Make RUNNING jobs PENDING again, which then do not expire; each row has seq and run_at (None: ready at once)."""
    if rows:
        _GIVE_BACK.rows(tx, rows)


_GIVE_BACK = Many(
    lambda given: (
        update(jobs)
        .where(jobs.c.seq == given.seq, jobs.c.status == literal_column(f"'{JobStatus.RUNNING}'"))
        .values(status=_status(Action.RELEASE), started_at=None, started_by=None, run_at=given.run_at, expires_at=None)
    ),
    seq=_SEQ,
    run_at=DateTime(),
)


def lock_key(tx: Connection, key: str) -> None:
    """On PostgreSQL: have two requests with the same key take turns. On SQLite a transaction that writes is alone."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
