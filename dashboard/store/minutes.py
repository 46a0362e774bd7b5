"""The table of minutes: counts of what happened, found by indexes in jobs and runs, written and read.

The truth is jobs and runs. A minute's rows are counted anew and replaced while it may still change; what came in with a
past, by a migration or an import, is added to its minutes job by job.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Float,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from dashboard.core.histogram import BOUNDS, BUCKETS
from dashboard.core.job import JobStatus
from dashboard.core.minutes import (
    COLUMNS,
    DAY,
    HOUR,
    MINUTE,
    TWELVE_MINUTES,
    Counts,
    Found,
    counted,
    in_spans,
)
from dashboard.database.schema import BY_END, counting, jobs, minutes, runs, tally, uncounted
from dashboard.database.statement import Compiled
from dashboard.store.jobs import has_status


class State(NamedTuple):
    """How far the minutes are counted."""

    version: int
    minute: int
    counted_at: datetime | None
    folded_to: int
    revision: int  # of the jobs
    has_past: bool  # whether jobs that came in with a past wait to be counted
    past: int  # how far these are counted

    @property
    def content(self) -> tuple[int, int, int]:
        """Changes with every change of the table of minutes."""
        return self.version, self.folded_to, self.past


def state(tx: Connection) -> State:
    return State._make(_STATE.rows(tx)[0])


_STATE = Compiled(
    select(
        *(counting.c[name] for name in State._fields[:4]),
        select(func.sum(tally.c.revision)).scalar_subquery(),
        exists().where(uncounted.c.after < uncounted.c.until),
        select(func.coalesce(func.sum(uncounted.c.after), literal_column("0"))).scalar_subquery(),
    )
)


class _Minute(FunctionElement[int]):
    """The beginning of the minute of a time, in seconds since 1970."""

    type = BigInteger()
    inherit_cache = True


class _Seconds(FunctionElement[float]):
    """The seconds from one time to another."""

    type = Float()
    inherit_cache = True


@compiles(_Minute)
def _minute(element: _Minute, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **options)}) AS INTEGER) / 60 * 60"


@compiles(_Minute, "postgresql")
def _minute_of_postgresql(element: _Minute, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(element.clauses, **options)}) / 60) AS BIGINT) * 60"


@compiles(_Seconds)
def _seconds(element: _Seconds, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(each, **options) for each in element.clauses)
    # julianday() and unixepoch() know milliseconds alone.
    whole = f"strftime('%s', {end}) - strftime('%s', {start})"
    return f"({whole}) + (CAST(substr({end}, 20) AS REAL) - CAST(substr({start}, 20) AS REAL))"


@compiles(_Seconds, "postgresql")
def _seconds_of_postgresql(element: _Seconds, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(each, **options) for each in element.clauses)
    return f"extract(epoch FROM {end} - {start})"


# The start that a job tells is a run's own where it has one that was open then.
_OF_A_RUN = exists().where(
    runs.c.seq == jobs.c.seq, or_(runs.c.ended_at.is_(None), runs.c.ended_at >= jobs.c.started_at)
)
_WAITED, _RAN = _Seconds(jobs.c.created_at, jobs.c.started_at), _Seconds(jobs.c.started_at, jobs.c.completed_at)
# Only a first attempt has waited for its turn alone: a later one had to, too.
_WAITED_OF_RUN = case((runs.c.attempt == literal_column("1"), _Seconds(jobs.c.created_at, runs.c.started_at)))

_NONE: ColumnElement[Any] = literal_column("NULL")  # no duration


def _checked(rule: ColumnElement[bool]) -> ColumnElement[bool]:
    """The rule, in a form for which no index is looked at."""
    return case((rule, literal_column("1")), else_=literal_column("0")).op("=", is_comparison=True)(literal_column("1"))


# SQLite would look among the starts for all jobs that have none.
_HAS_BEGUN, _HAS_NOT = _checked(jobs.c.started_at.is_not(None)), _checked(jobs.c.started_at.is_(None))

# Each kind of event: when it happened, what else must hold, and its duration.
_EVENTS: dict[str, tuple[ColumnElement[Any], list[ColumnElement[bool]], ColumnElement[Any]]] = {
    "created": (jobs.c.created_at, [], _NONE),
    "started": (jobs.c.started_at, [or_(jobs.c.max_attempts.is_(None), ~_OF_A_RUN)], _WAITED),
    "completed": (jobs.c.completed_at, [has_status(JobStatus.COMPLETED)], _RAN),
    "failed": (jobs.c.completed_at, [has_status(JobStatus.FAILED), _HAS_BEGUN], _RAN),
    "called_off": (jobs.c.completed_at, [has_status(JobStatus.FAILED), _HAS_NOT], _NONE),
}


def _found(
    event: str, time: ColumnElement[Any], seconds: ColumnElement[Any], name: str, source: Any, *where: Any
) -> Select[Any]:
    """How many there are in each minute, type and bucket. Materialized, so that each duration is computed once."""
    each = (
        select(_Minute(time).label("at"), jobs.c.type, seconds.label("seconds"))
        .select_from(source)
        .where(*where)
        .cte(name)
        .prefix_with("MATERIALIZED")
    )
    bounds: list[Any] = [
        (each.c.seconds < literal_column(repr(bound)), literal_column(str(n))) for n, bound in enumerate(BOUNDS)
    ]
    measured = case((each.c.seconds.is_(None), null()), *bounds, else_=literal_column(str(BUCKETS - 1)))
    bucket = (_NONE if seconds is _NONE else measured).label("bucket")
    return select(literal_column(f"'{event}'"), each.c.at, each.c.type, bucket, func.count()).group_by(
        each.c.at, each.c.type, *([] if seconds is _NONE else [bucket])
    )


def _all_found(where: Any, where_run: Any) -> Compiled:
    """Every event for which `where` holds, a function of its time."""
    of_jobs = [
        _found(event, time, seconds, event, jobs, *where(event, time), *rules)
        for event, (time, rules, seconds) in _EVENTS.items()
    ]
    source = runs.join(jobs, jobs.c.seq == runs.c.seq)
    of_runs = _found("started", runs.c.started_at, _WAITED_OF_RUN, "begun", source, *where_run(runs.c.started_at))
    return Compiled(union_all(*of_jobs, of_runs))


_SINCE, _UNTIL = bindparam("since", type_=DateTime()), bindparam("until", type_=DateTime())
_FIRST, _LAST = bindparam("first", type_=BigInteger()), bindparam("last", type_=BigInteger())


def _in_time(time: ColumnElement[Any]) -> list[Any]:
    return [time >= _SINCE, time < _UNTIL]


def _in_time_by_index(event: str, time: ColumnElement[Any]) -> list[Any]:
    """No index has when a job was created: its seq tells, roughly."""
    if event == "created":
        return [*_in_time(time), jobs.c.seq >= _FIRST, jobs.c.seq <= _LAST]
    return _in_time(time) if event == "started" else [*_in_time(time), BY_END]


def _before(time: ColumnElement[Any], seq: ColumnElement[int]) -> list[Any]:
    return [seq >= _FIRST, seq <= _LAST, _checked(time < _UNTIL)]


_BETWEEN = _all_found(_in_time_by_index, _in_time)
_OF_SEQS = _all_found(lambda _event, time: _before(time, jobs.c.seq), lambda time: _before(time, runs.c.seq))


def between(tx: Connection, since: int, until: int, seqs: tuple[int, int]) -> Counts:
    """What happened from one minute to another, by the indexes of time; what was created then has seqs from and to."""
    rows = _BETWEEN.rows(tx, since=time_of(since), until=time_of(until), first=seqs[0], last=seqs[1])
    return counted(map(Found._make, rows))


def of_seqs(tx: Connection, after: int, last: int, before: int) -> Counts:
    """What happened to the jobs of these seqs before a minute."""
    return counted(map(Found._make, _OF_SEQS.rows(tx, first=after + 1, last=last, until=time_of(before))))


def time_of(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def minute_of(time: datetime) -> int:
    return int(seconds_of(time)) // MINUTE * MINUTE


def seconds_of(time: datetime) -> float:
    """Since 1970."""
    return time.replace(tzinfo=UTC).timestamp()


def first_created(tx: Connection, since: datetime, end: int) -> int:
    """The first seq below `end` of a job created since then, or `end`: a search by halves, for seqs grow with time."""
    low, high = 1, end
    while low < high:
        middle = (low + high) // 2
        rows = _NEXT.rows(tx, seq=middle)
        if rows and rows[0][0] < high and rows[0][1] < since:
            low = rows[0][0] + 1
        else:
            high = middle
    return low


_NEXT = Compiled(
    select(jobs.c.seq, jobs.c.created_at)
    .where(jobs.c.seq >= bindparam("seq"))
    .order_by(jobs.c.seq)
    .limit(literal_column("1"))
)


def advance(tx: Connection, known: State, minute: int, now: datetime) -> bool:
    """Say that this minute is counted now, unless another process has counted since `known`: its look was a later one.

    The row stays locked, so of two transactions that write minutes one waits for the other.
    """
    return bool(_ADVANCE.rows(tx, version=known.version, new_minute=minute, now=now))


_ADVANCE = Compiled(
    update(counting)
    .where(counting.c.version == bindparam("version"))
    .values(
        version=counting.c.version + literal_column("1"),
        minute=bindparam("new_minute", type_=BigInteger()),
        counted_at=bindparam("now", type_=DateTime()),
    )
    .returning(counting.c.version)
)


def lock(tx: Connection) -> State:
    """The state, which no other transaction changes before this one ends."""
    tx.execute(select(counting.c.id).with_for_update())
    return state(tx)


def replace(tx: Connection, since: int, until: int, counts: Counts) -> None:
    """Put these counts in the place of all minutes from one to another, and add the longer spans up anew."""
    _clear(tx, MINUTE, since, until)
    _insert(tx, MINUTE, counts)
    for span in (TWELVE_MINUTES, HOUR):
        start, end = since // span * span, -(-until // span) * span
        _clear(tx, span, start, end)
        tx.execute(_LONGER, {"span": span, "start": start, "end": end})


def _clear(tx: Connection, span: int, since: int, until: int) -> None:
    tx.execute(delete(minutes).where(minutes.c.span == span, minutes.c.at >= since, minutes.c.at < until))


def _insert(tx: Connection, span: int, counts: Counts) -> None:
    if counts:
        tx.execute(insert(minutes), _rows(span, counts))


def _rows(span: int, counts: Counts) -> list[dict[str, Any]]:
    return [
        {"span": span, "at": at, "type": name, **dict(zip(COLUMNS, values, strict=True))}
        for (at, name), values in counts.items()
    ]


_of_the_longer = minutes.c.at - minutes.c.at % bindparam("span")
_LONGER = insert(minutes).from_select(
    ["span", "at", "type", *COLUMNS],
    select(
        bindparam("span", type_=minutes.c.span.type),
        _of_the_longer,
        minutes.c.type,
        *(func.sum(minutes.c[name]) for name in COLUMNS),
    )
    .where(
        minutes.c.span == literal_column(str(MINUTE)),
        minutes.c.at >= bindparam("start"),
        minutes.c.at < bindparam("end"),
    )
    .group_by(_of_the_longer, minutes.c.type),
)


def add(tx: Connection, counts: Counts, folded_to: int) -> None:
    """Add these counts to the minutes and the longer spans; where there are hours only, to these."""
    recent = {key: values for key, values in counts.items() if key[0] >= folded_to}
    for span, spans in ((HOUR, counts), (TWELVE_MINUTES, recent), (MINUTE, recent)):
        if spans:
            tx.execute(_ADD[tx.dialect.name], _rows(span, in_spans(spans, span)))


def _adding(new: Any) -> Any:
    more = {name: minutes.c[name] + new.excluded[name] for name in COLUMNS}
    return new.on_conflict_do_update(index_elements=["span", "at", "type"], set_=more)


_ADD = {"sqlite": _adding(sqlite.insert(minutes)), "postgresql": _adding(postgresql.insert(minutes))}


def fold(tx: Connection, before: int) -> None:
    """Of all before this hour keep the hours alone."""
    tx.execute(delete(minutes).where(minutes.c.span.in_((MINUTE, TWELVE_MINUTES)), minutes.c.at < before))
    tx.execute(update(counting).values(folded_to=before))


def forget(tx: Connection, before: int) -> bool:
    """Delete the oldest day of the hours before this one; whether there may be more of them."""
    first = tx.execute(select(func.min(minutes.c.at)).where(minutes.c.span == HOUR)).scalar()
    if first is None or first >= before:
        return False
    _clear(tx, HOUR, first, min(first + DAY, before))
    return True
