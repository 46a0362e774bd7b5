"""What the API and the pages list: jobs, lines of jobs, searches, places. Reads only.

A list is a page by key, never by offset, and reads no payload; what counts, counts up to a limit. So each costs the
same whether there are a thousand jobs or a million.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    select,
)

from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import Job, JobStatus
from dashboard.core.run import FullJob
from dashboard.database.deadline import at_most
from dashboard.database.planner import by_indexes
from dashboard.database.schema import BY_AGE, jobs
from dashboard.database.statement import Compiled
from dashboard.store import full_jobs, selection
from dashboard.store.jobs import get, has_status, in_claim_order
from dashboard.store.selection import Selection
from dashboard.store.types import Place, Span, Start


def seq_of(tx: Connection, job_id: str) -> int:
    """The job's place in the order of creation; raises JobNotFoundError."""
    for (seq,) in _SEQ_OF.rows(tx, id=job_id):
        return int(seq)
    raise JobNotFoundError


_SEQ_OF = Compiled(select(jobs.c.seq).where(jobs.c.id == bindparam("id")))

SHORT_MAX = 8_000  # characters of a payload or a result that a list of jobs has at once


def newest(tx: Connection, status: JobStatus | None, limit: int, before: int | None = None) -> list[Job]:
    """The newest jobs; of those created before this seq, if one is given. See `cut`."""
    place = {} if before is None else {"place": before}
    return [Job._make(row) for row in _JOBS[status, "before" if place else "newest"].rows(tx, **place, limit=limit)]


def cut(found: Sequence[Job | FullJob]) -> set[str]:
    """The ids of those jobs of a list whose payload or result is cut; `whole` reads them."""
    return {job.id for job in found if len(job.payload or "") > SHORT_MAX or len(job.result or "") > SHORT_MAX}


Listed = TypeVar("Listed", bound=Job | FullJob)


def whole(tx: Connection, job: Listed) -> Listed:
    """The job as it was when it was listed: a payload never changes, nor does a result that there is.

    Raises JobNotFoundError.
    """
    stored = get(tx, job.id)
    return cast(Listed, job._replace(payload=stored.payload, result=job.result and stored.result))


def _ordered(status: JobStatus | None, side: str) -> Select[Any]:
    """The jobs of a status: all from the `newest` on, or those on one side of a `place`, the nearest first."""
    query = select(jobs).order_by(jobs.c.seq.asc() if side == "after" else jobs.c.seq.desc())
    if status:
        query = query.where(has_status(status), BY_AGE)
    if side != "newest":
        query = query.where(jobs.c.seq > bindparam("place") if side == "after" else jobs.c.seq < bindparam("place"))
    return query


def _paged(columns: Sequence[ColumnElement[Any]]) -> dict[tuple[JobStatus | None, str], Compiled]:
    """These columns of `_ordered`, for each status and side, up to a limit."""
    return {
        (status, side): Compiled(_ordered(status, side).with_only_columns(*columns).limit(bindparam("limit")))
        for status in (None, *JobStatus)
        for side in ("newest", "before", "after")
    }


def _short(column: Column[str]) -> ColumnElement[str]:
    """One character more than SHORT_MAX at the most, which says that there is more."""
    return func.substr(column, literal_column("1"), literal_column(str(SHORT_MAX + 1)), type_=Text)


_LISTED = {name: jobs.c[name] for name in Job._fields} | {name: _short(jobs.c[name]) for name in ("payload", "result")}

_JOBS = _paged([*_LISTED.values()])


def newest_full(tx: Connection, status: JobStatus | None, limit: int, before: int | None = None) -> list[FullJob]:
    """The same with what leases and schedules add."""
    place = {} if before is None else {"place": before}
    rows = _FULL_JOBS[status, "before" if place else "newest"].rows(tx, **place, limit=limit)
    return [FullJob._make(row) for row in rows]


_FULL_JOBS = {
    (status, side): Compiled(
        full_jobs.with_last_run(_ordered(status, side).with_only_columns(*full_jobs.full_columns(_LISTED))).limit(
            bindparam("limit")
        )
    )
    for status in (None, *JobStatus)
    for side in ("newest", "before")
}


def full_of_seqs(tx: Connection, seqs: Sequence[int]) -> list[FullJob]:
    """The jobs with these seqs, newest first, as `newest_full` has them."""
    return [FullJob._make(row) for row in tx.execute(_FULL_OF_SEQS, {"seqs": seqs})]


_FULL_OF_SEQS = (
    full_jobs.with_last_run(select(*full_jobs.full_columns(_LISTED)))
    .where(jobs.c.seq.in_(bindparam("seqs", expanding=True)))
    .order_by(jobs.c.seq.desc())
)


def of_seqs(tx: Connection, seqs: Sequence[int]) -> list[Job]:
    """The same as `newest` has them."""
    rows = tx.execute(select(*_LISTED.values()).where(jobs.c.seq.in_(seqs)).order_by(jobs.c.seq.desc()))
    return [Job._make(row) for row in rows]


class JobLine(NamedTuple):
    """A job as a row of a list: the payload's first characters instead of all of it, and no result."""

    seq: int
    id: str
    type: str
    preview: str | None
    priority: int
    status: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    run_at: datetime | None = None
    max_attempts: int | None = None  # every job that ever had a run has some
    reason: str | None = None  # why it failed; only of failed ones


class Matches(NamedTuple):
    """How many jobs match, up to MATCHES_MAX, and where the window ended in which they were counted, if it did."""

    number: int
    end: Place | None


class Lines(NamedTuple):
    """Lines of a list, in its order, and what to go on from on either side; None where there is no more."""

    lines: list[JobLine]
    newer: Place | None = None  # the `after` of the next newer page
    older: Place | None = None  # the `before` of the next older page
    cut: str | None = None  # the side, newer or older, where the window ended before the page was full


MATCHES_MAX = 1_000  # jobs that match are counted up to this


def lines(
    tx: Connection,
    sought: Selection,
    limit: int,
    before: Place | None = None,
    after: Place | None = None,
    *,
    oldest_first: bool = False,
    by_start: bool = False,
) -> Lines:
    """Up to `limit` lines before or after a place: keyset paging, both exclusive.

    By start, newer and older are said of the starts: the oldest first are those that have run longest.

    What no index knows is looked for in a window of jobs, so that a search costs the same however many jobs there are:
    see selection. Where the window ends the page ends, full or not, and the next one goes on.
    """
    is_first = before is None and after is None
    if is_first and oldest_first:
        after = Start(datetime.min, 0) if by_start else 0
    found, end = _seek(tx, sought, limit + 1, Span(after, before, by_start))
    is_full = len(found) > limit
    last = _place(found[limit - 1], by_start) if is_full else end
    cut = None if is_full or end is None else "older" if after is None else "newer"
    found = found[:limit]
    if (after is not None) != oldest_first:  # we went back
        if last is None:  # to where there is no more: that is the first page
            return lines(tx, sought, limit, oldest_first=oldest_first, by_start=by_start)
        found.reverse()
    if is_first:
        return Lines(found, older=last, cut=cut) if after is None else Lines(found, newer=last, cut=cut)
    places = [_place(line, by_start) for line in found] or [_beside(before, -1) if after is None else _beside(after, 1)]
    if after is None:
        return Lines(found, newer=max(places), older=last, cut=cut)
    return Lines(found, newer=last, older=min(places), cut=cut)


def _place(line: JobLine, by_start: bool) -> Any:
    return Start(line.started_at or datetime.min, line.seq) if by_start else line.seq


def _beside(place: Any, step: int) -> Any:
    return place._replace(seq=place.seq + step) if isinstance(place, Start) else place + step


def count_after(tx: Connection, sought: Selection, after: int, limit: int) -> int:
    """How many jobs came after this seq, up to a limit."""
    return len(_seek(tx, sought, limit, Span(above=after))[0])


def _seek(tx: Connection, sought: Selection, limit: int, span: Span) -> tuple[list[JobLine], Place | None]:
    """The nearest lines upwards from the lower end of the span, or else downwards, and where the window ended."""
    side = "after" if span.above is not None else "newest" if span.below is None else "before"
    if span.by_start:
        by_indexes(tx)
    if not sought.is_searched:
        place = span.below if span.above is None else span.above
        given = {} if place is None else place._asdict() if isinstance(place, Start) else {"place": place}
        found = _BY_START[side] if span.by_start else _LINES[sought.status, side]
        return [JobLine._make(row) for row in found.rows(tx, **given, limit=limit)], None
    with at_most(tx, selection.SECONDS):
        rows, end = selection.found(tx, sought, JobLine._fields, limit, span, descending=side != "after")
    return [JobLine._make(row) for row in rows], end


def matches(tx: Connection, sought: Selection, *, oldest_first: bool = False, by_start: bool = False) -> Matches:
    """How many match in what the list looks through from its first page on: a count of all would read every job."""
    with at_most(tx, selection.SECONDS):
        span = Span(by_start=by_start)
        look = selection.look_through(tx, sought, ["seq"], MATCHES_MAX, span, descending=not oldest_first)
        found = select(look.source.c.seq).where(*look.rules).limit(MATCHES_MAX).subquery()
        return Matches(tx.execute(select(func.count()).select_from(found)).scalar_one(), look.end)


_LINES = _paged([jobs.c[name] for name in JobLine._fields])

_TOLD: Any = Start(bindparam("time", type_=DateTime()), bindparam("seq", type_=BigInteger()))  # type: ignore[arg-type]
_BY_START = {
    side: Compiled(
        selection.in_order(selection.running(span), jobs, span, descending=side != "after")
        .with_only_columns(*(jobs.c[name] for name in JobLine._fields))
        .limit(bindparam("limit"))
    )
    for side, span in {
        "newest": Span(by_start=True),
        "before": Span(below=_TOLD, by_start=True),
        "after": Span(above=_TOLD, by_start=True),
    }.items()
}


def lines_of(tx: Connection, seqs: list[int]) -> list[JobLine]:
    """Just these, newest first, whatever has become of them."""
    return [JobLine._make(row) for row in tx.execute(_LINES_OF, {"seqs": seqs})]


_LINES_OF = (
    select(*(jobs.c[name] for name in JobLine._fields))
    .where(jobs.c.seq.in_(bindparam("seqs", expanding=True)))
    .order_by(jobs.c.seq.desc())
)


def ahead_of(tx: Connection, job: Job | FullJob, limit: int) -> int:
    """How many PENDING jobs will be claimed before this one, up to a limit for each of: more urgent, and older."""
    seq = select(jobs.c.seq).where(jobs.c.id == job.id).scalar_subquery()
    more_urgent = jobs.c.priority > job.priority
    older = and_(jobs.c.priority == job.priority, jobs.c.seq < seq)
    before = in_claim_order(select(jobs.c.seq)).limit(limit)
    counted = [select(func.count()).select_from(before.where(rule).subquery()) for rule in (more_urgent, older)]
    return sum(tx.execute(query).scalar_one() for query in counted)


def started_since(tx: Connection, time: datetime, limit: int) -> int:
    """How many jobs were started since then, up to a limit."""
    started = select(jobs.c.seq).where(jobs.c.started_at > time).limit(limit).subquery()
    return tx.execute(select(func.count()).select_from(started)).scalar_one()


def recent_types(tx: Connection) -> list[str]:
    """The types among the newest jobs, sorted."""
    return [name for (name,) in _RECENT_TYPES.rows(tx)]


_RECENT = select(jobs.c.type).order_by(jobs.c.seq.desc()).limit(500).subquery()

_RECENT_TYPES = Compiled(select(_RECENT.c.type).distinct().order_by(_RECENT.c.type))
