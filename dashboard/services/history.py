"""Jobs that come in with a past, of which the minutes are to tell: an import, or an example."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from dashboard.core.job import JobStatus
from dashboard.core.reason import failure
from dashboard.database.transactions import write
from dashboard.services import minutes
from dashboard.store import claims
from dashboard.store import past as past_store


class PastJob(NamedTuple):
    """A job and what has happened to it; payload and result are JSON text, a reason makes the result of a failure."""

    id: str
    type: str
    payload: str | None
    priority: int
    status: JobStatus
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    result: str | None = None
    reason: str | None = None
    retry_of: str | None = None


SLICE = 1_000  # jobs of one transaction


def bring_in(past: Sequence[PastJob]) -> None:
    """Store these jobs in their order, and count what happened to them."""
    for first in range(0, len(past), SLICE):
        rows = [_row(job) for job in past[first : first + SLICE]]

        def store(tx: Connection, rows: list[dict[str, Any]] = rows) -> None:
            before = claims.last_seq(tx)
            past_store.insert_past(tx, rows)
            past_store.came_in(tx, before, claims.last_seq(tx))

        write(store)
    while minutes.keep():
        pass


def _row(job: PastJob) -> dict[str, Any]:
    end: dict[str, Any] = {"result": job.result, "reason": None, "reason_key": None}
    if job.status is JobStatus.FAILED:
        end = failure(job.reason)._asdict()
    return {**job._asdict(), **end}
