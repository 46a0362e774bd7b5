"""The refusals of the rules: each carries the sentence that the client reads."""

from datetime import datetime

from dashboard.core.pause import Pause
from dashboard.core.transitions import ARRIVED, TRANSITIONS, Action


class JobError(Exception):
    """A refused request; str() of it is the sentence that the client reads."""


class JobNotFoundError(JobError):
    def __init__(self) -> None:
        super().__init__("Job not found")


class NoPendingJobsError(JobError):
    def __init__(self) -> None:
        super().__init__("No pending jobs")


class ClaimsPausedError(NoPendingJobsError):
    """An operator has paused all claims."""

    def __init__(self, pause: Pause) -> None:
        JobError.__init__(self, told(pause))


class StartPausedError(JobError):
    """The same for a job that is named."""

    def __init__(self, pause: Pause) -> None:
        super().__init__(f"Cannot process the job: {told(pause)}")


class ActionRefusedError(JobError):
    """The job's status forbids the action; the sentence says which status it is in, since when, and by whom."""

    def __init__(self, action: Action, status: str, since: datetime, by: str | None = None) -> None:
        needed = " or ".join(TRANSITIONS[action].sources)
        self.action, self.since, self.by = action, since, by
        self.came = ARRIVED[status].lower()
        told = f"{self.came} {words(since)}{f' by {by}' if by else ''}"
        super().__init__(f"Cannot {action} the job: it is {status}, not {needed} ({told})")


class NotFinishedError(JobError):
    """Only a finished job is run again, or deleted."""

    def __init__(self, verb: str, status: str) -> None:
        super().__init__(f"Cannot {verb} the job: it is {status}, not COMPLETED or FAILED")


class ExpiredError(JobError):
    """It is too late to begin the job."""

    def __init__(self) -> None:
        super().__init__("Cannot process the job: it expired before anybody began it")


class LeaseLostError(JobError):
    """The token holds the job no longer; the sentence says what became of it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Lease lost: {what}")


class LeasedError(JobError):
    """The job is held by a lease, and the caller sent no token."""

    def __init__(self, worker: str | None, until: datetime) -> None:
        super().__init__(
            f"Cannot complete the job: it is leased to {worker or 'a worker without a name'} until {words(until)}; "
            "its holder sends the token, anybody may fail it"
        )


class KeyUsedError(JobError):
    """An Idempotency-Key that belongs to something else."""


def told(pause: Pause) -> str:
    """Who has paused claims, since when, and why."""
    by = f" by {pause.who}" if pause.who else ""
    return f"Claims are paused{by} since {words(pause.since)}{f': {pause.reason}' if pause.reason else ''}"


def words(time: datetime) -> str:
    """A time in a sentence, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
