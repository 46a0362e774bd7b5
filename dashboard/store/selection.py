"""Jobs that a filter selects, by one index or window by window.

Each look reads a bounded number of jobs, however many there are: as many as are asked for where an index knows what is
sought, else a window of them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Subquery, func, or_, select, tuple_

from dashboard.core.job import JobStatus
from dashboard.core.reason import reason_key
from dashboard.database.deadline import at_most
from dashboard.database.matching import begins, contains
from dashboard.database.schema import BY_AGE, BY_START, jobs
from dashboard.store import types
from dashboard.store.jobs import has_status
from dashboard.store.types import Place, Span, Start

WINDOW = 10_000  # jobs that one look goes through

SECONDS = 2.0  # that it may take: on SQLite the process does nothing else meanwhile


class Selection(NamedTuple):
    """A filter; a job is selected if all that is given holds."""

    status: JobStatus | None = None
    type: str | None = None  # exactly
    type_prefix: str | None = None  # in either case
    q: str | None = None  # in the type, id, payload, result or reason, in either case
    reason: str | None = None  # a reason, or the key of one: those that failed for the same
    since: datetime | None = None  # when the job came into its status: from then on
    until: datetime | None = None  # and before then

    @property
    def is_searched(self) -> bool:
        """Whether it has a condition other than the status."""
        return self._replace(status=None) != Selection()


class Picked(NamedTuple):
    """A job that is selected."""

    seq: int
    id: str
    type: str


class Window(NamedTuple):
    """What is selected in one window, in its order, and where the next one goes on; None where there is no more."""

    picked: list[Picked]
    end: int | None


class Look(NamedTuple):
    """The jobs that are looked through, the rules for those that are selected, and the last one if there are more."""

    source: Subquery
    rules: list[ColumnElement[bool]]
    end: Place | None


def newest(tx: Connection, selection: Selection, limit: int, before: int | None) -> Window:
    """The newest jobs first; of those before a seq."""
    return _pick(tx, selection, limit, Span(below=before), descending=True)


def oldest(tx: Connection, selection: Selection, limit: int, after: int, last: int) -> Window:
    """The oldest first, of those after a seq up to another one."""
    return _pick(tx, selection, limit, Span(after, last + 1), descending=False)


def chosen(tx: Connection, seqs: Sequence[int], statuses: Sequence[JobStatus]) -> list[Picked]:
    """Of the jobs with these seqs those that have one of these statuses, the oldest first."""
    query = select(*(jobs.c[name] for name in Picked._fields)).where(jobs.c.seq.in_(seqs), jobs.c.status.in_(statuses))
    return [Picked._make(row) for row in tx.execute(query.order_by(jobs.c.seq))]


def _pick(tx: Connection, selection: Selection, limit: int, span: Span, *, descending: bool) -> Window:
    with at_most(tx, SECONDS):
        rows, end = found(tx, selection, Picked._fields, limit, span, descending=descending)
    picked = [Picked._make(row) for row in rows]
    return Window(picked, picked[-1].seq if len(picked) == limit else cast(int | None, end))


def found(
    tx: Connection,
    selection: Selection,
    columns: Sequence[str],
    limit: int,
    span: Span,
    *,
    descending: bool,
) -> tuple[Sequence[Any], Place | None]:
    """These columns of the selected jobs in a span, in order, and where the window ended, if it did."""
    look = look_through(tx, selection, columns, limit, span, descending=descending)
    query = in_order(select(*(look.source.c[name] for name in columns)), look.source, span, descending=descending)
    return tx.execute(query.where(*look.rules).limit(limit)).all(), look.end


def in_order(query: Select[Any], source: FromClause, span: Span, *, descending: bool) -> Select[Any]:
    """In the order of the list that the span is of."""
    columns = (source.c.started_at, source.c.seq) if span.by_start else (source.c.seq,)
    return query.order_by(*(column.desc() if descending else column.asc() for column in columns))


def look_through(
    tx: Connection,
    selection: Selection,
    columns: Sequence[str],
    limit: int,
    span: Span,
    *,
    descending: bool,
) -> Look:
    """Which jobs have to be read, in order: all jobs of some types if nothing else is asked for, else one window.

    Of those that run, in the order of their starts, one window most often has all.
    """
    names_of_columns = dict.fromkeys((*columns, *_RULED, *(_SEARCHED if selection.q else ())))
    looked_at = [jobs.c[name] for name in names_of_columns if name != "seq"]
    names = None if span.by_start else _types(tx, selection)
    if names is None:
        ordered = running(span) if span.by_start else _by_age(selection, span)
        ordered = in_order(ordered, jobs, span, descending=descending)
        source = ordered.with_only_columns(jobs.c.seq, *looked_at).limit(WINDOW).subquery()
        seqs = ordered.with_only_columns(*([jobs.c.started_at] if span.by_start else []), jobs.c.seq)
    else:
        selection = selection._replace(**({"type_prefix": None} if selection.type is None else {"type": None}))
        most = WINDOW if selection != Selection() else limit
        source = types.jobs_of(tx, names, looked_at, span, most, descending=descending).subquery()
        if selection == Selection():
            return Look(source, [], None)
        seqs = types.jobs_of(tx, names, [], span, WINDOW + 1, descending=descending)
    ends = tx.execute(seqs.offset(WINDOW - 1).limit(2)).all()
    end = None if len(ends) < 2 else Start._make(ends[0]) if span.by_start else ends[0][0]
    return Look(source, _rules(source, selection, tx.dialect.name), end)


# What the rules look at: what every job has of it is short.
_RULED = ("type", "status", "created_at", "started_at", "completed_at")

_SEARCHED = ("type", "id", "payload", "result", "reason")


def _types(tx: Connection, selection: Selection) -> tuple[str, ...] | None:
    """The types whose index is to be gone along; None where another index, or none, finds the jobs sooner.

    Of a type and a status the type goes first if one window has all its jobs: then it finds all that there are. Else
    the status does, which most often has fewer.
    """
    if selection.reason is not None:
        return None
    if selection.type is not None:
        names: tuple[str, ...] | None = (selection.type,)
    elif selection.type_prefix:
        names = types.beginning_with(tx, selection.type_prefix)
    else:
        return None
    if names and selection.status and types.have_more_than(tx, names, WINDOW):
        return None
    return names


def _by_age(selection: Selection, span: Span) -> Select[Any]:
    """The jobs for the same reason, or of a status, or all."""
    query = select(jobs).where(*span.rules(jobs.c.seq))
    if selection.reason is not None:
        query = query.where(has_status(JobStatus.FAILED), jobs.c.reason_key == reason_key(selection.reason))
    if selection.status:
        query = query.where(has_status(selection.status), BY_AGE)
    return query


def running(span: Span) -> Select[Any]:
    """The RUNNING jobs that were started in a span."""
    return select(jobs).where(has_status(JobStatus.RUNNING), BY_START, *span.rules(START))


# Both at once: of two conditions, one for each, SQLite would take one for the range.
START = tuple_(jobs.c.started_at, jobs.c.seq)


def _rules(source: Subquery, selection: Selection, dialect: str) -> list[ColumnElement[bool]]:
    rules: list[ColumnElement[bool]] = []
    if selection.status:
        rules.append(source.c.status == selection.status)
    if selection.type is not None:
        rules.append(source.c.type == selection.type)
    if selection.type_prefix:
        rules.append(begins(source.c.type, selection.type_prefix, dialect))
    if selection.q:
        places = (source.c[name] for name in _SEARCHED)
        rules.append(or_(*(contains(place, selection.q, dialect) for place in places)))
    came = func.coalesce(source.c.completed_at, source.c.started_at, source.c.created_at)
    if selection.since is not None:
        rules.append(came >= selection.since)
    if selection.until is not None:
        rules.append(came < selection.until)
    return rules
