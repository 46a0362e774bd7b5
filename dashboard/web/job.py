"""One job: facts, its run, timeline, payload, result, actions, and why it is waiting."""

import shlex
from datetime import datetime

import flask
from sqlalchemy import Connection

from dashboard.core.job import JobStatus, utc_now
from dashboard.core.reason import reason_key
from dashboard.core.run import FullJob
from dashboard.core.transitions import FINAL
from dashboard.security import access
from dashboard.store import full_jobs, jobs, listing, reasons, runs
from dashboard.web import pace
from dashboard.web.actions import POSTS
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Element, Live, offered, revision, row_context
from dashboard.web.filters import age
from dashboard.web.job_filter import jobs_url

AHEAD_MAX = 1_000  # jobs ahead of one are counted up to this, or a little more

AGAIN_MAX = 10  # jobs that run one again, of which the page tells


def tag(tx: Connection, job_id: str) -> str:
    """With the minute in it, and when the holder was last heard, for a heartbeat does not change the revision.

    Why a job is waiting depends on how many jobs were started lately.
    """
    held = runs.open_run(tx, job_id)
    return _tag(tx, held and held.heard_at)


def _tag(tx: Connection, heard_at: datetime | None) -> str:
    return f"{revision(tx)}.{utc_now():%H%M}.{f'{heard_at:%d%H%M%S%f}' if heard_at else ''}"


def load(tx: Connection, job_id: str) -> Context:
    """Raises JobNotFoundError."""
    job, hands = full_jobs.full_with_hands(tx, job_id)
    history = full_jobs.history(tx, job_id) if job.attempt else []
    last = history[-1] if history else None
    is_leased = last is not None and last.ended_at is None
    actions = offered(job.status, is_leased=is_leased)
    reason = reasons.told(job.result) if job.status == JobStatus.FAILED else None
    key = reason_key(reason) if reason else ""
    again = jobs.retries(tx, job_id, AGAIN_MAX + 1) if job.status in FINAL else []
    url = flask.url_for("api.job", job_id=job_id, _external=True)
    return {
        "live": Live(url_for("fragments.job", job_id=job_id), _tag(tx, last.heard_at if last and is_leased else None)),
        "job": job,
        "hands": hands,
        "history": history,
        "last": last,
        "is_leased": is_leased,
        # After its runs it may have been started without a lease, which leaves no run.
        "is_started": bool(job.started_at and (last is None or (last.ended_at and last.ended_at < job.started_at))),
        "reason": reason,
        "like": reasons.like(tx, key) if key else None,
        "like_key": key,
        "like_url": jobs_url({"status": JobStatus.FAILED, "reason": key}),
        "again": again[:AGAIN_MAX],
        "has_more_again": len(again) > AGAIN_MAX,
        "waiting": _waiting(tx, job) if job.status == JobStatus.PENDING and job.run_at is None else None,
        "actions": actions,
        "curls": {action: _curl(url, action) for action in actions},
        **row_context(),
    }


def _waiting(tx: Connection, job: FullJob) -> str:
    """Why a PENDING job is waiting: how many jobs are ahead of it, and when its turn comes."""
    ahead = listing.ahead_of(tx, job, AHEAD_MAX)
    started = pace.started(tx)
    place = {0: "It is next.", 1: "1 job is ahead of it."}.get(ahead, f"{ahead:,} jobs are ahead of it.")
    if ahead >= AHEAD_MAX:
        place = f"At least {AHEAD_MAX:,} jobs are ahead of it."
    turn = pace.turn(ahead + 1, started)
    said = pace.sentence(started)
    return f"{place} {said}" + (f" At that pace its turn comes in about {age(turn)}." if turn else "")


def _curl(url: str, action: str) -> str:
    """The line that takes the action in a shell."""
    post = POSTS[action]
    body = ["-H", "Content-Type: application/json", "-d", post.body] if post.body else []
    line = shlex.join(["curl", "-X", "POST", *body, f"{url}/{action}{post.query}"])
    # In double quotes, which join would not use: the shell puts the token in.
    return line.replace("curl", 'curl -H "Authorization: Bearer $TOKEN"', 1) if access.asks_for_token() else line


JOB = Element("job/_job.html", tag, load)
