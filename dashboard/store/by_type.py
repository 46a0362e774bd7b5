"""What waits and what runs now, type by type; each look reads a bounded number of rows."""

from sqlalchemy import Connection, bindparam, func, literal_column, select

from dashboard.core.job import JobStatus
from dashboard.core.minutes import REST, TYPES_MAX
from dashboard.database.schema import BY_AGE, BY_TYPE, jobs
from dashboard.database.statement import Compiled
from dashboard.store.distinct import each
from dashboard.store.jobs import has_status, is_ready

READY_MAX = 20_000  # entries of the index of ready jobs that one look counts: 5 ms on SQLite
RUNNING_MAX = 2_000  # RUNNING jobs of which the type is looked at


def ready(tx: Connection, total: int) -> dict[str, int]:
    """How many jobs a claim may take of each type, up to TYPES_MAX types by name; `total` is how many of all.

    Where there are very many, each type is counted up to its share of READY_MAX. What is not counted is in REST, but
    for one case: if one type alone was not counted to its end, the rest is of that type.
    """
    types = ready_types(tx)
    share = READY_MAX // max(1, len(types))
    found = count_ready(tx, share) if types else {}
    cut = [name for name, number in found.items() if number == share]
    return _completed(found, total, cut[0] if len(cut) == 1 and len(types) <= TYPES_MAX else REST)


def ready_types(tx: Connection) -> list[str]:
    """The types of jobs that a claim may take, by name: one more than TYPES_MAX at the most."""
    return [name for (name,) in _TYPES.rows(tx, most=TYPES_MAX + 1) if name is not None]


def count_ready(tx: Connection, share: int) -> dict[str, int]:
    """How many there are of each, up to TYPES_MAX types and so many of each."""
    return {name: int(number) for name, number in _READY.rows(tx, most=TYPES_MAX, share=share) if name is not None}


_EACH = each(jobs.c.type, is_ready(), BY_TYPE)
_TYPES = Compiled(select(_EACH.c.value))
_OF_ONE = (
    select(jobs.c.seq)
    .where(is_ready(), BY_TYPE, jobs.c.type == _EACH.c.value)
    .limit(bindparam("share"))
    .correlate(_EACH)
    .subquery()
)
_READY = Compiled(select(_EACH.c.value, select(func.count()).select_from(_OF_ONE).scalar_subquery()))


def running(tx: Connection, total: int) -> dict[str, int]:
    """How many RUNNING jobs there are of each type: those of the RUNNING_MAX oldest; all others are in REST."""
    found = {name: int(number) for name, number in _RUNNING.rows(tx)}
    return _completed(found, total, REST)


def _completed(found: dict[str, int], total: int, rest: str) -> dict[str, int]:
    """What is missing to the total is of the type `rest`; so is what a type of the name REST has."""
    return {**found, rest: found.get(rest, 0) + max(0, total - sum(found.values()))}


_OLDEST = (
    select(jobs.c.type)
    .where(has_status(JobStatus.RUNNING), BY_AGE)
    .order_by(jobs.c.seq)
    .limit(literal_column(str(RUNNING_MAX)))
    .subquery()
)
_NUMBER = func.count()
_RUNNING = Compiled(
    select(_OLDEST.c.type, _NUMBER)
    .group_by(_OLDEST.c.type)
    .order_by(_NUMBER.desc(), _OLDEST.c.type)
    .limit(literal_column(str(TYPES_MAX)))
)
