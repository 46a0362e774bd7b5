"""A run: one leased attempt of a job, open while a worker holds it. Its token is the fence."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

LEASE_MAX = 86_400  # seconds
TOKEN = "[A-Za-z0-9_-]{16,64}"  # a regular expression of the whole token  # noqa: S105
WORKER_MAX = 100  # characters
ATTEMPTS_MAX = 100
MESSAGE_MAX = 200  # characters
DELAY_MAX = 2_592_000  # seconds that a job may be put off by its worker
AHEAD_MAX = 315_360_000  # seconds that a creator may put a job off: ten years
TYPES_MAX = 20  # that one claim asks for
CLAIM_MAX = 100  # jobs of one claim
WAIT_MAX = 25  # seconds that a request may wait
HISTORY = 50  # runs that one job tells


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"  # its lease ran out
    RELEASED = "released"  # given back; does not count as a failure
    TAKEN = "taken"  # the job was ended without the token


# What a page says of a run that ended.
ENDED = {
    Outcome.COMPLETED: "Completed",
    Outcome.FAILED: "Failed",
    Outcome.EXPIRED: "Expired",
    Outcome.RELEASED: "Given back",
    Outcome.TAKEN: "Taken away",
}

FAILURES = (Outcome.FAILED, Outcome.EXPIRED)  # what max_attempts counts


class Run(NamedTuple):
    """One attempt, as a job's history tells it. The API tells no names of people and tokens."""

    attempt: int
    worker: str | None
    started_at: datetime
    heard_at: datetime
    ended_at: datetime | None
    outcome: str | None
    reason: str | None
    started_by: str | None
    ended_by: str | None  # None where time did


class Lease(NamedTuple):
    """What a claim asks for: how long, under which token, for whom."""

    seconds: int
    token: str
    worker: str | None
    attempts: int  # the job's max_attempts, where its creator gave none


class FullJob(NamedTuple):
    """A job with what leases and schedules add: the nine keys first."""

    id: str
    type: str
    payload: str | None
    priority: int
    status: str
    result: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    run_at: datetime | None
    expires_at: datetime | None
    max_attempts: int | None
    attempt: int  # 0 before the first run
    worker: str | None  # of the open run
    lease_expires_at: datetime | None  # of the open run
    progress: int | None
    message: str | None
    retry_of: str | None


class LeasedJob(NamedTuple):
    """What a leased claim answers: the job and the token that ends it."""

    job: FullJob
    token: str
