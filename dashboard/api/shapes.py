"""The answers that leases, schedules and batches add; FullJob is a job with what they add to its nine keys."""

from typing import Literal

from pydantic import BaseModel

from dashboard.api.schemas import Job, Time
from dashboard.core.run import Outcome


class ReportAnswer(BaseModel):
    """Of one item: 200, or why not."""

    id: str
    status: Literal[200, 404, 409]
    detail: str | None = None


class Heard(BaseModel):
    """Until when the lease holds now."""

    lease_expires_at: Time
    attempt: int


class FullJob(Job):
    """A job, with what leases and schedules add."""

    run_at: Time | None
    expires_at: Time | None
    max_attempts: int | None
    attempt: int
    worker: str | None
    lease_expires_at: Time | None
    progress: int | None
    message: str | None
    retry_of: str | None


class LeasedJob(FullJob):
    """A job that is held by a lease; its token ends it."""

    token: str


class Attempt(BaseModel):
    """A run of a job."""

    attempt: int
    worker: str | None
    started_at: Time
    heard_at: Time
    ended_at: Time | None
    outcome: Outcome | None
    reason: str | None


class JobWithAttempts(FullJob):
    """A job and its last runs, oldest first."""

    attempts: list[Attempt]


class WorkerAtWork(BaseModel):
    """A worker that holds jobs."""

    worker: str | None
    running: int
    oldest_started_at: Time
    heard_at: Time
    lease_expires_at: Time
