"""The JSON endpoints that take a job: the next one, or this one."""

from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, request

from dashboard.api import schemas, shapes, words
from dashboard.api.operation import Key, idempotency_key, operation
from dashboard.core.errors import ClaimsPausedError, NoPendingJobsError
from dashboard.core.job import Job
from dashboard.core.run import TOKEN, WORKER_MAX, Lease, LeasedJob
from dashboard.http.client import is_there
from dashboard.security import access
from dashboard.security.access import workers
from dashboard.services import claims, waiting
from dashboard.services import jobs as job_service

bp = Blueprint("claims", __name__, url_prefix="/jobs")

KEY = Key(
    TOKEN,
    "With lease an Idempotency-Key is 16 to 64 of A-Z a-z 0-9 _ -",
    "With `lease` it becomes the token, and a repeat answers the jobs that are still held under it; else it is ignored",
    "mill-3-0000000001",
)


@bp.post("/claim")
@workers
@operation(
    "claim_job",
    answer=shapes.LeasedJob | schemas.Job | list[shapes.LeasedJob | schemas.Job],
    query=words.ClaimQuery,
    refuses=(404, 409),
    key=KEY,
)
def claim(query: words.ClaimQuery) -> Any:
    """Claim the next job. It is the one of the highest priority, and of those the oldest, and is RUNNING then."""
    limit = query.limit or 1
    lease, is_key = _lease(query)
    who = access.who()

    paused: ClaimsPausedError | None = None

    def attempt() -> Any:
        nonlocal paused
        paused = None
        try:
            return take()
        except ClaimsPausedError as error:  # it waits on, until claims go on
            paused = error
            return None

    def take() -> Any:
        if lease:
            return claims.lease(limit, query.type, lease, is_key=is_key, who=who)
        return claims.claim_many(limit, query.type, who)

    found = waiting.room().wait_for_job(attempt, query.type, query.wait, lambda: is_there(request.environ))
    if query.limit is not None:
        return found or []
    if not found:
        raise paused or NoPendingJobsError
    return found[0]


@bp.post("/<job_id>/process")
@workers
@operation(
    "process_job",
    answer=shapes.LeasedJob | schemas.Job,
    query=words.ProcessQuery,
    refuses=(400, 404, 409),
    key=KEY,
)
def process(job_id: str, query: words.ProcessQuery) -> Job | LeasedJob:
    """Start this PENDING job. It is RUNNING then."""
    lease, is_key = _lease(query)
    if lease is None:
        return job_service.process(job_id, access.who())
    return claims.process(job_id, lease, is_key=is_key, who=access.who())


def _lease(query: words.ProcessQuery) -> tuple[Lease | None, bool]:
    """The lease that is asked for, and whether its token is the client's key."""
    if query.lease is None:
        return None, False
    key = idempotency_key(KEY)
    worker = query.worker or (access.token_name() or "")[:WORKER_MAX] or None
    return Lease(query.lease, key or token_urlsafe(16), worker, query.attempts or 1), key is not None
