"""JSON responses, and the 304 without a body."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import orjson
from flask import Response
from flask.globals import request_ctx

from dashboard.core.job import Job
from dashboard.core.run import FullJob, LeasedJob

JSON = "application/json"

# Keys of the request's environ.
CHANGED = "dashboard.changed"  # the job or the jobs that it changed, or how many
ROUTE = "dashboard.route"  # its rule, as /jobs/<job_id>: nothing of it is the client's own text

Changed = TypeVar("Changed")


def changed(jobs: Changed) -> Changed:
    """The same; the log tells that this request has changed them."""
    request_ctx.request.environ[CHANGED] = jobs
    return jobs


class Answer(Response):
    """A response whose body is bytes in memory: it is sent as it is.

    Werkzeug looks in each response for a stream, a file, a Location and a missing length. Without that, one job and a
    304 take about 5 % less time. A response whose body or status a hook has changed is sent in Werkzeug's way.
    """

    default_mimetype = None

    def __init__(self, body: bytes = b"", status: int = 200, content_type: str | None = None) -> None:
        if not isinstance(body, bytes):
            raise TypeError("The body of an Answer is bytes; a stream goes into a flask.Response")
        super().__init__(body or None, status, content_type=content_type)
        self._parts: list[Any] | None = self.response  # type: ignore[assignment]  # a list, for the body is bytes
        self._made = len(self.response), self.status  # type: ignore[arg-type]

    def call_on_close(self, func: Callable[[], Any]) -> Callable[[], Any]:
        self._parts = None
        return super().call_on_close(func)

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        parts, status = self._parts, self.status
        if parts is None or parts is not self.response or (len(parts), status) != self._made:
            return super().get_wsgi_response(environ)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else parts, status, self.headers.to_wsgi_list()


def json_answer(text: bytes, status: int) -> Answer:
    return Answer(text, status, JSON)


def json_stream(parts: Iterator[bytes]) -> Response:
    """A JSON text that is made while it is sent."""
    return Response(parts, content_type=JSON)


def not_modified(tag: str, vary: str) -> Answer:
    answer = Answer(status=304)
    answer.headers["ETag"] = tag
    answer.headers["Vary"] = vary  # as the 200 has it
    return answer


def json_response(value: Any, status: int = 200) -> Response:
    return json_answer(json_bytes(value), status)


def json_bytes(value: Any) -> bytes:
    return orjson.dumps(value, default=_job)


def _job(value: Any) -> dict[str, Any]:
    """The keys of a job. Its payload and result are JSON text already, and are copied into the output."""
    if isinstance(value, LeasedJob):
        return {**_job(value.job), "token": value.token}
    if not isinstance(value, Job | FullJob):
        raise TypeError
    fields = value._asdict()
    for key in ("payload", "result"):
        if fields[key] is not None:
            fields[key] = orjson.Fragment(fields[key])
    return fields


def job_keys(job: FullJob) -> dict[str, Any]:
    """Its keys, for an answer that adds more."""
    return _job(job)
