"""How a page acts on a job: the form that is posted, the service that it calls, and the form that asks first."""

from collections.abc import Callable
from typing import Any, NamedTuple

from wtforms import Form

from dashboard.core.job import Job, NewJob
from dashboard.core.run import FullJob
from dashboard.core.transitions import RETRY, RULES, Action
from dashboard.core.who import Via, Who
from dashboard.database.transactions import reading
from dashboard.security import access
from dashboard.services import jobs
from dashboard.services.create import create_full
from dashboard.store import listing, runs
from dashboard.web.elements import Context
from dashboard.web.forms import CompleteForm, FailForm, NewJobForm, PauseForm


def person() -> Who:
    """Who presses the buttons."""
    return access.who(Via.DASHBOARD)


class Words(NamedTuple):
    """Those of a form that asks before what is no transition."""

    label: str
    doing: str
    danger: bool


DELETE = Words("Delete", "Deleting", danger=True)


class Post(NamedTuple):
    """`run` returns the job: for RETRY the new one. `query` and `body` are what the job page's curl line sends."""

    form: type[Form]
    run: Callable[[str, Any], Job | FullJob]
    query: str = ""
    body: str = ""


POSTS: dict[str, Post] = {
    Action.PROCESS: Post(Form, lambda job_id, _: jobs.process(job_id, person())),
    Action.COMPLETE: Post(
        CompleteForm,
        lambda job_id, form: jobs.complete(job_id, form.result.data, person()),
        body='{"result": {"message": "ok"}}',
    ),
    Action.FAIL: Post(
        FailForm, lambda job_id, form: jobs.fail(job_id, form.reason.data, person()), query="?reason=broken"
    ),
    Action.UNDO: Post(Form, lambda job_id, _: jobs.call_off(job_id, person())),
    RETRY: Post(Form, lambda job_id, _: jobs.retry(job_id, person())),
}

# The last parts of the URLs that act, and of those that ask first, on both doors.
ACT = f"<any({', '.join(POSTS)}):action>"
ASK = f"<any({', '.join(action for action, rule in RULES.items() if rule.asks)}):action>"


def ask(action: str, job_id: str, form: Form | None = None) -> Context:
    """What the form shows that asks before an action; raises the action's refusal where the job forbids it."""
    with reading() as tx:
        job = jobs.check(tx, Action(action), job_id)
        holder = runs.open_run(tx, job_id)
    rule = RULES[action]
    title = f"{rule.label} job"
    return {
        "title": title,
        "button": title,
        "rule": rule,
        "job": job,
        "holder": holder,
        "form": form or POSTS[action].form(),
        "endpoint": "act",
        "values": {"job_id": job_id, "action": action},
    }


def ask_new(form: NewJobForm | None = None) -> Context:
    """What the form for a new job shows, with the types in use."""
    with reading() as tx:
        types = listing.recent_types(tx)
    return {
        "title": "New job",
        "button": "Create job",
        "busy": "Creating",
        "types": types,
        "form": form or NewJobForm(),
        "endpoint": "create",
        "values": {},
    }


def ask_delete(job_id: str) -> Context:
    """What the form shows that asks before a finished job is deleted."""
    with reading() as tx:
        job = jobs.check_deletable(tx, job_id)
    return {
        "title": "Delete job",
        "button": "Delete job",
        "rule": DELETE,
        "job": job,
        "form": Form(),
        "endpoint": "delete",
        "values": {"job_id": job_id},
    }


def ask_pause(form: PauseForm | None = None) -> Context:
    """What the form shows that asks before all claims are paused."""
    return {
        "title": "Pause claims",
        "button": "Pause claims",
        "busy": "Pausing",
        "hint": "No job is started until somebody lets claims go on. Jobs that run go on, and claims that wait wait.",
        "form": form or PauseForm(),
        "endpoint": "pause_claims",
        "values": {},
    }


def create(form: NewJobForm) -> FullJob:
    return create_full(
        NewJob(
            form.type.data or "",
            form.payload.data,
            form.priority.data or 0,
            run_at=form.run_at.data,
            max_attempts=form.max_attempts.data,
        ),
        person(),
    )
