"""Jobs that came in with a past, by a migration or an import: what happened to them is counted slice by slice."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update

from dashboard.core.minutes import MINUTE
from dashboard.database import clock
from dashboard.database.schema import PREVIEW, counting, jobs, uncounted
from dashboard.database.statement import Compiled
from dashboard.store.minutes import lock, minute_of


def known(tx: Connection, ids: list[str]) -> set[str]:
    """Those of these ids that a job has."""
    return set(tx.execute(_KNOWN, {"ids": ids}).scalars())


_KNOWN = select(jobs.c.id).where(jobs.c.id.in_(bindparam("ids", expanding=True)))


def insert_past(tx: Connection, rows: list[dict[str, Any]]) -> None:
    """Store jobs that have a past; each row has every column but the preview, which is made here."""
    for row in rows:
        row["preview"] = row["payload"] and row["payload"][:PREVIEW]
    tx.execute(jobs.insert(), rows)


class Past(NamedTuple):
    """Jobs of which nothing that happened before a minute is counted yet; those up to the seq `after` are done."""

    id: int
    after: int
    until: int
    before: int


def next_past(tx: Connection) -> Past | None:
    rows = _NEXT_PAST.rows(tx)
    return Past._make(rows[0]) if rows else None


_NEXT_PAST = Compiled(
    select(*(uncounted.c[name] for name in Past._fields))
    .where(uncounted.c.after < uncounted.c.until)
    .order_by(uncounted.c.id)
    .limit(literal_column("1"))
)


def slice_end(tx: Connection, past: Past, limit: int) -> int:
    """The seq up to which the next slice goes, of so many jobs at the most."""
    rows = _SLICE_END.rows(tx, after=past.after, until=past.until, place=limit - 1)
    return int(rows[0][0]) if rows else past.until


_SLICE_END = Compiled(
    select(jobs.c.seq)
    .where(jobs.c.seq > bindparam("after"), jobs.c.seq <= bindparam("until"))
    .order_by(jobs.c.seq)
    .limit(literal_column("1"))
    .offset(bindparam("place"))
)


def went_on(tx: Connection, past: Past, after: int) -> None:
    tx.execute(update(uncounted).where(uncounted.c.id == past.id).values(after=after))


def came_in(tx: Connection, after: int, until: int) -> None:
    """Have the past of the jobs of these seqs be counted, which this transaction inserts.

    A look of another process that did not see them is void. From the minute before the newest one on all is counted
    anew, these jobs too, and at once: nobody has counted a moment ago.
    """
    known = lock(tx)
    minute = min(known.minute, minute_of(clock.now(tx)))  # the clock may have been set back
    tx.execute(update(counting).values(version=known.version + 1, minute=minute, counted_at=None))
    tx.execute(insert(uncounted).values(first=after, after=after, until=until, before=minute - MINUTE))


def imports_since(tx: Connection, minute: int) -> int | None:
    """The seq from which on, by what came in since this minute, seqs do not grow with the time of creation."""
    return _FIRST_OUT_OF_ORDER.rows(tx, minute=minute)[0][0]  # type: ignore[no-any-return]


_FIRST_OUT_OF_ORDER = Compiled(select(func.min(uncounted.c.first)).where(uncounted.c.before >= bindparam("minute")))


def forget_past(tx: Connection, minute: int) -> None:
    """Those that are counted, and came in before this minute."""
    tx.execute(delete(uncounted).where(uncounted.c.after >= uncounted.c.until, uncounted.c.before < minute))
