"""The rows of the queue: PENDING jobs in claim order, those for later, and what a queue's entries point at."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from dashboard.core.job import JobStatus
from dashboard.database.schema import jobs
from dashboard.database.statement import Compiled
from dashboard.store.jobs import has_status, in_claim_order


class QueuedJob(NamedTuple):
    """What a queue's entry points at."""

    seq: int
    id: str
    type: str
    preview: str | None
    priority: int
    status: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    run_at: datetime | None

    @property
    def is_for_later(self) -> bool:
        return self.status == JobStatus.PENDING and self.run_at is not None


_QUEUED = [jobs.c[name] for name in QueuedJob._fields]


def next_pending(tx: Connection, limit: int) -> list[QueuedJob]:
    """The PENDING jobs in claim order, as the database has it."""
    return [QueuedJob._make(row) for row in _NEXT_PENDING.rows(tx, limit=limit)]


_NEXT_PENDING = Compiled(in_claim_order(select(*_QUEUED)).limit(bindparam("limit")))


def later(tx: Connection, limit: int) -> list[QueuedJob]:
    """The PENDING jobs that are not ready yet, those first that will be ready first."""
    return [QueuedJob._make(row) for row in _LATER.rows(tx, limit=limit)]


_LATER = Compiled(
    select(*_QUEUED)
    .where(has_status(JobStatus.PENDING), jobs.c.run_at.is_not(None))
    .order_by(jobs.c.run_at)
    .limit(bindparam("limit"))
)


def queued(tx: Connection, seqs: list[int]) -> list[QueuedJob]:
    """The jobs with these seqs, in the order of the list; one that is gone is left out."""
    found = {row.seq: QueuedJob._make(row) for row in tx.execute(_QUEUED_BY_SEQ, {"seqs": seqs})}
    return [found[seq] for seq in seqs if seq in found]


_QUEUED_BY_SEQ = select(*_QUEUED).where(jobs.c.seq.in_(bindparam("seqs", expanding=True)))
