"""Jobs that come in with a past, of which the minutes are to tell: an import, or an example."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from dashboard.core.activity import Did
from dashboard.core.job import JobStatus
from dashboard.core.past import PastJob
from dashboard.core.reason import failure
from dashboard.core.who import NOBODY, Via
from dashboard.database.transactions import write
from dashboard.services import minutes
from dashboard.store import activity, claims
from dashboard.store import past as past_store
from dashboard.store.minutes import lock

SLICE = 200  # jobs of one transaction, so that other writes wait for a few hundredths of a second

SHELL = NOBODY._replace(via=Via.SHELL)


def bring_in(past: Sequence[PastJob]) -> None:
    """Store these jobs in their order, and count what happened to them."""
    for first in range(0, len(past), SLICE):
        add_new(past[first : first + SLICE])
    count()


def add_new(past: Sequence[PastJob], import_of: tuple[str, str] | None = None) -> list[PastJob]:
    """Store in one transaction those of these jobs that are not there already, in their order; returns them.

    An import gives its name and its id, which makes one entry of activity of its slices. What happened to the jobs is
    counted later: by count(), or by the housekeeper.
    """

    def store(tx: Connection) -> list[PastJob]:
        lock(tx)  # two imports at once: the second one sees what the first one stored
        known = past_store.known(tx, [job.id for job in past])
        by_id: dict[str, PastJob] = {}
        for job in past:
            if job.id not in known:
                by_id.setdefault(job.id, job)
        if new := list(by_id.values()):
            before = claims.last_seq(tx)
            past_store.insert_past(tx, [_row(job) for job in new])
            past_store.came_in(tx, before, claims.last_seq(tx))
            if import_of:
                name, part_of = import_of
                activity.append(tx, SHELL, Did.IMPORT, count=len(new), detail=name, part_of=part_of)
        return new

    return write(store)


def count() -> None:
    """Count what happened to jobs that came in, as far as it is not counted yet."""
    while minutes.keep():
        pass


def _row(job: PastJob) -> dict[str, Any]:
    end: dict[str, Any] = {"reason": None, "reason_key": None}
    if job.status is JobStatus.FAILED:
        failed = failure(job.reason)
        end = failed._asdict() | {"result": job.result or failed.result}
    return job._asdict() | end
