"""Which job is next: candidates for the process-local queue, and PostgreSQL's claim in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, bindparam, func, select

from dashboard.core.job import Job, JobStatus
from dashboard.core.transitions import Action
from dashboard.database.schema import BY_AGE, jobs
from dashboard.database.statement import Compiled
from dashboard.store.jobs import changed, guarded, has_status, in_claim_order


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


_QUEUED = [jobs.c[name] for name in QueuedJob._fields]


def claim_next(tx: Connection, now: datetime) -> Job | None:
    """Claim the job that the database says is next, in one statement; None when there is none.

    On PostgreSQL claims do not wait for each other: a row that another one has locked is passed over.
    """
    return changed(tx, _CLAIM_NEXT, JobStatus.RUNNING, now=now)


_NEXT = in_claim_order(select(jobs.c.seq)).limit(1)

_CLAIM_NEXT = guarded(Action.CLAIM, jobs.c.seq == _NEXT.with_for_update(skip_locked=True).scalar_subquery())


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
