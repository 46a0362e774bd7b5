"""Which job is next: candidates for the process-local queue, and PostgreSQL's claim in one statement."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Connection,
    Select,
    String,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from dashboard.core.claim_queue import WINDOW
from dashboard.core.errors import ClaimsPausedError
from dashboard.core.job import Job, JobStatus
from dashboard.core.pause import Pause
from dashboard.database.schema import BY_AGE, BY_TYPE, IN_CLAIM_ORDER, jobs, pause, tally
from dashboard.database.statement import Compiled, Many
from dashboard.store import due
from dashboard.store.jobs import (
    CLAIM_ORDER,
    ROW,
    Row,
    changed,
    claiming,
    in_claim_order,
    is_not_expired,
    is_ready,
)
from dashboard.store.pause import COLUMNS, IS_PAUSED, THE_ROW, told

NEW_MAX = WINDOW + 1  # new jobs that a claim looks at: more than the window of its queue, and it is refilled


class Look(NamedTuple):
    """What a claim finds out first."""

    woken: int  # another value than the last one: the queue has to be refilled
    is_due: bool  # something has to be settled before the claim
    paused: Pause | None
    new: list[tuple[int, int]]  # (seq, priority) of the ready jobs created since, oldest first


def look(tx: Connection, after: int, *, sweeps: bool) -> Look:
    """What is new since the seq `after`, up to NEW_MAX jobs, by one statement."""
    rows = _LOOK.rows(tx, after=after, sweeps=sweeps)
    new = [] if rows[0][2] is None else [(row[2], row[3]) for row in rows]
    return Look(rows[0][0], bool(rows[0][1]), told(rows[0][4:]), new)


# The limit is a literal: SQLite plans a statement anew whenever the parameter of its LIMIT is bound, 25 µs of 28 here.
_NEW = (
    select(jobs.c.seq, jobs.c.priority)
    .where(is_ready(), BY_AGE, jobs.c.seq > bindparam("after"))
    .order_by(jobs.c.seq)
    .limit(literal_column(str(NEW_MAX)))
    .subquery("new")
)

_LOOK = Compiled(
    select(tally.c.woken, due.IS_DUE, _NEW.c.seq, _NEW.c.priority, *COLUMNS).select_from(
        tally.outerjoin(_NEW, true()).outerjoin(pause, THE_ROW)
    )
)


def is_due(tx: Connection, *, sweeps: bool) -> bool:
    """Whether something has to be settled before a claim. Raises ClaimsPausedError."""
    rows = _IS_DUE.rows(tx, sweeps=sweeps)
    if paused := told(rows[0][1:]):
        raise ClaimsPausedError(paused)
    return bool(rows[0][0])


_ONE = select(literal_column("1").label("one")).subquery("one")
_IS_DUE = Compiled(select(due.IS_DUE, *COLUMNS).select_from(_ONE.outerjoin(pause, THE_ROW)))


def take_next(
    tx: Connection,
    types: Sequence[str],
    limit: int,
    attempts: int | None,
    who: str | None = None,
    *,
    now: datetime,
    settled: bool,
    sweeps: bool,
) -> list[Row]:
    """Claim the next ready jobs of these types (none: of any) by one statement, for PostgreSQL; in claim order.

    Unless everything due is `settled`, it claims nothing where something is due. Claims do not wait for each other: a
    row that another one has locked is passed over. Candidates of several types are taken without locks, and as many
    as are wanted are locked: the heads of the other types stay free for others.
    """
    values: dict[str, Any] = {f"type_{place}": name for place, name in enumerate(types)}
    statement = _take_next(len(types))
    ahead = limit + AHEAD
    while True:
        rows = statement.rows(
            tx,
            limit=limit,
            now=now,
            attempts=attempts,
            settled=settled,
            sweeps=sweeps,
            who=who,
            **values,
            **({"ahead": ahead} if types else {}),
        )
        if rows or not types or ahead > AHEAD_MAX or not _has_more(tx, types, ahead):
            taken = [row for row in map(Row._make, rows) if changed(tx, row, JobStatus.RUNNING)]
            return sorted(taken, key=lambda row: (-row.priority, row.seq))
        ahead *= 10  # all of the candidates were taken by others meanwhile


AHEAD = 20  # candidates beyond those wanted: others may have locked as many
AHEAD_MAX = 10_000


def claim_next(tx: Connection, now: datetime, *, settled: bool, sweeps: bool, who: str | None = None) -> Job | None:
    """The same for one job of any type, as a client of the nine keys sees it."""
    rows = _CLAIM_NEXT.rows(tx, limit=1, now=now, attempts=None, settled=settled, sweeps=sweeps, who=who)
    return changed(tx, Job._make(rows[0]) if rows else None, JobStatus.RUNNING)


def _unless_due(statement: Any) -> Any:
    return statement.where(or_(bindparam("settled", type_=Boolean), ~due.IS_DUE), ~IS_PAUSED)


def _heads(types: int, limit: Any) -> Select[Any]:
    """The first candidates of each type, by its own index head: `type IN (…)` would sort every job of them."""
    heads = [
        select(jobs.c.seq, jobs.c.priority)
        .where(is_ready(), BY_TYPE, is_not_expired(), jobs.c.type == bindparam(f"type_{place}"))
        .order_by(*CLAIM_ORDER)
        .limit(limit)
        .subquery()
        .select()
        for place in range(types)
    ]
    merged = union_all(*heads).subquery()
    return select(merged.c.seq, merged.c.priority).order_by(merged.c.priority.desc(), merged.c.seq).limit(limit)


@lru_cache
def _take_next(types: int) -> Compiled:
    return Compiled(_locked(types, ROW))


def _locked(types: int, columns: Sequence[Any]) -> Any:
    if types:
        heads = _heads(types, bindparam("ahead")).cte("heads").prefix_with("MATERIALIZED")
        wanted = (
            select(jobs.c.seq).join(heads, heads.c.seq == jobs.c.seq).order_by(heads.c.priority.desc(), heads.c.seq)
        )
    else:
        wanted = in_claim_order(select(jobs.c.seq))
    locked = (
        wanted.where(is_ready(), is_not_expired())
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True, of=jobs)
        .cte("locked")
        .prefix_with("MATERIALIZED")
    )
    # An array, for which the planner expects few elements: of a join it may expect that all jobs are scanned.
    seqs = func.array(select(locked.c.seq).scalar_subquery(), type_=ARRAY(BigInteger))
    return _unless_due(claiming(jobs.c.seq == any_(seqs))).returning(*columns)


_CLAIM_NEXT = Compiled(_locked(0, [jobs.c[name] for name in Job._fields]))


def heads(tx: Connection, types: Sequence[str], limit: int) -> list[tuple[int, int]]:
    """(seq, priority) of the ready jobs of these types in claim order, up to a limit."""
    values = {f"type_{place}": name for place, name in enumerate(types)}
    return cast(list[tuple[int, int]], _heads_of(len(types), limit).rows(tx, **values))


@lru_cache
def _heads_of(types: int, limit: int) -> Compiled:
    return Compiled(_heads(types, literal_column(str(limit))))


def _has_more(tx: Connection, types: Sequence[str], than: int) -> bool:
    return len(heads(tx, types, than + 1)) > than


def last_seq(tx: Connection) -> int:
    """The seq of the newest job; 0 when there is none."""
    return _LAST_SEQ.rows(tx)[0][0] or 0


_LAST_SEQ = Compiled(select(func.max(jobs.c.seq)))


def candidates(tx: Connection, limit: int) -> list[tuple[int, int]]:
    """(seq, priority) of the ready jobs in claim order, without those that it is too late to begin."""
    return cast(list[tuple[int, int]], _CANDIDATES.rows(tx, limit=limit))


_CANDIDATES = Compiled(
    in_claim_order(select(jobs.c.seq, jobs.c.priority)).where(is_not_expired()).limit(bindparam("limit"))
)


_READY: Select[Any] = select(literal_column("1")).select_from(jobs).where(is_ready(), is_not_expired(), ~IS_PAUSED)
_ANY = _READY.where(IN_CLAIM_ORDER)


def may_find(tx: Connection, types: Sequence[str], *, sweeps: bool) -> bool:
    """Whether a claim of these types (none: of any) that has found nothing is to try again.

    Something is due, or such a job is ready by now: another process has settled what was due. Raises ClaimsPausedError.
    """
    values = {f"type_{place}": name for place, name in enumerate(types)}
    [(may, *columns)] = _may_find(len(types)).rows(tx, sweeps=sweeps, **values)
    if paused := told(tuple(columns)):
        raise ClaimsPausedError(paused)
    return bool(may)


@lru_cache
def _may_find(types: int) -> Compiled:
    of_type = [exists(_READY.where(BY_TYPE, jobs.c.type == bindparam(f"type_{place}"))) for place in range(types)]
    may = or_(due.IS_DUE, *(of_type or [exists(_ANY)]))
    return Compiled(select(may, *COLUMNS).select_from(_ONE.outerjoin(pause, THE_ROW)))


def is_any_ready(tx: Connection) -> bool:
    """Whether there is a job that a claim could take."""
    return bool(_IS_ANY_READY.rows(tx))


_IS_ANY_READY = Compiled(_ANY.limit(1))


def ready_types(tx: Connection, types: Sequence[str]) -> set[str]:
    """Those of these types of which there is such a job."""
    return {name for (name,) in _READY_TYPES.rows(tx, [{"type": name} for name in types])}


_READY_TYPES = Many(
    lambda given: select(given.type).where(exists(_READY.where(BY_TYPE, jobs.c.type == given.type))),
    type=String(),
)
