"""The JSON endpoints of who holds a job: heartbeat, complete, fail, release, and many of these at once."""

from typing import Any

from flask import Blueprint

from dashboard.api import bodies, schemas, shapes, words
from dashboard.api.operation import operation
from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import Job
from dashboard.core.run import FullJob
from dashboard.core.transitions import Action
from dashboard.database.transactions import asking
from dashboard.security import access
from dashboard.security.access import viewers
from dashboard.security.access import workers as open_to_workers
from dashboard.services import jobs as job_service
from dashboard.services import runs
from dashboard.services.runs import Beat, End
from dashboard.store import workers as worker_store

bp = Blueprint("runs", __name__, url_prefix="/jobs")
workers_bp = Blueprint("workers", __name__)


@bp.post("/<job_id>/heartbeat")
@open_to_workers
@operation("send_heartbeat", answer=shapes.Heard, query=words.HeartbeatQuery, body=bodies.Heartbeat, refuses=(404, 409))
def heartbeat(job_id: str, query: words.HeartbeatQuery, body: bodies.Heartbeat) -> dict[str, Any]:
    """Prolong the lease of this job. The body may be left out."""
    return runs.heartbeat(Beat(job_id, query.token, query.lease, body.progress, body.message))._asdict()


@bp.post("/<job_id>/complete")
@open_to_workers
@operation(
    "complete_job",
    answer=shapes.FullJob | schemas.Job,
    query=words.CompleteQuery,
    body=schemas.JobComplete,
    refuses=(400, 404, 409),
)
def complete(job_id: str, query: words.CompleteQuery, body: schemas.JobComplete) -> Job | FullJob:
    """Complete this RUNNING job. The body may be left out."""
    if query.token is None:
        return job_service.complete(job_id, body.result, access.who())
    return runs.end(End(job_id, query.token, Action.COMPLETE, result=body.result), access.who())


@bp.post("/<job_id>/fail")
@open_to_workers
@operation("fail_job", answer=shapes.FullJob | schemas.Job, query=words.FailTokenQuery, refuses=(400, 404, 409))
def fail(job_id: str, query: words.FailTokenQuery) -> Job | FullJob:
    """Fail this RUNNING job, or call this PENDING one off. The reason becomes its result."""
    if query.token is None:
        return job_service.fail(job_id, query.reason, access.who())
    return runs.end(
        End(job_id, query.token, Action.FAIL, reason=query.reason, delay=_delay(query.retry_in)), access.who()
    )


@bp.post("/<job_id>/release")
@open_to_workers
@operation("release_job", answer=shapes.FullJob, query=words.ReleaseQuery, refuses=(404, 409))
def release(job_id: str, query: words.ReleaseQuery) -> FullJob:
    """Give this job back. It is PENDING again, and that is no failure."""
    return runs.end(End(job_id, query.token, Action.RELEASE, delay=query.in_), access.who())


@bp.post("/release")
@open_to_workers
@operation("release_jobs", answer=list[shapes.FullJob], query=words.ReleaseQuery)
def release_all(query: words.ReleaseQuery) -> list[FullJob]:
    """Give back every job that is held under this token. The answer has them; none is an empty array."""
    return runs.release_all(query.token, query.in_, access.who())


@bp.post("/report")
@open_to_workers
@operation("report_runs", answer=list[shapes.ReportAnswer], body=bodies.Report)
def report(body: bodies.Report) -> list[dict[str, Any]]:
    """What became of up to 1,000 runs. Each item is judged alone, and all that hold are committed at once."""
    refusals = runs.report([_call(item) for item in body.root], access.who())
    return [
        {"id": item.id, "status": 200}
        if refusal is None
        else {"id": item.id, "status": 404 if isinstance(refusal, JobNotFoundError) else 409, "detail": str(refusal)}
        for item, refusal in zip(body.root, refusals, strict=True)
    ]


@workers_bp.get("/workers")
@viewers
@operation("list_workers", answer=list[shapes.WorkerAtWork])
def workers() -> list[dict[str, Any]]:
    """Who holds jobs now, by a lease. Workers of the same name are one entry."""
    with asking() as tx:
        return [worker._asdict() for worker in worker_store.workers(tx)]


def _call(item: bodies.Item) -> End | Beat:
    if isinstance(item, bodies.HeartbeatItem):
        return Beat(item.id, item.token, item.lease, item.progress, item.message)
    if isinstance(item, bodies.CompleteItem):
        return End(item.id, item.token, Action.COMPLETE, result=item.result)
    if isinstance(item, bodies.FailItem):
        return End(item.id, item.token, Action.FAIL, reason=item.reason, delay=_delay(item.retry_in))
    return End(item.id, item.token, Action.RELEASE, delay=item.in_)


def _delay(retry_in: float | str | None) -> float | None:
    return runs.NEVER if isinstance(retry_in, str) else retry_in
