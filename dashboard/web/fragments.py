"""One URL for each element that refreshes or changes; htmx asks for them.

A refresh sends the tag of what it has as If-None-Match and gets a 304 without a body when nothing changed. A post
answers with a toast, and its HX-Trigger has every live element ask for itself at once.
"""

from collections.abc import Callable

from flask import Blueprint, Response, make_response, render_template, request
from sqlalchemy import Connection
from werkzeug.http import quote_etag

from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import Job
from dashboard.current import this_request
from dashboard.database.transactions import asking, reading
from dashboard.http.answers import not_modified
from dashboard.services import claims, jobs
from dashboard.web import board as board_page
from dashboard.web import elements, pages
from dashboard.web import job as job_page
from dashboard.web import queue as queue_page
from dashboard.web.forms import NewJobForm

JOBS_CHANGED = "jobs-changed"  # the event that has everything live ask for itself

bp = Blueprint("fragments", __name__, url_prefix="/dashboard/fragments")


@bp.get("/board")
def board() -> Response:
    return _refresh("jobs/_board.html", board_page.board_tag, board_page.board)


@bp.get("/jobs/<job_id>")
def job(job_id: str) -> Response | tuple[str, int]:
    try:
        return _refresh("job/_job.html", job_page.job_tag, lambda tx: job_page.job(tx, job_id))
    except JobNotFoundError:
        return render_template("job/_gone.html"), 404


@bp.get("/queue")
def queue() -> Response:
    return _refresh("queue/_queue.html", queue_page.queue_tag, queue_page.queue)


@bp.get("/new")
def new() -> Response:
    return _dialog(pages.asked("new"))


@bp.post("/new")
def create() -> Response | tuple[str, int]:
    form = NewJobForm(request.form)
    if not form.validate():
        return render_template("forms/_ask.html", **pages.asked("new", form=form)), 422
    response = _done("Created", pages.submit_new(form))
    response.headers["HX-Trigger"] = f"job-created, {JOBS_CHANGED}"
    return response


@bp.post("/claim")
def claim() -> Response:
    return _done("Claimed", claims.claim())


@bp.post("/jobs/<job_id>/process")
def process(job_id: str) -> Response:
    return _done("Started", jobs.process(job_id))


@bp.post("/jobs/<job_id>/undo")
def undo(job_id: str) -> Response:
    return _done("Called off", jobs.call_off(job_id))


@bp.get("/jobs/<job_id>/<any(complete, fail):action>")
def ask(job_id: str, action: str) -> Response:
    return _dialog(pages.asked(action, job_id))


@bp.post("/jobs/<job_id>/<any(complete, fail):action>")
def act(job_id: str, action: str) -> Response | tuple[str, int]:
    form = pages.ACTION_FORMS[action](request.form)
    if not form.validate():
        return render_template("forms/_ask.html", **pages.asked(action, job_id, form)), 422
    return _done({"complete": "Completed", "fail": "Failed"}[action], pages.submit_action(action, job_id, form))


def _refresh(
    template: str, tag: Callable[[Connection], str], load: Callable[[Connection], elements.Context]
) -> Response:
    if known := this_request().environ.get("HTTP_IF_NONE_MATCH"):
        with asking() as tx:
            current = quote_etag(tag(tx))
        if known.removeprefix("W/") == current:  # a proxy that compresses has made it weak
            return not_modified(current)
    with reading() as tx:
        context = load(tx)
        response = make_response(render_template(template, **context))
    response.set_etag(context["live"].tag)
    return response


def _dialog(context: elements.Context) -> Response:
    response = make_response(render_template("forms/_ask.html", **context))
    response.headers.update({"HX-Retarget": "#ask", "HX-Reswap": "innerHTML"})
    return response


def _done(verb: str, job: Job) -> Response:
    response = toast(make_response(render_template("shared/_toast.html", kind="done", verb=verb, job=job)))
    response.headers["HX-Trigger"] = JOBS_CHANGED
    return response


def toast(response: Response) -> Response:
    """Have htmx put this into the list of toasts, wherever it was asked from."""
    response.headers.update(
        {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend", "HX-Reselect": ".toast", "HX-Push-Url": "false"}
    )
    return response
