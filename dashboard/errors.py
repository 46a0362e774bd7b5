"""Exceptions become HTTP here, once: JSON for scripts, a toast in a fragment's place, a page elsewhere."""

from flask import Flask, Response, current_app, redirect, render_template, request, url_for
from flask.globals import request_ctx
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException, Unauthorized

from dashboard.api.operation import InvalidRequestError
from dashboard.core.errors import (
    JobError,
    JobNotFoundError,
    KeyUsedError,
    LeasedError,
    LeaseLostError,
    NoPendingJobsError,
)
from dashboard.database.errors import UNAVAILABLE, TookTooLongError, UnusableDatabaseError
from dashboard.http.answers import JSON, json_answer
from dashboard.security.cross_site import SAFE_METHODS
from dashboard.web.fragments import JOBS_CHANGED, toast

# Whether a COMMIT that got no answer was carried out, nobody knows.
BUSY = "The database is busy or cannot be reached. Look whether it was done before you try again."
TOOK_TOO_LONG = "The search took too long and was stopped. Choose a type or a status too, and search for that."
RETRY_AFTER = "2"  # seconds
JSON_PATHS = ("/jobs/", "/openapi.json/", "/healthz/", "/readyz/", "/workers/")


def init_app(app: Flask) -> None:
    app.register_error_handler(JobError, _job_error)
    app.register_error_handler(InvalidRequestError, _invalid_request)
    for error in (*UNAVAILABLE, UnusableDatabaseError):
        app.register_error_handler(error, _database_unavailable)
    app.register_error_handler(TookTooLongError, _took_too_long)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _bug)


def _job_error(error: JobError) -> Response:
    response = _refusal(_status(error), str(error))
    if _is_for_htmx() and request.method not in SAFE_METHODS:  # a GET that triggers would ask again without end
        response.headers["HX-Trigger"] = JOBS_CHANGED  # another client was faster: the row is to show it
    return response


def _status(error: JobError) -> int:
    if isinstance(error, JobNotFoundError | NoPendingJobsError):
        return 404
    return 409 if isinstance(error, LeaseLostError | LeasedError | KeyUsedError) else 400


def _invalid_request(error: InvalidRequestError) -> Response:
    return _json({"detail": error.problems}, 422)


def _database_unavailable(error: Exception) -> Response:
    """It is locked, full, read-only, down or has no connection free: the transaction is undone, one may try again."""
    current_app.logger.error("The database refused: %s", _first_cause(error))
    response = _refusal(503, BUSY)
    response.headers["Retry-After"] = RETRY_AFTER
    return response


def _first_cause(error: BaseException) -> str:
    while error.__cause__:
        error = error.__cause__
    return str(error) or type(error).__name__


def _took_too_long(_error: TookTooLongError) -> Response:
    return _refusal(503, TOOK_TOO_LONG)


def _http_error(error: HTTPException) -> Response:
    code = error.code or 500
    if isinstance(error, Unauthorized) and (page := _page_that_needs_sign_in()):
        return page
    response = _refusal(code, error.name if code in (404, 405) else error.description or error.name)
    headers = dict(error.get_headers())
    if "Location" in headers:
        return error.get_response()  # type: ignore[return-value]  # a redirect of the router's
    for name in ("Allow", "Retry-After"):
        if name in headers:
            response.headers[name] = headers[name]
    if code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _page_that_needs_sign_in() -> Response | None:
    """For a person: the way to sign in and back, which never leads htmx away from what is typed on its page."""
    if _is_for_script():
        return None
    if not _is_for_htmx():
        place = (
            request.root_path + request.full_path.removesuffix("?")
            if request.method == "GET"
            else url_for("pages.jobs")
        )
        return redirect(url_for("access.sign_in", next=place))  # type: ignore[return-value]
    shown = "/" + request.headers.get("HX-Current-URL", "").partition("://")[2].partition("/")[2]
    there = url_for("access.sign_in", next=shown)
    return toast(Response(render_template("shared/_toast.html", kind="error", sign_in=there), 401))


def _bug(error: Exception) -> Response:
    current_app.logger.exception("Unhandled error", exc_info=error)
    return _refusal(500, "Something went wrong on our side; the server's log has it.")


def _refusal(status: int, sentence: str) -> Response:
    if _is_for_script():
        return _json({"detail": sentence}, status)
    if request_ctx.url_adapter is None:  # not even a host: a page would have no address to link to
        return Response(sentence, status, mimetype="text/plain")
    template = "shared/_toast.html" if _is_for_htmx() else "error.html"
    response = Response(render_template(template, kind="error", sentence=sentence, status=status), status)
    return toast(response) if _is_for_htmx() else response


def _is_for_script() -> bool:
    """By the path, or because the client would rather have JSON."""
    return f"{request.path}/".startswith(JSON_PATHS) or request.accept_mimetypes.best == JSON


def _is_for_htmx() -> bool:
    """A fragment, or a page that htmx takes a part of, as the filter does."""
    return request.path.startswith("/dashboard/fragments/") or "HX-Request" in request.headers


def _json(body: object, status: int) -> Response:
    # What was sent is told back: to_json takes any number that can be in it, and bytes that are not UTF-8.
    data = to_json(body, inf_nan_mode="null", bytes_mode="base64", serialize_unknown=True)
    return json_answer(data, status)
