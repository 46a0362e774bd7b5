"""The rules of a job's life. The state machine is typed here, once, and everyone else reads it."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

TYPE_MAX = 100  # characters
PRIORITY_MAX = 2**31 - 1  # what an INTEGER column holds in every database we support


class JobStatus(StrEnum):
    PENDING = "PENDING"  # waits to be claimed
    RUNNING = "RUNNING"  # somebody works on it
    COMPLETED = "COMPLETED"  # ended well, for good
    FAILED = "FAILED"  # ended badly, or was called off before it ran, for good


class Action(StrEnum):
    CLAIM = "claim"  # run the next job, whichever that is
    PROCESS = "process"  # run this job
    COMPLETE = "complete"
    FAIL = "fail"


class Transition(NamedTuple):
    sources: tuple[JobStatus, ...]
    target: JobStatus


TRANSITIONS = {
    Action.CLAIM: Transition((JobStatus.PENDING,), JobStatus.RUNNING),
    Action.PROCESS: Transition((JobStatus.PENDING,), JobStatus.RUNNING),
    Action.COMPLETE: Transition((JobStatus.RUNNING,), JobStatus.COMPLETED),
    Action.FAIL: Transition((JobStatus.PENDING, JobStatus.RUNNING), JobStatus.FAILED),
}

# What one can do to a job that one points at; a claim takes whichever is next.
JOB_ACTIONS = (Action.PROCESS, Action.COMPLETE, Action.FAIL)


def allowed(status: str) -> list[Action]:
    """The actions that a job in this status can take, in the order of a life."""
    return [action for action in JOB_ACTIONS if status in TRANSITIONS[action].sources]


class Job(NamedTuple):
    """One job as it is stored: payload and result are JSON text, times are UTC without a zone."""

    id: str
    type: str
    payload: str | None
    priority: int
    status: str
    result: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


def utc_now() -> datetime:
    """The time as it is stored: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def json_text(value: Any) -> str | None:
    """The compact JSON text of a parsed value, as it is stored; None stays None.

    Raises ValueError for a number that JSON has no text for: 1e999 parses as infinity.
    """
    if value is None:
        return None
    try:
        return _encode(value)
    except ValueError:
        raise ValueError("a number in it is too large") from None


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


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
