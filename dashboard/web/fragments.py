"""One URL for each element that refreshes, and for each form and post of a dialog; htmx requests them.

A refresh sends the tag of its element as If-None-Match; where nothing changed, the answer is 304 without a body. A
post answers with a toast, and its HX-Trigger makes every element refresh at once.
"""

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.http import quote_etag

from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import Job
from dashboard.core.run import FullJob
from dashboard.core.transitions import CREATED, RETRY, RULES, TRANSITIONS, Action
from dashboard.core.view import SHARED
from dashboard.database.transactions import asking, reading
from dashboard.http.answers import changed, not_modified
from dashboard.security import bodies
from dashboard.security.access import operators, viewers
from dashboard.services import claims, pause
from dashboard.services import jobs as job_service
from dashboard.web import actions
from dashboard.web import views as views_page
from dashboard.web.actions import ACT, ASK, POSTS
from dashboard.web.activity import ACTIVITY
from dashboard.web.board import BOARD
from dashboard.web.elements import Context, Element
from dashboard.web.forms import NewJobForm, PauseForm
from dashboard.web.job import JOB
from dashboard.web.overview import OVERVIEW
from dashboard.web.queue import QUEUE
from dashboard.web.workers import WORKERS

JOBS_CHANGED = "jobs-changed"  # the event on which every element refreshes

VIEWS_CHANGED = "views-changed"  # the event on which the row of saved views refreshes

JOB_CREATED = "job-created"  # the event after which the board shows new rows, whatever holds its rows

bp = Blueprint("fragments", __name__, url_prefix="/dashboard/fragments")
bp.before_request(bodies.check_form)
bp.before_request(pause.look_if_old)

Fragment = Response | tuple[str, int]


@bp.get("/overview")
@viewers
def overview() -> Fragment:
    return _refresh(OVERVIEW)


@bp.get("/board")
@viewers
def board() -> Fragment:
    return _refresh(BOARD)


@bp.get("/jobs/<job_id>")
@viewers
def job(job_id: str) -> Fragment:
    try:
        return _refresh(JOB, job_id)
    except JobNotFoundError:
        return render_template("job/_gone.html"), 404


@bp.get("/queue")
@viewers
def queue() -> Fragment:
    return _refresh(QUEUE)


@bp.get("/workers")
@viewers
def workers() -> Fragment:
    return _refresh(WORKERS)


@bp.get("/activity")
@viewers
def activity() -> Fragment:
    return _refresh(ACTIVITY)


@bp.get("/views")
@viewers
def views() -> Fragment:
    with reading() as tx:
        return make_response(render_template("views/_row.html", **views_page.load(tx)).strip())


@bp.get("/views/new")
@viewers
def ask_view() -> Fragment:
    return _dialog("views/_save.html", views_page.ask())


@bp.post("/views/new")
@viewers
def save_view() -> Fragment:
    return _saved(views_page.own())


@bp.post("/views/shared")
@operators
def share_view() -> Fragment:
    return _saved(SHARED)


def _saved(owner: str) -> Fragment:
    saved = views_page.save(owner)
    if saved.again:
        return render_template("views/_save.html", **saved.again), 422
    return _told(f"Saved the view {saved.name}", VIEWS_CHANGED)


@bp.get("/new")
@operators
def new() -> Fragment:
    return _dialog("forms/_ask.html", actions.ask_new())


@bp.post("/new")
def create() -> Fragment:
    form = NewJobForm(request.form)
    if not form.validate():
        return render_template("forms/_ask.html", **actions.ask_new(form)), 422
    return _done(CREATED, actions.create(form), is_new=True)


@bp.post("/claim")
def claim() -> Fragment:
    return _done(TRANSITIONS[Action.CLAIM].done, claims.claim(who=actions.person()))


@bp.get("/pause")
@operators
def ask_pause() -> Fragment:
    return _dialog("forms/_ask.html", actions.ask_pause())


@bp.post("/pause")
def pause_claims() -> Fragment:
    form = PauseForm(request.form)
    if not form.validate():
        return render_template("forms/_ask.html", **actions.ask_pause(form)), 422
    pause.begin(actions.person(), form.reason.data or None)
    return _told("Claims are paused", JOBS_CHANGED)


@bp.get("/jobs/<job_id>/delete")
@operators
def ask_delete(job_id: str) -> Fragment:
    return _dialog("forms/_ask.html", actions.ask_delete(job_id))


@bp.post("/jobs/<job_id>/delete")
def delete(job_id: str) -> Fragment:
    job_service.delete(job_id, actions.person())
    changed(1)
    return _told("The job is deleted", JOBS_CHANGED)


@bp.get(f"/jobs/<job_id>/{ASK}")
@operators
def ask(job_id: str, action: str) -> Fragment:
    return _dialog("forms/_ask.html", actions.ask(action, job_id))


@bp.post(f"/jobs/<job_id>/{ACT}")
def act(job_id: str, action: str) -> Fragment:
    form = POSTS[action].form(request.form)
    if not form.validate():
        return render_template("forms/_ask.html", **actions.ask(action, job_id, form)), 422
    return _done(RULES[action].done, POSTS[action].run(job_id, form), is_new=action == RETRY)


def _refresh(element: Element, *names: str) -> Response:
    """The element as it is now, or 304 where the client has that; the names are those of its URL."""
    if known := request.environ.get("HTTP_IF_NONE_MATCH"):
        with asking() as tx:
            current = quote_etag(element.tag(tx, *names), weak=True)
        if known.removeprefix("W/") == current.removeprefix("W/"):
            return not_modified(current, vary="Accept-Encoding")
    with reading() as tx:
        context = element.load(tx, *names)
        # A line break around the element would be added to the page by each morph.
        response = make_response(render_template(element.template, **context).strip())
    response.set_etag(context["live"].tag, weak=True)  # the bytes differ: by what passed of time, and compressed or not
    return response


def _dialog(template: str, context: Context) -> Response:
    """A form in the dialog, whichever element requested it."""
    response = make_response(render_template(template, **context))
    response.headers.update({"HX-Retarget": "#ask", "HX-Reswap": "innerHTML"})
    return response


def _told(sentence: str, event: str) -> Response:
    """A toast with this sentence, and the event on which what it tells of refreshes."""
    response = toast(make_response(render_template("shared/_toast.html", kind="done", sentence=sentence)))
    response.headers["HX-Trigger"] = event
    return response


def _done(done: str, job: Job | FullJob, *, is_new: bool = False) -> Response:
    """A toast that says what was done to the job; the creation of a new one can be undone there."""
    html = render_template("shared/_toast.html", kind="done", done=done, job=changed(job), undo=is_new)
    response = toast(make_response(html))
    response.headers["HX-Trigger"] = f"{JOB_CREATED}, {JOBS_CHANGED}" if is_new else JOBS_CHANGED
    return response


def toast(response: Response) -> Response:
    """Make htmx add the answer to the list of toasts, whichever element requested it."""
    response.headers.update(
        {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend", "HX-Reselect": ".toast", "HX-Push-Url": "false"}
    )
    return response
