"""The state machine: what each action does to a job, and the words for it.

This is the only place that says so. Read from here: the WHERE clause of the UPDATE, the buttons, forms, toasts and
refusals, and the table in the README.
"""

from enum import StrEnum
from typing import NamedTuple

from dashboard.core.job import JobStatus


class Action(StrEnum):
    """The value is the last part of the action's URL, and the verb of a refusal: "Cannot fail the job"."""

    CLAIM = "claim"  # start the next job, whichever that is
    PROCESS = "process"  # start this job
    COMPLETE = "complete"
    FAIL = "fail"
    UNDO = "undo"  # take back a job that was just created
    RELEASE = "release"  # give the job back: only the run that holds it can


class Transition(NamedTuple):
    """An action moves a job from one of the sources to the target; in any other status it is refused.

    An action that the pages do not offer, because only a program can take it, needs no words.
    """

    sources: tuple[JobStatus, ...]
    target: JobStatus
    label: str = ""  # of its button
    done: str = ""  # in a toast, in front of the job
    asks: bool = False  # whether a form asks before it is done
    danger: bool = False  # whether the button of that form warns
    doing: str = ""  # on the button, while it waits for the answer


TRANSITIONS = {
    Action.CLAIM: Transition((JobStatus.PENDING,), JobStatus.RUNNING, "Claim next", "Claimed", doing="Claiming"),
    Action.PROCESS: Transition((JobStatus.PENDING,), JobStatus.RUNNING, "Start", "Started", doing="Starting"),
    Action.COMPLETE: Transition(
        (JobStatus.RUNNING,), JobStatus.COMPLETED, "Complete", "Completed", asks=True, doing="Completing"
    ),
    Action.FAIL: Transition(
        (JobStatus.PENDING, JobStatus.RUNNING),
        JobStatus.FAILED,
        "Fail",
        "Failed",
        asks=True,
        danger=True,
        doing="Failing",
    ),
    Action.UNDO: Transition((JobStatus.PENDING,), JobStatus.FAILED, "Undo", "Called off", doing="Undoing"),
    Action.RELEASE: Transition((JobStatus.RUNNING,), JobStatus.PENDING),
}

# The actions that each row and each job page offer, in the order of a job's life.
JOB_ACTIONS = (Action.PROCESS, Action.COMPLETE, Action.FAIL)

CREATED = "Created"  # the word for the one event that is not a transition

# What happened to a job when it came into a status.
ARRIVED: dict[str, str] = {
    **{TRANSITIONS[action].target: TRANSITIONS[action].done for action in JOB_ACTIONS},
    JobStatus.PENDING: CREATED,
}

# The statuses that no action leaves.
FINAL = frozenset(JobStatus) - {source for rule in TRANSITIONS.values() for source in rule.sources}


RETRY = "retry"  # makes a new job of a finished one, which stays as it is: no transition, but offered as these are

# What the pages can do to a job, and when; the target of RETRY is the status of the new job.
RULES: dict[str, Transition] = {str(action): rule for action, rule in TRANSITIONS.items()} | {
    RETRY: Transition(
        tuple(status for status in JobStatus if status in FINAL),
        JobStatus.PENDING,
        "Run again",
        "Runs again as",
        doing="Creating",
    ),
}


def allowed(status: str, *, is_leased: bool = False) -> list[str]:
    """What a job in this status offers, in the order of a job's life; a leased one is completed by its holder alone."""
    offered = [action for action in (*JOB_ACTIONS, RETRY) if status in RULES[action].sources]
    return [action for action in offered if not (is_leased and action == Action.COMPLETE)]
