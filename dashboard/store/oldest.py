"""For how long the oldest job that a claim could take had waited, minute by minute."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.core.job import JobStatus
from dashboard.core.minutes import MINUTE
from dashboard.database.schema import jobs, oldest
from dashboard.database.statement import Compiled
from dashboard.store.minutes import seconds_of, time_of


def note(tx: Connection, seconds: Mapping[int, int]) -> None:
    """That it had waited so many seconds in these minutes; where more is known already, that stays."""
    if seconds:
        tx.execute(_NOTE[tx.dialect.name], [{"at": at, "seconds": waited} for at, waited in seconds.items()])


def _keeping_the_most(new: Any) -> Any:
    more = oldest.c.seconds < new.excluded.seconds
    return new.on_conflict_do_update(index_elements=["at"], set_={"seconds": new.excluded.seconds}, where=more)


_NOTE = {
    "sqlite": _keeping_the_most(sqlite.insert(oldest)),
    "postgresql": _keeping_the_most(postgresql.insert(oldest)),
}


def slots(tx: Connection, since: int, until: int, slot: int) -> dict[int, int]:
    """The most seconds in each slot of so many; no empty ones."""
    return {at: int(seconds) for at, seconds in _SLOTS.rows(tx, start=since, end=until, slot=slot)}


_slot = oldest.c.at - oldest.c.at % bindparam("slot")
_SLOTS = Compiled(
    select(_slot, func.max(oldest.c.seconds))
    .where(oldest.c.at >= bindparam("start"), oldest.c.at < bindparam("end"))
    .group_by(_slot)
)


def spans(tx: Connection, after: int, last: int, before: int) -> list[tuple[float, float]]:
    """From when to when the jobs of these seqs waited that were created before a minute, in seconds since 1970.

    Those that wait still are taken up to the next minute: what came after it was seen. Those for later do not wait.
    """
    rows = _SPANS.rows(tx, after=after, last=last, until=time_of(before))
    return [(seconds_of(created), seconds_of(ended) if ended else before + MINUTE) for created, ended in rows]


_SPANS = Compiled(
    select(jobs.c.created_at, func.coalesce(jobs.c.started_at, jobs.c.completed_at)).where(
        jobs.c.seq > bindparam("after"),
        jobs.c.seq <= bindparam("last"),
        jobs.c.created_at < bindparam("until"),
        ~and_(jobs.c.status == literal_column(f"'{JobStatus.PENDING}'"), jobs.c.run_at.is_not(None)),
    )
)


def forget(tx: Connection, before: int) -> None:
    tx.execute(delete(oldest).where(oldest.c.at < before))
