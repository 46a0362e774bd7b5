"""One job: facts, timeline, payload, result, actions, and why it is waiting."""

import shlex
from datetime import timedelta

import flask
from sqlalchemy import Connection

from dashboard.core.job import Job, JobStatus, utc_now
from dashboard.core.transitions import Action
from dashboard.security import access
from dashboard.store import jobs, listing
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Live, _allowed, _rows, revision
from dashboard.web.filters import age

AHEAD_MAX = 1_000  # jobs ahead of one are counted up to this, or a little more

PACE_MINUTES = 5

STARTED_MAX = 10_000  # jobs started in that time are counted up to this


def job_tag(tx: Connection) -> str:
    """With the minute in it, for why a job is waiting depends on the pace of the last ones."""
    return f"{revision(tx)}.{utc_now():%H%M}"


def job(tx: Connection, job_id: str) -> Context:
    """One job: facts, timeline, payload, result, actions, and why it is waiting."""
    found = jobs.get(tx, job_id)
    url = flask.url_for("api.job", job_id=job_id, _external=True)
    return {
        "live": Live(url_for("fragments.job", job_id=job_id), job_tag(tx)),
        "job": found,
        "waiting": _waiting(tx, found) if found.status == JobStatus.PENDING else None,
        "curls": {action: _curl(url, action) for action in _allowed(found.status)},
        **_rows(),
    }


def _waiting(tx: Connection, job: Job) -> str:
    """Why a PENDING job is waiting, in words."""
    ahead = listing.ahead_of(tx, job, AHEAD_MAX)
    started = listing.started_since(tx, utc_now() - timedelta(minutes=PACE_MINUTES), STARTED_MAX)
    place = {0: "It is next.", 1: "1 job is ahead of it."}.get(ahead, f"{ahead:,} jobs are ahead of it.")
    if ahead >= AHEAD_MAX:
        place = f"At least {AHEAD_MAX:,} jobs are ahead of it."
    if not started:
        return f"{place} No job was started in the last {PACE_MINUTES} minutes: is anybody claiming?"
    pace = f"{'At least ' if started == STARTED_MAX else ''}{started:,} {'job was' if started == 1 else 'jobs were'}"
    turn = age(timedelta(minutes=PACE_MINUTES * (ahead + 1) / started))
    return f"{place} {pace} started in the last {PACE_MINUTES} minutes; at that pace its turn comes in about {turn}."


def _curl(url: str, action: Action) -> str:
    """The line that does it from a shell."""
    words = ["curl", "-X", "POST"]
    if action is Action.COMPLETE:
        words += ["-H", "Content-Type: application/json", "-d", '{"result": {"message": "ok"}}']
    line = shlex.join([*words, f"{url}/{action}{'?reason=broken' if action is Action.FAIL else ''}"])
    return line.replace("curl", 'curl -H "Authorization: Bearer $TOKEN"', 1) if access.asks_for_token() else line
