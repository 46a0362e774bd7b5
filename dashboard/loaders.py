"""What each element of a page shows: one loader an element, for the page that includes it and for its refresh.

A page's context is the union of its elements' loaders, so page and fragment cannot disagree. `live` is what an
element's refresh needs: its URL, and a tag that changes when its content may have.
"""

import os
import shlex
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zlib import crc32

import flask
from flask import request
from sqlalchemy import Connection
from werkzeug.exceptions import UnprocessableEntity

from dashboard.assets import url_for
from dashboard.core.job import Job, JobStatus, utc_now
from dashboard.core.transitions import Action, allowed
from dashboard.current import this_request
from dashboard.formats import age
from dashboard.forms import FilterForm
from dashboard.security import access
from dashboard.services import claims as claim_service
from dashboard.store import claims, counts, jobs, listing

PAGE_SIZE = 50
QUEUE_SIZE = 100
ARRIVED_MAX = 100  # newer jobs are counted up to this
AHEAD_MAX = 1_000  # jobs ahead of one are counted up to this, or a little more
PACE_MINUTES = 5
STARTED_MAX = 10_000  # jobs started in that time are counted up to this
FILTERS = ("status", "type", "q", "sort")
Context = dict[str, Any]


class Live(NamedTuple):
    url: str
    tag: str


def revision(tx: Connection) -> str:
    """The tag of what only a change of a job can change, and of who looks."""
    return f"{counts.revision(tx)}{'' if access.may_act() else 'v'}"


def job_tag(tx: Connection) -> str:
    """With the minute in it, for why a job is waiting depends on the pace of the last ones."""
    return f"{revision(tx)}.{utc_now():%H%M}"


def board_tag(tx: Connection) -> str:
    asked = _asked()
    held = f"{asked.get('hold')}-{asked.get('since')}" if "hold" in asked else ""
    return f"{revision(tx)}.{crc32(held.encode())}"


def board(tx: Connection) -> Context:
    """The counters and the table, from one look at the database, so they never disagree.

    `hold` asks for just these rows again, whatever has become of them, so that none moves under somebody's mouse; what
    came after the job `since` is then only counted.
    """
    asked = _asked()
    query: Context = {name: asked[name] for name in FILTERS if name in asked}
    place: Context = {name: asked[name] for name in ("before", "after") if name in asked}
    status = JobStatus(query["status"]) if "status" in query else None
    sought = listing.Sought(status, query.get("type"), query.get("q"))
    held = [int(seq) for seq in asked.get("hold", "").split(",") if seq]
    since = asked.get("since", claims.last_seq(tx))
    tally = counts.counts(tx)
    oldest_first = "sort" in query
    if held:
        page = _held(tx, sought, held, place, oldest_first)
    else:
        page = listing.lines(tx, sought, PAGE_SIZE, **place, oldest_first=oldest_first)
    return {
        "live": Live(url_for("fragments.board", **query, **place), board_tag(tx)),
        "counters": [
            (each, getattr(tally, each.lower()), _jobs_url(query | {"status": "" if each == status else each}))
            for each in JobStatus
        ],
        "query": query,
        "since": since,
        "arrived": listing.count_after(tx, sought, since, ARRIVED_MAX),
        "total": sum(tally[:4]),
        "lines": page.lines,
        "newest": _jobs_url(query | {"sort": ""}),
        "other_order": _jobs_url(query | {"sort": "" if oldest_first else "oldest"}),
        "newer": page.newer and _jobs_url(query | {"after": page.newer}),
        "older": page.older and _jobs_url(query | {"before": page.older}),
        "window": listing.SEARCH_WINDOW,
        "onward": page.cut
        and _jobs_url(query | ({"after": page.newer} if page.cut == "newer" else {"before": page.older})),
        "is_twin": not place and set(query) <= {"status"},
        **_rows(),
    }


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


def queue_tag(tx: Connection) -> str:
    return f"{revision(tx)}.{os.getpid()}"


def queue(tx: Connection) -> Context:
    """This process's entries in claim order, and beside them the database's own order."""
    entries, total = claim_service.queue_snapshot(tx, QUEUE_SIZE)
    pending = claims.next_pending(tx, QUEUE_SIZE)
    live = [entry.id for entry in entries if entry.status == JobStatus.PENDING]
    return {
        "live": Live(url_for("fragments.queue"), queue_tag(tx)),
        "entries": entries,
        "total": total,
        "pending": pending,
        "next_id": live[0] if live else None,
        "agrees": live == [job.id for job in pending[: len(live)]] and bool(live) == bool(pending),
        "pid": None if claim_service.claim_queue() is None else os.getpid(),
        **_rows(),
    }


def _asked() -> Context:
    """The query's filter and place, without what is empty."""
    if not this_request().query_string:
        return {}
    form = FilterForm(request.args)
    for name in form.data:
        if len(request.args.getlist(name)) > 1:
            raise UnprocessableEntity(f"The {name} stands in the address more than once")
    if not form.validate():
        field = next(field for field in form if field.errors)
        raise UnprocessableEntity(f"The {field.name} in the address is not valid: {field.errors[0]}")
    only_a_refresh = () if request.blueprint == "fragments" else ("hold", "since")
    given = {name: value for name, value in form.data.items() if value not in (None, "")}
    return {name: value for name, value in given.items() if name not in only_a_refresh}


def _rows() -> Context:
    """What every row needs; its addresses are put together from two, for three url_for a row cost more than the row."""
    return {
        "jobs_at": url_for("pages.jobs") + "jobs",
        "fragments_at": url_for("fragments.board").removesuffix("board") + "jobs",
        "allowed": _allowed,
        "now": utc_now(),
    }


def _allowed(status: str) -> list[Action]:
    """What whoever looks may do to a job in this status."""
    return allowed(status) if access.may_act() else []


def _held(tx: Connection, sought: listing.Sought, held: list[int], place: Context, oldest_first: bool) -> listing.Lines:
    """The same rows again, with the same ways on as their page had."""
    found = listing.lines_of(tx, held)
    first, last = min(held), max(held)
    if oldest_first:
        return listing.Lines(
            found[::-1], last if listing.count_after(tx, sought, last, 1) else None, first if place else None
        )
    below = listing.lines(tx, sought, 1, before=first)
    return listing.Lines(found, last if place else None, first if below.lines or below.older else None)


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


def _jobs_url(query: Context) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    return url_for("pages.jobs") + (f"?{given}" if given else "")
