"""One job: facts, timeline, payload, result, actions, and why it is waiting."""

import shlex
from datetime import timedelta

import flask
from sqlalchemy import Connection

from dashboard.core.job import Job, JobStatus, utc_now
from dashboard.security import access
from dashboard.store import jobs, listing
from dashboard.web.actions import POSTS
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Element, Live, offered, revision, row_context
from dashboard.web.filters import age

AHEAD_MAX = 1_000  # jobs ahead of one are counted up to this, or a little more

PACE_MINUTES = 5

STARTED_MAX = 10_000  # jobs started in that time are counted up to this


def tag(tx: Connection) -> str:
    """With the minute in it: why a job is waiting depends on how many jobs were started lately."""
    return f"{revision(tx)}.{utc_now():%H%M}"


def load(tx: Connection, job_id: str) -> Context:
    """Raises JobNotFoundError."""
    job = jobs.get(tx, job_id)
    url = flask.url_for("api.job", job_id=job_id, _external=True)
    return {
        "live": Live(url_for("fragments.job", job_id=job_id), tag(tx)),
        "job": job,
        "waiting": _waiting(tx, job) if job.status == JobStatus.PENDING else None,
        "curls": {action: _curl(url, action) for action in offered(job.status)},
        **row_context(),
    }


def _waiting(tx: Connection, job: Job) -> str:
    """Why a PENDING job is waiting: how many jobs are ahead of it, and when its turn comes."""
    ahead = listing.ahead_of(tx, job, AHEAD_MAX)
    started = listing.started_since(tx, utc_now() - timedelta(minutes=PACE_MINUTES), STARTED_MAX)
    place = {0: "It is next.", 1: "1 job is ahead of it."}.get(ahead, f"{ahead:,} jobs are ahead of it.")
    if ahead >= AHEAD_MAX:
        place = f"At least {AHEAD_MAX:,} jobs are ahead of it."
    if not started:
        return f"{place} No job was started in the last {PACE_MINUTES} minutes: is a worker running?"
    pace = f"{'At least ' if started == STARTED_MAX else ''}{started:,} {'job was' if started == 1 else 'jobs were'}"
    turn = age(timedelta(minutes=PACE_MINUTES * (ahead + 1) / started))
    return f"{place} {pace} started in the last {PACE_MINUTES} minutes; at that pace its turn comes in about {turn}."


def _curl(url: str, action: str) -> str:
    """The line that takes the action in a shell."""
    post = POSTS[action]
    body = ["-H", "Content-Type: application/json", "-d", post.body] if post.body else []
    line = shlex.join(["curl", "-X", "POST", *body, f"{url}/{action}{post.query}"])
    # In double quotes, which join would not use: the shell puts the token in.
    return line.replace("curl", 'curl -H "Authorization: Bearer $TOKEN"', 1) if access.asks_for_token() else line


JOB = Element("job/_job.html", tag, load)
