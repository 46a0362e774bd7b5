"""The HTML door answers a refusal with a page, or with a toast where htmx sent the request."""

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from flask.globals import request_ctx

from dashboard.core.errors import ActionRefusedError, JobError, JobNotFoundError
from dashboard.core.job import utc_now
from dashboard.http.refusals import Refusal
from dashboard.security.cross_site import SAFE_METHODS
from dashboard.web.filters import age
from dashboard.web.fragments import JOBS_CHANGED, toast


def render(refusal: Refusal, error: Exception) -> Response:
    if refusal.status == 401:
        return _to_sign_in()
    if request_ctx.url_adapter is None:  # the Host header is broken: url_for cannot make the links of a page
        return Response(str(refusal.detail), refusal.status, mimetype="text/plain")
    for_htmx = _is_for_htmx()
    template = "shared/_toast.html" if for_htmx else "error.html"
    text = render_template(template, kind="error", sentence=_sentence(refusal, error), status=refusal.status)
    response = Response(text, refusal.status, dict(refusal.headers))
    if not for_htmx:
        return response
    if isinstance(error, JobError) and request.method not in SAFE_METHODS:
        # The page shows an old status of the job. Not after a GET: its element would send it again without end.
        response.headers["HX-Trigger"] = JOBS_CHANGED
    return toast(response)


def _sentence(refusal: Refusal, error: Exception) -> Any:
    """What a person reads: of a job that somebody else was faster with, who that was, and how long ago."""
    if isinstance(error, ActionRefusedError) and error.by:
        ago = age(utc_now() - error.since)
        return f"Cannot {error.action} the job: {error.came} already, {ago} ago, by {error.by}"
    if isinstance(error, JobNotFoundError):
        return f"{refusal.detail}. It may have been deleted."
    return refusal.detail


def _to_sign_in() -> Response:
    """The way to the form to sign in, and back: a redirect; for htmx a link, so that what is typed is not lost."""
    if _is_for_htmx():
        shown = "/" + request.headers.get("HX-Current-URL", "").partition("://")[2].partition("/")[2]
        there = url_for("access.sign_in", next=shown)
        return toast(Response(render_template("shared/_toast.html", kind="error", sign_in=there), 401))
    place = url_for("pages.jobs")
    if request.method == "GET":
        place = request.root_path + request.full_path.removesuffix("?")
    return redirect(url_for("access.sign_in", next=place))  # type: ignore[return-value]


def _is_for_htmx() -> bool:
    """Whether it is a fragment, or a page of which htmx takes a part, as the filter does."""
    return request.path.startswith("/dashboard/fragments/") or "HX-Request" in request.headers
