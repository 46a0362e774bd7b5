"""The JSON endpoints that create and read jobs."""

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import BaseConverter

from dashboard.api import bodies, schemas, shapes, words
from dashboard.api.operation import Key, idempotency_key, ignored, operation
from dashboard.core.job import Job, NewJob
from dashboard.core.run import FullJob
from dashboard.database.transactions import asking, reading
from dashboard.http.answers import changed, job_keys, json_bytes, json_response, json_stream
from dashboard.http.download import MEDIA_TYPES, Format, download
from dashboard.security import access
from dashboard.security.access import readers, viewers, workers
from dashboard.services import claims, search, waiting
from dashboard.services import create as creation
from dashboard.services import jobs as job_service
from dashboard.store import counts, full_jobs, listing
from dashboard.store import jobs as job_store
from dashboard.store.selection import Selection

bp = Blueprint("api", __name__, url_prefix="/jobs")


class JobIdConverter(BaseConverter):
    """Any text but `claim`, which takes a POST alone: a GET of it is 405, not the job of that name."""

    regex = r"(?!claim\Z)[^/]+"
    part_isolating = True  # in a path of its own, although there is a slash in the expression


class DeletableIdConverter(BaseConverter):
    """Any text but the names that are calls: their Allow has no DELETE."""

    regex = r"(?!(?:batch|bulk|claim|export|queue|release|report|summary)\Z)[^/]+"
    part_isolating = True


IGNORED = "X-Ignored-Query"

CONVERTERS = {"job_id": JobIdConverter, "deletable_id": DeletableIdConverter}
bp.record_once(lambda state: state.app.url_map.converters.update(CONVERTERS))

KEY = Key(
    "[!-~]{1,255}",
    "An Idempotency-Key is 1 to 255 visible ASCII characters",
    "A repeat with the same key and content creates nothing",
    "report-2026-01-01",
)


@bp.post("", strict_slashes=False)
@workers
@operation(
    "create_job", answer=shapes.FullJob | schemas.Job, status=201, body=bodies.JobCreate, refuses=(409,), key=KEY
)
def create(body: bodies.JobCreate) -> Response | Job | FullJob:
    """Create a job. It starts PENDING."""
    key = idempotency_key(KEY)
    if key is None and not body.is_full:
        return job_service.create(body.type, body.payload, body.priority or 0, access.who())
    if key is None:
        return creation.create_full(_new(body), access.who())
    job, is_new = creation.create_once(_new(body), key, access.caller() or "")
    return json_response(changed(job if body.is_full else _nine(job)), 201 if is_new else 200)


@bp.post("/batch")
@workers
@operation(
    "create_jobs",
    answer=list[shapes.FullJob | schemas.Job],
    status=201,
    body=bodies.Batch,
    refuses=(409,),
    key=KEY,
)
def batch(body: bodies.Batch) -> Response:
    """Create up to 1,000 jobs, all or none. The answer has them in their order."""
    key = idempotency_key(KEY)
    new, is_new = [_new(item) for item in body.root], True
    if key is None:
        jobs = creation.create_many(new, access.who())
    else:
        jobs, is_new = creation.create_many_once(new, key, access.caller() or "")
    shown = [job if item.is_full else _nine(job) for job, item in zip(jobs, body.root, strict=True)]
    return json_response(changed(shown), 201 if is_new else 200)


def _new(body: bodies.JobCreate) -> NewJob:
    return NewJob(body.type, body.payload, body.priority or 0, body.run_at, body.expires_at, body.max_attempts)


def _nine(job: FullJob) -> Job:
    return Job._make(job[: len(Job._fields)])


@bp.get("", strict_slashes=False)
@readers
@operation(
    "list_jobs",
    answer=list[shapes.FullJob | schemas.Job],
    query=words.ListQuery,
    refuses=(404,),
    headers=((IGNORED, "string", "The names in the query that mean nothing here, where there are any"),),
)
def jobs(query: words.ListQuery) -> Response:
    """The newest jobs, newest first. For the next page, `before` is the id of the last one."""
    found = _found(query)
    long = listing.cut(found)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    response = json_stream(_in_slices(app, found, long)) if long else json_response(found)
    if names := ignored(words.ListQuery):
        response.headers[IGNORED] = names
    return response


def _found(query: words.ListQuery) -> Sequence[Job | FullJob]:
    newest = listing.newest_full if query.full else listing.newest
    sought = query.selection(query.status)
    with asking() as tx:
        before = None if query.before is None else listing.seq_of(tx, query.before)
        if sought == Selection(query.status):
            return newest(tx, query.status, query.limit, before)
    seqs = search.newest(sought, query.limit, before)
    with asking() as tx:
        return listing.full_of_seqs(tx, seqs) if query.full else listing.of_seqs(tx, seqs)


def _in_slices(app: Flask, found: Sequence[Job | FullJob], long: set[str]) -> Iterator[bytes]:
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


@bp.get("/export")
@viewers
@operation("export_jobs", answer=str, query=words.ExportQuery, media_types=tuple(MEDIA_TYPES.values()))
def export(query: words.ExportQuery) -> Response:
    """All jobs of the filter as a file, with all their keys. The oldest come first."""
    return download(query.selection(query.status), Format(query.format))


@bp.get("/queue")
@readers
@operation(
    "list_queue",
    answer=list[schemas.QueueEntry],
    query=schemas.QueueQuery,
    headers=(("X-Total-Count", "integer", "How many entries the queue has"),),
)
def queue(query: schemas.QueueQuery) -> Response:
    """This process's queue, next to be claimed first. Stale entries may be among them."""
    with reading() as tx:
        entries, total = claims.queue_snapshot(tx, query.limit)
    response = json_response([{"job_id": e.id, "priority": e.priority, "created_at": e.created_at} for e in entries])
    response.headers["X-Total-Count"] = str(total)
    return response


@bp.get("/summary")
@readers
@operation("count_jobs", answer=schemas.Summary)
def summary() -> dict[str, int]:
    """How many jobs there are of each status. It is as fast with ten million jobs as with ten."""
    with asking() as tx:
        tally = counts.counts(tx)._asdict()
    return {name: tally[name] for name in schemas.Summary.model_fields}


@bp.get("/<job_id:job_id>")
@readers
@operation("get_job", answer=shapes.JobWithAttempts | schemas.Job, query=words.JobQuery, refuses=(404,))
def job(job_id: str, query: words.JobQuery) -> Job | dict[str, Any]:
    """One job. With `wait` the answer comes when it is finished or the time is up; it is 200 either way."""
    if query.wait:
        waiting.room().wait_for_end(job_id, query.wait)
    with asking() as tx:
        if not query.full:
            return job_store.get(tx, job_id)
        job = full_jobs.get_full(tx, job_id)
        history = full_jobs.history(tx, job_id)
        attempts = [{name: getattr(run, name) for name in shapes.Attempt.model_fields} for run in history]
        return {**job_keys(job), "attempts": attempts}


@bp.post("/<job_id>/retry")
@operation("retry_job", answer=shapes.FullJob, status=201, refuses=(400, 404))
def retry(job_id: str) -> FullJob:
    """Run this finished job again. The answer is a new job with its type, payload and priority."""
    return job_service.retry(job_id, access.who())


@bp.delete("/<deletable_id:job_id>")
@operation("delete_job", status=204, refuses=(400, 404))
def delete(job_id: str) -> None:
    """Delete this finished job. Its runs go with it, and its Idempotency-Key is free again."""
    job_service.delete(job_id, access.who())
    changed(1)
