"""The board: the counters and the table of the jobs page."""

from typing import Any, NamedTuple
from urllib.parse import urlencode
from zlib import crc32

from sqlalchemy import Connection

from dashboard.core.job import JobStatus, utc_now
from dashboard.http.download import Format
from dashboard.security import access
from dashboard.services.overdue import overdue
from dashboard.store import claims, counts, full_jobs, listing, selection
from dashboard.store.types import Place, Start
from dashboard.web import bulk
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Element, Live, revision, row_context
from dashboard.web.job_filter import Filter, export_url, from_address, jobs_url, kept, narrowed, placed
from dashboard.web.overview import Line, known_line, verdict_line
from dashboard.web.rows import job_rows

PAGE_SIZE = 50

ARRIVED_MAX = 100  # newer jobs are counted up to this


def tag(tx: Connection) -> str:
    """With the rows that the refresh holds: while they are held, the table is another one.

    With the verdict as this process knows it. With the minute where the time that passes makes another list of it: of
    those that run some become overdue, and a span that ends now leaves some behind.
    """
    return _tag(tx, from_address(), known_line())


def _tag(tx: Connection, asked: Filter, line: Line | None) -> str:
    held = crc32(repr((asked.held, asked.known)).encode()) if asked.held else ""
    minute = f"{utc_now():%H%M}" if asked.by_start or "when" in asked.query else ""
    return f"{revision(tx)}.{held}.{minute}.{line.tag if line else ''}"


def load(tx: Connection) -> Context:
    """The counters and the table, read in one transaction, so they never disagree.

    While the pointer is over a row, a refresh `holds` its rows: it gets the same ones again, whatever their
    status is by now, so that none moves. The jobs created after the job `known` are then only counted.
    """
    asked = from_address()
    query, place = asked.query, asked.place
    known = claims.last_seq(tx) if asked.known is None else asked.known
    tally = counts.counts(tx)
    total = None if "type" in query else getattr(tally, query.get("status", "").lower(), sum(tally[:4]))
    page = _page(tx, asked)
    may_act = access.may_act()
    choices = bulk.for_chosen(query) if may_act else {}
    of_failed = query.get("status") == JobStatus.FAILED
    for_chosen = choices if "choose" in query else {}  # a tick box costs each row a tenth of its bytes
    line, cells = verdict_line(tx), row_context()
    late = overdue(tx, page.lines, cells["now"]) if asked.by_start else {}
    return {
        "live": Live(url_for("fragments.board", **query, **place), _tag(tx, asked, line)),
        "line": line,
        "health_url": url_for("pages.overview"),
        "counters": [
            (status, getattr(tally, status.lower()), jobs_url(query | {"status": _toggled(query, status)}))
            for status in JobStatus
        ],
        "delayed": tally.delayed,
        "query": query,
        "known": known,
        "arrived": 0 if asked.known is None else listing.count_after(tx, asked.sought, known, ARRIVED_MAX),
        "arrived_max": ARRIVED_MAX,
        "total": sum(tally[:4]),
        "rows": job_rows(
            page.lines,
            full_jobs.last_of(tx, _tried(page.lines)),
            **cells,
            late=late,
            may_choose=bool(for_chosen),
            of_failed=of_failed,
        ),
        "of_failed": of_failed,
        "searched": _searched(tx, asked, page, total),
        "window": selection.WINDOW,
        "bulk": bulk.offers(query) if may_act else [],
        "exports": [(form.upper(), export_url(query, form)) for form in Format],
        "choose": jobs_url(query | place | {"choose": "" if for_chosen else "1"}) if choices else None,
        "for_chosen": for_chosen,
        "save_url": f"{url_for('pages.ask_view')}?{urlencode(kept(query))}" if kept(query) else None,
        "narrowed": narrowed(query),
        "has_filter": bool(query.keys() - {"sort", "choose"}),
        "has_same_json": not place and set(query) <= {"status", "choose"},
        "order": asked.order,
        "by_start": asked.by_start,
        **_links(asked, page),
    }


class Searched(NamedTuple):
    """What a search says of itself: how many match, and where its window left jobs out, how to go on.

    `total` is the number of jobs from which the window was taken; of those of some types nobody knows it.
    """

    matches: str
    total: int | None
    onward: str | None


def _searched(tx: Connection, asked: Filter, page: listing.Lines, total: int | None) -> Searched | None:
    """None where nothing is searched for. What matches is counted on the first page: a later one begins within it."""
    query = asked.query
    if not asked.sought.is_searched:
        return None
    side = "after" if asked.order.oldest_first else "before"
    if asked.place:
        end = page.older if page.cut == "older" else page.newer if page.cut else None
        return Searched("", total, placed(query, "after" if page.cut == "newer" else "before", end) if end else None)
    found = listing.matches(tx, asked.sought, oldest_first=asked.order.oldest_first, by_start=asked.by_start)
    at_least = "At least " if found.number == listing.MATCHES_MAX else ""
    said = f"{at_least}{found.number:,} {'matches' if found.number == 1 else 'match'}"
    return Searched(said, total, placed(query, side, found.end) if found.end else None)


def _toggled(query: Context, status: JobStatus) -> str:
    """The status that a counter's link leads to: its own, or any where that is the filter already."""
    return "" if query.get("status") == status else status


def _page(tx: Connection, asked: Filter) -> listing.Lines:
    return _held(tx, asked) if asked.held else _lines(tx, asked, PAGE_SIZE, **asked.sides)


def _lines(tx: Connection, asked: Filter, limit: int, **sides: Place) -> listing.Lines:
    oldest_first = asked.order.oldest_first
    return listing.lines(tx, asked.sought, limit, **sides, oldest_first=oldest_first, by_start=asked.by_start)


def _tried(lines: list[listing.JobLine]) -> list[int]:
    """The seqs of those that may have had a run, and tell of it: the others cost no statement."""
    return [line.seq for line in lines if line.max_attempts is not None and line.completed_at is None]


def _held(tx: Connection, asked: Filter) -> listing.Lines:
    """The same rows again, as they stood, with links to the same neighbours as their page had."""
    found = sorted(listing.lines_of(tx, list(asked.held)), key=lambda line: asked.held.index(line.seq))
    places: list[Any] = [line.seq for line in found]
    if asked.by_start:  # one that was given back has no start any more
        places = [Start(line.started_at, line.seq) for line in found if line.started_at]
    if not places:
        return listing.Lines(found)
    first, last = min(places), max(places)
    if asked.order.oldest_first:
        above = _lines(tx, asked, 1, after=last)
        return listing.Lines(found, last if above.lines or above.newer else None, first if asked.place else None)
    below = _lines(tx, asked, 1, before=first)
    return listing.Lines(found, last if asked.place else None, first if below.lines or below.older else None)


def _links(asked: Filter, page: listing.Lines) -> Context:
    """The URLs that the board leads to; None where there is nothing on that side.

    `onward` continues a search whose window ended before the page was full.
    """
    query = asked.query
    newer = page.newer and placed(query, "after", page.newer)
    older = page.older and placed(query, "before", page.older)
    return {
        "newest": jobs_url(query | {"sort": ""}),
        "other_order": jobs_url(query | {"sort": asked.other_order.sort}),
        "other_first": asked.other_order.first,
        "newer": newer,
        "older": older,
        "onward": page.cut and (newer if page.cut == "newer" else older),
    }


BOARD = Element("jobs/_refresh.html", tag, load)
