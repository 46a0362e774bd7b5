"""The pages: each is a table of contents of its elements.

The forms on them work without JavaScript: a post answers 303, or the form with its errors.
"""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug import Response

from dashboard.core.view import SHARED
from dashboard.database.transactions import reading
from dashboard.http.answers import changed
from dashboard.http.download import Format, download
from dashboard.security import bodies
from dashboard.security.access import operators, viewers
from dashboard.services import claims, pause
from dashboard.services import jobs as job_service
from dashboard.web import actions, job_filter, neighbours
from dashboard.web import bulk as bulk_page
from dashboard.web import views as views_page
from dashboard.web.actions import ACT, ASK, POSTS
from dashboard.web.activity import ACTIVITY
from dashboard.web.board import BOARD
from dashboard.web.forms import NewJobForm, PauseForm
from dashboard.web.job import JOB
from dashboard.web.overview import OVERVIEW
from dashboard.web.queue import QUEUE
from dashboard.web.workers import WORKERS

bp = Blueprint("pages", __name__)
bp.before_request(bodies.check_form)
bp.before_request(pause.look_if_old)

Page = str | Response | tuple[str, int]


@bp.get("/")
@viewers
def home() -> Page:
    return redirect(url_for("pages.overview"))


@bp.get("/dashboard/overview")
@viewers
def overview() -> Page:
    with reading() as tx:
        return render_template("overview/page.html", **OVERVIEW.load(tx))


@bp.get("/dashboard/")
@viewers
def jobs() -> Page:
    with reading() as tx:
        parts = job_filter.load(tx) | views_page.load(tx) | BOARD.load(tx)
        return render_template("jobs/page.html", **parts)


@bp.get("/dashboard/views")
@viewers
def views() -> Page:
    with reading() as tx:
        return render_template("views/page.html", **views_page.load(tx))


@bp.get("/dashboard/views/new")
@viewers
def ask_view() -> Page:
    return render_template("views/save.html", **views_page.ask())


@bp.post("/dashboard/views/new")
@viewers
def save_view() -> Page:
    return _saved(views_page.own())


@bp.post("/dashboard/views/shared")
@operators
def share_view() -> Page:
    return _saved(SHARED)


def _saved(owner: str) -> Page:
    saved = views_page.save(owner)
    if saved.again:
        return render_template("views/save.html", **saved.again), 422
    return redirect(saved.url, 303)


@bp.post("/dashboard/views/delete")
@viewers
def delete_view() -> Page:
    views_page.delete(views_page.own())
    return redirect(url_for("pages.views"), 303)


@bp.post("/dashboard/views/shared/delete")
@operators
def delete_shared_view() -> Page:
    views_page.delete(SHARED)
    return redirect(url_for("pages.views"), 303)


@bp.get("/dashboard/export")
@viewers
def export() -> Response:
    asked = job_filter.from_address()
    return download(asked.sought, Format(request.args.get("format") or Format.CSV))


@bp.get("/dashboard/jobs/<job_id>")
@viewers
def job(job_id: str) -> Page:
    with reading() as tx:
        shown = JOB.load(tx, job_id)
        return render_template("job/page.html", **shown, **neighbours.load(tx, shown["job"]))


@bp.get("/dashboard/queue")
@viewers
def queue() -> Page:
    with reading() as tx:
        return render_template("queue/page.html", **QUEUE.load(tx))


@bp.get("/dashboard/workers")
@viewers
def workers() -> Page:
    with reading() as tx:
        return render_template("workers/page.html", **WORKERS.load(tx))


@bp.get("/dashboard/activity")
@viewers
def activity() -> Page:
    with reading() as tx:
        return render_template("activity/page.html", **ACTIVITY.load(tx))


@bp.get("/dashboard/jobs/new")
@operators
def new() -> Page:
    return render_template("forms/page.html", **actions.ask_new())


@bp.post("/dashboard/jobs/new")
def create() -> Page:
    form = NewJobForm(request.form)
    if not form.validate():
        return render_template("forms/page.html", **actions.ask_new(form)), 422
    return redirect(url_for("pages.job", job_id=changed(actions.create(form)).id), 303)


@bp.get("/dashboard/bulk")
@operators
def bulk() -> Page:
    return render_template("bulk/page.html", **bulk_page.load())


@bp.post("/dashboard/bulk")
def bulk_slice() -> Page:
    return redirect(bulk_page.do_slice(), 303)


@bp.post("/dashboard/claim")
def claim() -> Page:
    return redirect(url_for("pages.job", job_id=changed(claims.claim(who=actions.person())).id), 303)


@bp.get("/dashboard/pause")
@operators
def ask_pause() -> Page:
    return render_template("forms/page.html", **actions.ask_pause())


@bp.post("/dashboard/pause")
def pause_claims() -> Page:
    form = PauseForm(request.form)
    if not form.validate():
        return render_template("forms/page.html", **actions.ask_pause(form)), 422
    pause.begin(actions.person(), form.reason.data or None)
    return redirect(url_for("pages.queue"), 303)


@bp.post("/dashboard/resume")
def resume_claims() -> Page:
    pause.end(actions.person())
    return redirect(url_for("pages.queue"), 303)


@bp.get("/dashboard/jobs/<job_id>/delete")
@operators
def ask_delete(job_id: str) -> Page:
    return render_template("forms/page.html", **actions.ask_delete(job_id))


@bp.post("/dashboard/jobs/<job_id>/delete")
def delete(job_id: str) -> Page:
    job_service.delete(job_id, actions.person())
    changed(1)
    return redirect(url_for("pages.jobs"), 303)


@bp.get(f"/dashboard/jobs/<job_id>/{ASK}")
@operators
def ask(job_id: str, action: str) -> Page:
    return render_template("forms/page.html", **actions.ask(action, job_id))


@bp.post(f"/dashboard/jobs/<job_id>/{ACT}")
def act(job_id: str, action: str) -> Page:
    form = POSTS[action].form(request.form)
    if not form.validate():
        return render_template("forms/page.html", **actions.ask(action, job_id, form)), 422
    return redirect(_back(changed(POSTS[action].run(job_id, form)).id), 303)


def _back(job_id: str) -> str:
    """The job's row, where the post came from the list, else the job's page.

    Of the Referer only path and query count, so the answer never leads to another site.
    """
    place = "/" + (request.referrer or "").partition("://")[2].partition("/")[2].partition("#")[0]
    is_list = place.partition("?")[0] == url_for("pages.jobs")
    return f"{place}#job-{job_id}" if is_list else url_for("pages.job", job_id=job_id)
