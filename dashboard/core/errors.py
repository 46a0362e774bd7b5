"""The refusals of the rules: each carries the sentence that the client reads."""

from datetime import datetime

from dashboard.core.transitions import ARRIVED, TRANSITIONS, Action


class JobError(Exception):
    """A refused request; str() of it is the sentence that the client reads."""


class JobNotFoundError(JobError):
    def __init__(self) -> None:
        super().__init__("Job not found")


class NoPendingJobsError(JobError):
    def __init__(self) -> None:
        super().__init__("No pending jobs")


class ActionRefusedError(JobError):
    """The job's status forbids the action; the sentence says which status it is in, and since when."""

    def __init__(self, action: Action, status: str, since: datetime) -> None:
        needed = " or ".join(TRANSITIONS[action].sources)
        came = ARRIVED[status].lower()
        super().__init__(
            f"Cannot {action} the job: it is {status}, not {needed} ({came} {since:%Y-%m-%d %H:%M:%S} UTC)"
        )
