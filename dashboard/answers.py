"""Answers that are whole already, or made while they are sent: JSON, and that nothing is new."""

from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response

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
