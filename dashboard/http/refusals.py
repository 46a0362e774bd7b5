"""Which exception becomes which refusal: one table of statuses, sentences and headers.

How a refusal looks is each door's own matter: a door brings a function that renders it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Flask, Response, current_app, request
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException

from dashboard.core.errors import (
    ActionRefusedError,
    ExpiredError,
    JobError,
    KeyUsedError,
    LeasedError,
    LeaseLostError,
    NotFinishedError,
    StartPausedError,
)
from dashboard.database.errors import UNAVAILABLE, TookTooLongError, UnusableDatabaseError
from dashboard.http.answers import JSON, json_answer

# After a COMMIT without an answer it is not known whether the change was made.
BUSY = "The database is busy or cannot be reached. Look whether it was done before you try again."
TOOK_TOO_LONG = "The search took too long and was stopped. Choose a type or a status too, and search for that."
BUG = "Something went wrong on our side; the server's log has it."
RETRY_AFTER = "2"  # seconds

Problem = dict[str, Any]  # type, loc, msg, input: the names that FastAPI and pydantic use


class InvalidRequestError(Exception):
    """The request does not have the form that the operation takes; `problems` has everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


class Refusal(NamedTuple):
    status: int
    detail: str | list[Problem]  # a sentence; the problems of an invalid request
    headers: Mapping[str, str] = {}


Render = Callable[[Refusal, Exception], Response]


class Door(NamedTuple):
    """How refusals look under these paths."""

    paths: tuple[str, ...]
    render: Render


def init_app(app: Flask, doors: tuple[Door, ...], page: Render) -> None:
    """Render the refusals under a door's paths as that door does, and all others by `page`.

    A client that would rather have JSON than a page gets JSON everywhere.
    """

    def render() -> Render:
        for door in doors:
            if any(f"{request.path}/".startswith(f"{path}/") for path in door.paths):
                return door.render
        return as_json if request.accept_mimetypes.best == JSON else page

    def handler(refuse: Callable[[Any], Refusal]) -> Callable[[Exception], Response]:
        return lambda error: render()(refuse(error), error)

    for kind, refuse in TABLE.items():
        app.register_error_handler(kind, handler(refuse))


def as_json(refusal: Refusal, _error: Exception) -> Response:
    # The detail may repeat what was sent: to_json takes numbers of any size, and bytes that are not UTF-8.
    text = to_json({"detail": refusal.detail}, inf_nan_mode="null", bytes_mode="base64", serialize_unknown=True)
    response = json_answer(text, refusal.status)
    response.headers.update(refusal.headers)
    return response


def _unavailable(error: Exception) -> Refusal:
    """The database is locked, full, read-only or down, or no connection is free. The transaction was rolled back."""
    current_app.logger.error("The database refused: %s", _first_cause(error))
    current_app.extensions["numbers"].failed(error)
    return Refusal(503, BUSY, {"Retry-After": RETRY_AFTER})


def _first_cause(error: BaseException) -> str:
    while error.__cause__:
        error = error.__cause__
    return str(error) or type(error).__name__


def _http(error: HTTPException) -> Refusal:
    """Keep the headers that a client acts on: Allow of a 405, Retry-After, WWW-Authenticate."""
    code = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    if code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Refusal(code, error.name if code in (404, 405) else error.description or error.name, headers)


def _bug(error: Exception) -> Refusal:
    current_app.logger.exception("Unhandled error", exc_info=error)
    return Refusal(500, BUG)


# Flask takes the row of the class that is nearest to the exception's own.
TABLE: dict[type[Exception], Callable[[Any], Refusal]] = {
    **dict.fromkeys(
        (ActionRefusedError, ExpiredError, NotFinishedError, StartPausedError), lambda error: Refusal(400, str(error))
    ),
    **dict.fromkeys((LeaseLostError, LeasedError, KeyUsedError), lambda error: Refusal(409, str(error))),
    JobError: lambda error: Refusal(404, str(error)),
    InvalidRequestError: lambda error: Refusal(422, error.problems),
    TookTooLongError: lambda _: Refusal(503, TOOK_TOO_LONG),
    **dict.fromkeys((*UNAVAILABLE, UnusableDatabaseError), _unavailable),
    HTTPException: _http,
    Exception: _bug,
}
