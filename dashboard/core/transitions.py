"""The state machine, typed once: every other module reads it here."""

from enum import StrEnum
from typing import NamedTuple

from dashboard.core.job import JobStatus


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
