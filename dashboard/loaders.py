"""What each element of a page shows: one loader an element, for the page that includes it and for its refresh.

A page's context is the union of its elements' loaders, so page and fragment cannot disagree. `live` is what an
element's refresh needs: its URL, and a tag that changes when its content may have.
"""

import os
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import request, url_for
from sqlalchemy import Connection
from werkzeug.exceptions import UnprocessableEntity

from dashboard import service, store
from dashboard.forms import FilterForm
from dashboard.jobs import JobStatus, allowed

PAGE_SIZE = 50
QUEUE_SIZE = 100
Context = dict[str, Any]


class Live(NamedTuple):
    url: str
    tag: str


def revision(tx: Connection) -> str:
    """The tag of everything that only a change of a job can change."""
    return str(store.counts(tx).revision)


def board(tx: Connection) -> Context:
    """The counters and the table, from one look at the database, so they never disagree."""
    filters = _filters()
    status = filters.get("status")
    tally = store.counts(tx)
    sought = store.Sought(JobStatus(status) if status else None)
    lines, newer, older = store.lines(tx, sought, PAGE_SIZE, filters.get("before"), filters.get("after"))
    counters = [
        (each, getattr(tally, each.lower()), _jobs_url(status=None if each == status else each)) for each in JobStatus
    ]
    return {
        "live": Live(url_for("fragments.board", **filters), str(tally.revision)),
        "counters": counters,
        "status": status,
        "total": sum(tally[:4]),
        "lines": lines,
        "newer": newer and _jobs_url(status=status, after=newer),
        "older": older and _jobs_url(status=status, before=older),
        "allowed": allowed,
        "now": _now(),
    }


def job(tx: Connection, job_id: str) -> Context:
    """One job: facts, timeline, payload, result, actions."""
    found = store.get(tx, job_id)
    return {
        "live": Live(url_for("fragments.job", job_id=job_id), revision(tx)),
        "job": found,
        "allowed": allowed,
        "now": _now(),
    }


def queue(tx: Connection) -> Context:
    """This process's entries in claim order, and beside them the database's own order."""
    entries, total = service.queue_snapshot(tx, QUEUE_SIZE)
    pending = store.next_pending(tx, QUEUE_SIZE)
    live = [entry.id for entry in entries if entry.status == JobStatus.PENDING]
    tag = f"{revision(tx)}.{os.getpid()}.{total}"
    return {
        "live": Live(url_for("fragments.queue"), tag),
        "entries": entries,
        "total": total,
        "pending": pending,
        "next_id": live[0] if live else None,
        "agrees": live == [job.id for job in pending[: len(live)]] and bool(live) == bool(pending),
        "pid": os.getpid() if service.claim_queue() else None,
        "now": _now(),
    }


def _filters() -> dict[str, Any]:
    """The query's filter and place, without what is empty."""
    form = FilterForm(request.args)
    if not form.validate():
        field = next(field for field in form if field.errors)
        raise UnprocessableEntity(f"The {field.name} in the address is not valid: {field.errors[0]}")
    return {name: value for name, value in form.data.items() if value}


def _jobs_url(**query: Any) -> str:
    return url_for("pages.jobs", **{name: value for name, value in query.items() if value})


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
