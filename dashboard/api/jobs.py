"""The JSON endpoints."""

from collections.abc import Iterator

from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import BaseConverter

from dashboard.api import schemas
from dashboard.api.operation import operation
from dashboard.core.job import Job
from dashboard.database.transactions import asking, reading
from dashboard.http.answers import json_bytes, json_response, json_stream
from dashboard.security.access import viewers
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import counts, listing
from dashboard.store import jobs as job_store

bp = Blueprint("api", __name__, url_prefix="/jobs")


class JobIdConverter(BaseConverter):
    """Any text but `claim`, which takes a POST alone: a GET of it is 405, not the job of that name."""

    regex = r"(?!claim\Z)[^/]+"
    part_isolating = True  # in a path of its own, although there is a slash in the expression


bp.record_once(lambda state: state.app.url_map.converters.update(job_id=JobIdConverter))


@bp.post("", strict_slashes=False)
@operation(answer=schemas.Job, status=201, body=schemas.JobCreate)
def create(body: schemas.JobCreate) -> Job:
    """Create a job. It starts PENDING."""
    return job_service.create(body.type, body.payload, body.priority or 0)


@bp.get("", strict_slashes=False)
@viewers
@operation(answer=list[schemas.Job], query=schemas.ListQuery, refuses=(404,))
def jobs(query: schemas.ListQuery) -> list[Job] | Response:
    """The newest jobs, newest first. For the next page, `before` is the id of the last one."""
    with asking() as tx:
        before = None if query.before is None else listing.seq_of(tx, query.before)
        found = listing.newest(tx, query.status, query.limit, before)
    long = listing.cut(found)
    return json_stream(_in_slices(current_app._get_current_object(), found, long)) if long else found  # type: ignore[attr-defined]


def _in_slices(app: Flask, found: list[Job], long: set[str]) -> Iterator[bytes]:
    """The array, its long jobs read one by one while it is sent: a thousand of them do not fit into memory.

    No connection is held meanwhile. Where one cannot be read, the array has no end and the server cuts the connection.
    """
    yield b"["
    for place, job in enumerate(found):
        if job.id in long:
            with app.app_context(), asking() as tx:
                job = listing.whole(tx, job)
        yield b"," * bool(place) + json_bytes(job)
    yield b"]"


@bp.post("/claim")
@operation(answer=schemas.Job, refuses=(404,))
def claim() -> Job:
    """Claim the next job: the highest priority first, and of those the oldest. It is RUNNING then."""
    return claims.claim()


@bp.get("/queue")
@viewers
@operation(
    answer=list[schemas.QueueEntry],
    query=schemas.QueueQuery,
    headers=(("X-Total-Count", "How many entries the queue has"),),
)
def queue(query: schemas.QueueQuery) -> Response:
    """This process's queue, next to be claimed first. Stale entries may be among them."""
    with reading() as tx:
        entries, total = claims.queue_snapshot(tx, query.limit)
    response = json_response([{"job_id": e.id, "priority": e.priority, "created_at": e.created_at} for e in entries])
    response.headers["X-Total-Count"] = str(total)
    return response


@bp.get("/summary")
@viewers
@operation(answer=schemas.Summary)
def summary() -> dict[str, int]:
    """How many jobs there are of each status."""
    with asking() as tx:
        tally = counts.counts(tx)._asdict()
    return {name: tally[name] for name in schemas.Summary.model_fields}


@bp.get("/<job_id:job_id>")
@viewers
@operation(answer=schemas.Job, refuses=(404,))
def job(job_id: str) -> Job:
    """One job."""
    with asking() as tx:
        return job_store.get(tx, job_id)


@bp.post("/<job_id>/process")
@operation(answer=schemas.Job, refuses=(400, 404))
def process(job_id: str) -> Job:
    """Start this PENDING job. It is RUNNING then."""
    return job_service.process(job_id)


@bp.post("/<job_id>/complete")
@operation(answer=schemas.Job, body=schemas.JobComplete, refuses=(400, 404))
def complete(job_id: str, body: schemas.JobComplete) -> Job:
    """Complete this RUNNING job. The body may be left out."""
    return job_service.complete(job_id, body.result)


@bp.post("/<job_id>/fail")
@operation(answer=schemas.Job, query=schemas.FailQuery, refuses=(400, 404))
def fail(job_id: str, query: schemas.FailQuery) -> Job:
    """Fail this RUNNING job, or call this PENDING one off. The reason becomes its result."""
    return job_service.fail(job_id, query.reason)
