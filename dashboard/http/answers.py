"""Answers that are whole already, or made while they are sent: JSON, and that nothing is new."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from flask import Response

from dashboard.core.job import Job
from dashboard.core.run import FullJob, LeasedJob

JSON = "application/json"


class Answer(Response):
    """What it was made with is what is sent. Werkzeug's own way looks after streams, files, Locations and lengths that
    change."""

    default_mimetype = None

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body: Any = [] if environ["REQUEST_METHOD"] == "HEAD" else self.response
        return body, self.status, self.headers.to_wsgi_list()


def json_answer(text: bytes | Iterator[bytes], status: int) -> Answer:
    return Answer(text, status, content_type=JSON)


def not_modified(tag: str) -> Answer:
    answer = Answer(status=304)
    answer.headers["ETag"] = tag
    return answer


def json_response(value: Any, status: int = 200) -> Response:
    return json_answer(json_bytes(value), status)


def json_bytes(value: Any) -> bytes:
    return orjson.dumps(value, default=_job)


def _job(value: Any) -> dict[str, Any]:
    """A job as its keys: what is stored as JSON text goes out as it is."""
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
