"""The list that one came from to a job: the way back, and the jobs before and after this one in it.

A row's link does not carry the list, which would be the longest part of a row: the first job is told it by the Referer,
the next ones by `list` in their address.
"""

from urllib.parse import urlencode

from flask import request
from sqlalchemy import Connection
from werkzeug.exceptions import UnprocessableEntity

from dashboard.core.run import FullJob
from dashboard.store import listing
from dashboard.store.types import Place, Start
from dashboard.web.assets import url_for
from dashboard.web.elements import Context
from dashboard.web.job_filter import Filter, jobs_url, kept, of_query


def load(tx: Connection, job: FullJob) -> Context:
    """Without a list that one came from, nothing; this costs no statement."""
    asked = _list()
    if asked is None:
        return {"back": None}
    seq = listing.seq_of(tx, job.id)
    place: Place | None = seq
    if asked.by_start:
        place = Start(job.started_at, seq) if job.started_at else None
    newer, older = (_beside(tx, asked, side, place) if place else None for side in ("after", "before"))
    before, after = (older, newer) if asked.order.oldest_first else (newer, older)
    return {"back": jobs_url(asked.query | asked.place), "before": before, "after": after}


def _list() -> Filter | None:
    query = request.args.get("list")
    if query is None:
        path, _, query = (request.referrer or "").partition("://")[2].partition("?")
        if f"/{path.partition('/')[2]}" != url_for("pages.jobs"):
            return None
    try:
        return of_query(query)
    except UnprocessableEntity:
        return None


def _beside(tx: Connection, asked: Filter, side: str, place: Place) -> str | None:
    """The page of the nearest job on this side, where there is one."""
    order = {"oldest_first": side == "after", "by_start": asked.by_start}
    for line in listing.lines(tx, asked.sought, 1, **{side: place}, **order).lines:  # type: ignore[arg-type]
        return f"{url_for('pages.jobs')}jobs/{line.id}?{urlencode({'list': urlencode(kept(asked.query))})}"
    return None
