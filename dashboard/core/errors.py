"""The refusals: each carries the sentence that the client reads."""

from datetime import datetime

from dashboard.core.job import JobStatus
from dashboard.core.transitions import TRANSITIONS, Action


class JobError(Exception):
    """A refusal; str() of it is the sentence that the caller is told."""


class JobNotFoundError(JobError):
    def __init__(self) -> None:
        super().__init__("Job not found")


class NoPendingJobsError(JobError):
    def __init__(self) -> None:
        super().__init__("No pending jobs")


class ActionRefusedError(JobError):
    """The job's status forbids the action; the sentence says what came first, and when."""

    def __init__(
        self, action: Action, status: str, since: datetime, sources: tuple[JobStatus, ...] | None = None
    ) -> None:
        needed = " or ".join(sources or TRANSITIONS[action].sources)
        done = {"PENDING": "created", "RUNNING": "started", "COMPLETED": "completed", "FAILED": "failed"}[status]
        super().__init__(
            f"Cannot {action} the job: it is {status}, not {needed} ({done} {since:%Y-%m-%d %H:%M:%S} UTC)"
        )
