"""Jobs in any status, brought there by the real actions."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from dashboard.core.job import Job, JobStatus
from dashboard.core.transitions import Action
from dashboard.database.transactions import writing
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import jobs as job_store

EXAMPLE = {
    "type": "image_resize",
    "payload": {"image_url": "https://example.com/image.png", "width": 300, "height": 300},
    "priority": 5,
}
UNKNOWN = "00000000-0000-7000-8000-000000000000"  # no job has this id

# The contract's picture, once more and in other words than the code's.
MOVES = {
    (Action.CLAIM, JobStatus.PENDING): JobStatus.RUNNING,
    (Action.PROCESS, JobStatus.PENDING): JobStatus.RUNNING,
    (Action.COMPLETE, JobStatus.RUNNING): JobStatus.COMPLETED,
    (Action.FAIL, JobStatus.PENDING): JobStatus.FAILED,
    (Action.FAIL, JobStatus.RUNNING): JobStatus.FAILED,
    (Action.UNDO, JobStatus.PENDING): JobStatus.FAILED,
    (Action.RELEASE, JobStatus.RUNNING): JobStatus.PENDING,
}

ACT: dict[Action, Callable[[str], Job]] = {
    Action.CLAIM: lambda _: claims.claim(),
    Action.PROCESS: job_service.process,
    Action.COMPLETE: lambda job_id: job_service.complete(job_id, None),
    Action.FAIL: lambda job_id: job_service.fail(job_id, None),
    Action.UNDO: job_service.call_off,
}

WAY: dict[JobStatus, tuple[Action, ...]] = {
    JobStatus.PENDING: (),
    JobStatus.RUNNING: (Action.PROCESS,),
    JobStatus.COMPLETED: (Action.PROCESS, Action.COMPLETE),
    JobStatus.FAILED: (Action.PROCESS, Action.FAIL),
}


def make_job(status: JobStatus = JobStatus.PENDING, type: str = "job", priority: int = 0) -> Job:  # noqa: A002
    """A job in this status; needs an application context."""
    job = job_service.create(type, None, priority)
    for action in WAY[status]:
        job = ACT[action](job.id)
    return job


def make_many(count: int) -> list[str]:
    """The ids of so many new PENDING jobs, every other one with priority 1, made faster than by the service."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with writing() as tx:
        jobs = [
            job_store.insert(tx, id=str(uuid4()), type="job", payload=None, priority=number % 2, now=now)
            for number in range(count)
        ]
    return [job.id for job in jobs]
