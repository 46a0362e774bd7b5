"""Finished jobs: found by when they ended, and deleted with their runs. What has not ended is never deleted."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    bindparam,
    delete,
    select,
    tuple_,
)

from dashboard.core.job import JobStatus
from dashboard.core.transitions import FINAL
from dashboard.database.schema import BY_END, jobs
from dashboard.database.statement import Compiled, Many
from dashboard.store.jobs import has_status

STATUSES = tuple(sorted(FINAL))


class Ended(NamedTuple):
    """A finished job, as much as the index of ends and its type tell."""

    at: datetime
    seq: int
    type: str


START = (datetime(1, 1, 1), 0)  # before the end of every job


def oldest(tx: Connection, status: JobStatus, after: tuple[datetime, int], before: datetime, limit: int) -> list[Ended]:
    """Those of this status that ended before a time, and after the one with this end and seq; the oldest first."""
    return [Ended._make(row) for row in _OLDEST[status].rows(tx, at=after[0], seq=after[1], before=before, limit=limit)]


def _oldest(status: JobStatus) -> Compiled:
    end, place = jobs.c.completed_at, tuple_(jobs.c.completed_at, jobs.c.seq)
    after = tuple_(bindparam("at", type_=DateTime()), bindparam("seq", type_=BigInteger()))
    return Compiled(
        select(end, jobs.c.seq, jobs.c.type)
        .where(has_status(status), BY_END, place > after, end < bindparam("before", type_=DateTime()))
        .order_by(end, jobs.c.seq)
        .limit(bindparam("limit"))
    )


_OLDEST = {status: _oldest(status) for status in STATUSES}


def delete_each(tx: Connection, seqs: Sequence[int]) -> int:
    """Delete those of these jobs that have ended; returns how many."""
    return len(_DELETE_EACH.rows(tx, [{"seq": seq} for seq in seqs]))


_DELETE_EACH = Many(
    lambda given: delete(jobs).where(jobs.c.seq == given.seq, has_status(*STATUSES)).returning(jobs.c.seq),
    seq=jobs.c.seq.type,
)


def delete_one(tx: Connection, job_id: str) -> str | None:
    """Delete the job with this id, if it has ended; returns its type, or None where there was none."""
    rows = _DELETE_ONE.rows(tx, id=job_id)
    return rows[0][0] if rows else None


_DELETE_ONE = Compiled(delete(jobs).where(jobs.c.id == bindparam("id"), has_status(*STATUSES)).returning(jobs.c.type))
