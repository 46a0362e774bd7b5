"""The log: every line of a request has its id; one line for each request where the settings ask for it."""

import logging
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import Flask, has_request_context, request
from flask.logging import default_handler
from pythonjsonlogger.json import JsonFormatter
from werkzeug.wsgi import ClosingIterator

from dashboard.config import LogFormat, Settings
from dashboard.core.job import Job
from dashboard.core.printable import printable
from dashboard.core.run import FullJob, LeasedJob
from dashboard.http.answers import CHANGED, ROUTE
from dashboard.ops import traffic
from dashboard.security import access

requests = logging.getLogger("dashboard.requests")


def init_app(app: Flask, settings: Settings) -> None:
    default_handler.setFormatter(_JsonLine() if settings.log_format is LogFormat.JSON else _TextLine())
    requests.setLevel(logging.INFO)
    requests.propagate = False
    requests.handlers = [default_handler]
    if settings.access_log:
        app.wsgi_app = _with_line(app.wsgi_app)  # type: ignore[method-assign, assignment]


def _with_line(app: traffic.Wsgi) -> traffic.Wsgi:
    """Log each request when its response has been sent, or given up."""

    def with_line(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began, told = perf_counter(), [0]

        def start(status: str, headers: list[tuple[str, str]], exc: Any = None) -> Any:
            told[0] = int(status[:3])
            return start_response(status, headers, exc)

        def log() -> None:
            milliseconds = round(1_000 * (perf_counter() - began), 1)
            fields = {"request_id": environ[traffic.ID], **_facts(environ), "status": told[0], "ms": milliseconds}
            requests.info("%s", " ".join(f"{name}={value}" for name, value in fields.items()), extra={"fields": fields})

        return ClosingIterator(app(environ, start), log)

    return with_line


def _facts(environ: dict[str, Any]) -> dict[str, Any]:
    """Who sent the request, its route, and what it changed. Nothing of it is the client's own text."""
    facts = {
        "method": traffic.known(environ["REQUEST_METHOD"]),
        "route": environ.get(ROUTE, traffic.UNKNOWN),
        "who": environ.get(access.USER) or environ.get(access.TOKEN) or "-",
    }
    changed = environ.get(CHANGED)
    if isinstance(changed, list | int):
        facts["jobs"] = changed if isinstance(changed, int) else len(changed)
    elif isinstance(changed, Job | FullJob | LeasedJob):
        job = changed.job if isinstance(changed, LeasedJob) else changed
        facts |= {"job": job.id, "now": job.status}
    return facts


def _request_id() -> str | None:
    return request.environ.get(traffic.ID) if has_request_context() else None


class _TextLine(logging.Formatter):
    """One line, and an indented one for each of a traceback, so that none looks like a line of its own."""

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s", "%Y-%m-%d %H:%M:%S %z")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line = super().formatMessage(record)
        own = _request_id()
        return printable(f"{line} request_id={own}" if own and not hasattr(record, "fields") else line)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return "\n".join(f"  {printable(line)}" for line in super().formatException(ei).split("\n"))


class _JsonLine(JsonFormatter):
    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{message}{process}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level"},
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        if fields := log_data.pop("fields", None):
            log_data |= {"message": "request", **fields}
        elif own := _request_id():
            log_data["request_id"] = own
