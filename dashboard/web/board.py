"""The board: the counters and the table of the jobs page."""

from typing import NamedTuple
from zlib import crc32

from sqlalchemy import Connection

from dashboard.core.job import JobStatus
from dashboard.http.download import Format
from dashboard.security import access
from dashboard.store import claims, counts, full_jobs, listing, selection
from dashboard.web import bulk
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Element, Live, revision, row_context
from dashboard.web.job_filter import Filter, export_url, from_address, jobs_url
from dashboard.web.rows import job_rows

PAGE_SIZE = 50

ARRIVED_MAX = 100  # newer jobs are counted up to this


def tag(tx: Connection) -> str:
    """With the rows that the refresh holds: while they are held, the table is another one."""
    return _tag(tx, from_address())


def _tag(tx: Connection, asked: Filter) -> str:
    return f"{revision(tx)}.{crc32(repr((asked.held, asked.known)).encode()) if asked.held else ''}"


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
    for_chosen = choices if "choose" in query else {}  # a tick box costs each row a tenth of its bytes
    return {
        "live": Live(url_for("fragments.board", **query, **place), _tag(tx, asked)),
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
            page.lines, full_jobs.last_of(tx, _tried(page.lines)), **row_context(), may_choose=bool(for_chosen)
        ),
        "searched": _searched(tx, asked, page, total),
        "window": selection.WINDOW,
        "bulk": bulk.offers(query) if may_act else [],
        "exports": [(form.upper(), export_url(query, form)) for form in Format],
        "choose": jobs_url(query | place | {"choose": "" if for_chosen else "1"}) if choices else None,
        "for_chosen": for_chosen,
        "has_filter": bool(query.keys() - {"sort", "choose"}),
        "has_same_json": not place and set(query) <= {"status", "choose"},
        **_links(query, page),
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
    side = "after" if asked.oldest_first else "before"
    if asked.place:
        end = page.older if page.cut == "older" else page.newer if page.cut else None
        return Searched(
            "", total, jobs_url(query | {"after" if page.cut == "newer" else "before": end}) if end else None
        )
    found = listing.matches(tx, asked.sought, oldest_first=asked.oldest_first)
    at_least = "At least " if found.number == listing.MATCHES_MAX else ""
    said = f"{at_least}{found.number:,} {'matches' if found.number == 1 else 'match'}"
    return Searched(said, total, jobs_url(query | {side: found.end}) if found.end else None)


def _toggled(query: Context, status: JobStatus) -> str:
    """The status that a counter's link leads to: its own, or any where that is the filter already."""
    return "" if query.get("status") == status else status


def _page(tx: Connection, asked: Filter) -> listing.Lines:
    if not asked.held:
        return listing.lines(tx, asked.sought, PAGE_SIZE, **asked.place, oldest_first=asked.oldest_first)
    return _held(tx, asked)


def _tried(lines: list[listing.JobLine]) -> list[int]:
    """The seqs of those that may have had a run, and tell of it: the others cost no statement."""
    return [line.seq for line in lines if line.max_attempts is not None and line.completed_at is None]


def _held(tx: Connection, asked: Filter) -> listing.Lines:
    """The same rows again, with links to the same neighbours as their page had."""
    found = listing.lines_of(tx, list(asked.held))
    first, last = min(asked.held), max(asked.held)
    if asked.oldest_first:
        newer = listing.count_after(tx, asked.sought, last, 1)
        return listing.Lines(found[::-1], last if newer else None, first if asked.place else None)
    below = listing.lines(tx, asked.sought, 1, before=first)
    return listing.Lines(found, last if asked.place else None, first if below.lines or below.older else None)


def _links(query: Context, page: listing.Lines) -> Context:
    """The URLs that the board leads to; None where there is nothing on that side.

    `onward` continues a search whose window ended before the page was full.
    """
    newer = page.newer and jobs_url(query | {"after": page.newer})
    older = page.older and jobs_url(query | {"before": page.older})
    return {
        "newest": jobs_url(query | {"sort": ""}),
        "other_order": jobs_url(query | {"sort": "" if "sort" in query else "oldest"}),
        "newer": newer,
        "older": older,
        "onward": page.cut and (newer if page.cut == "newer" else older),
    }


BOARD = Element("jobs/_board.html", tag, load)
