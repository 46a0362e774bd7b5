"""The pages, and the forms on them as they work without JavaScript: a post answers 303, or the page with its errors."""

from functools import lru_cache
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug import Response

from dashboard.core.job import Job
from dashboard.core.transitions import Action, allowed
from dashboard.database.transactions import reading
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import jobs as job_store
from dashboard.store import listing
from dashboard.web import board, elements
from dashboard.web import job as job_page
from dashboard.web import queue as queue_page
from dashboard.web.forms import CompleteForm, FailForm, FilterForm, NewJobForm

bp = Blueprint("pages", __name__)

Page = str | Response | tuple[str, int]


@bp.get("/")
def home() -> Response:
    return redirect(url_for("pages.jobs"))


@bp.get("/dashboard/")
def jobs() -> Page:
    with reading() as tx:
        context = board.board(tx)
        fields, types = _filter_fields(**context["query"]), listing.recent_types(tx)
        return render_template("jobs/page.html", **context, filter_fields=fields, types=types)


@lru_cache(maxsize=100)
def _filter_fields(**query: str) -> Markup:
    """The fields of the filter, filled in; remembered, for WTForms takes longer for them than a page for its rows."""
    return Markup(render_template("jobs/_filter.html", form=FilterForm(data=query)))  # noqa: S704


@bp.get("/dashboard/jobs/<job_id>")
def job(job_id: str) -> Page:
    with reading() as tx:
        return render_template("job/page.html", **job_page.job(tx, job_id))


@bp.get("/dashboard/queue")
def queue() -> Page:
    with reading() as tx:
        return render_template("queue/page.html", **queue_page.queue(tx))


@bp.get("/dashboard/jobs/new")
def new() -> Page:
    return render_template("forms/page.html", **asked("new"))


@bp.post("/dashboard/jobs/new")
def create() -> Page:
    form = NewJobForm(request.form)
    if not form.validate():
        return render_template("forms/page.html", **asked("new", form=form)), 422
    return redirect(url_for("pages.job", job_id=submit_new(form).id), 303)


@bp.post("/dashboard/claim")
def claim() -> Page:
    return redirect(url_for("pages.job", job_id=claims.claim().id), 303)


@bp.post("/dashboard/jobs/<job_id>/process")
def process(job_id: str) -> Page:
    job_service.process(job_id)
    return redirect(_back(job_id), 303)


@bp.get("/dashboard/jobs/<job_id>/<any(complete, fail):action>")
def ask(job_id: str, action: str) -> Page:
    return render_template("forms/page.html", **asked(action, job_id))


@bp.post("/dashboard/jobs/<job_id>/<any(complete, fail):action>")
def act(job_id: str, action: str) -> Page:
    form = ACTION_FORMS[action](request.form)
    if not form.validate():
        return render_template("forms/page.html", **asked(action, job_id, form)), 422
    submit_action(action, job_id, form)
    return redirect(url_for("pages.job", job_id=job_id), 303)


ACTION_FORMS: dict[str, Any] = {Action.COMPLETE: CompleteForm, Action.FAIL: FailForm}


def asked(what: str, job_id: str | None = None, form: Any = None) -> elements.Context:
    """What the form needs that asks before a job is made, completed or failed."""
    with reading() as tx:
        if job_id is None:
            return {"what": what, "form": form or NewJobForm(), "types": listing.recent_types(tx)}
        job = job_store.get(tx, job_id)
    if what not in allowed(job.status):
        job_service.refuse(Action(what), job)
    return {"what": what, "form": form or ACTION_FORMS[what](), "job": job}


def submit_new(form: NewJobForm) -> Job:
    return job_service.create(form.type.data or "", form.payload.data, form.priority.data or 0)


def submit_action(action: str, job_id: str, form: Any) -> Job:
    if action == Action.COMPLETE:
        return job_service.complete(job_id, form.result.data)
    return job_service.fail(job_id, form.reason.data)


def _back(job_id: str) -> str:
    """The page the form was on, at the job's row: path and query only of what the browser says, so on this site."""
    _, _, place = (request.referrer or "").partition("://")[2].partition("/")
    if not f"/{place}".startswith(url_for("pages.jobs")):
        return url_for("pages.job", job_id=job_id)
    return f"/{place.partition('#')[0]}#job-{job_id}"
