"""Jobs that a filter selects, window by window: each look reads a bounded number of jobs, however many there are."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, func, or_, select

from dashboard.core.job import JobStatus
from dashboard.core.reason import reason_key
from dashboard.database.deadline import at_most
from dashboard.database.matching import begins, contains
from dashboard.database.schema import BY_AGE, jobs
from dashboard.store.jobs import has_status

WINDOW = 10_000  # jobs that one look goes through
SECONDS = 2.0  # that it may take


class Selection(NamedTuple):
    """A filter; a job is selected if all that is given holds."""

    status: JobStatus | None = None
    type: str | None = None  # exactly
    type_prefix: str | None = None  # in either case
    q: str | None = None  # in the type, id, payload, result or reason, in either case
    reason: str | None = None  # a reason, or the key of one: those that failed for the same
    since: datetime | None = None  # when the job came into its status: from then on
    until: datetime | None = None  # and before then


class Picked(NamedTuple):
    """A job that is selected."""

    seq: int
    id: str
    type: str


class Window(NamedTuple):
    """What is selected in one window, in its order, and where the next one goes on; None where there is no more."""

    picked: list[Picked]
    end: int | None


def newest(tx: Connection, selection: Selection, limit: int, before: int | None) -> Window:
    """The newest jobs first; of those before a seq."""
    return _look(tx, selection, limit, [] if before is None else [jobs.c.seq < before], descending=True)


def oldest(tx: Connection, selection: Selection, limit: int, after: int, last: int) -> Window:
    """The oldest first, of those after a seq up to another one."""
    return _look(tx, selection, limit, [jobs.c.seq > after, jobs.c.seq <= last], descending=False)


def _look(
    tx: Connection, selection: Selection, limit: int, place: list[ColumnElement[bool]], *, descending: bool
) -> Window:
    def order(seq: ColumnElement[int]) -> ColumnElement[int]:
        return seq.desc() if descending else seq.asc()

    ordered = select(jobs).where(*place).order_by(order(jobs.c.seq))
    if selection.reason is not None:
        key = reason_key(selection.reason)
        ordered = ordered.where(has_status(JobStatus.FAILED), jobs.c.reason_key == key)
    if selection.status:
        ordered = ordered.where(has_status(selection.status), BY_AGE)
    window = ordered.limit(WINDOW).subquery()
    wanted = (
        select(*(window.c[name] for name in Picked._fields))
        .where(*(rules := _rules(window, selection, tx.dialect.name)))
        .order_by(order(window.c.seq))
        .limit(limit)
    )
    with at_most(tx, SECONDS):
        if not rules and limit <= WINDOW:  # nothing is left out, so where the window ends does not matter
            picked = [Picked._make(row) for row in tx.execute(wanted)]
            return Window(picked, picked[-1].seq if len(picked) == limit else None)
        end = tx.execute(ordered.with_only_columns(jobs.c.seq).offset(WINDOW - 1).limit(1)).scalar()
        picked = [Picked._make(row) for row in tx.execute(wanted)]
    return Window(picked, picked[-1].seq if len(picked) == limit else end)


def _rules(source: FromClause, selection: Selection, dialect: str) -> list[Any]:
    rules: list[Any] = []
    if selection.type is not None:
        rules.append(source.c.type == selection.type)
    if selection.type_prefix:
        rules.append(begins(source.c.type, selection.type_prefix, dialect))
    if selection.q:
        places = (source.c[name] for name in ("type", "id", "payload", "result", "reason"))
        rules.append(or_(*(contains(place, selection.q, dialect) for place in places)))
    came = func.coalesce(source.c.completed_at, source.c.started_at, source.c.created_at)
    if selection.since is not None:
        rules.append(came >= selection.since)
    if selection.until is not None:
        rules.append(came < selection.until)
    return rules
