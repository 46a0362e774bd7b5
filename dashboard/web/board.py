"""The board: counters, filter and table of the jobs page."""

from urllib.parse import urlencode
from zlib import crc32

from flask import request
from sqlalchemy import Connection
from werkzeug.exceptions import UnprocessableEntity

from dashboard.core.job import JobStatus
from dashboard.current import this_request
from dashboard.store import claims, counts, listing
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Live, _rows, revision
from dashboard.web.forms import FilterForm

PAGE_SIZE = 50

ARRIVED_MAX = 100  # newer jobs are counted up to this

FILTERS = ("status", "type", "q", "sort")


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


def _jobs_url(query: Context) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    return url_for("pages.jobs") + (f"?{given}" if given else "")
