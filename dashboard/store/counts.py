"""How many jobs there are of each status, and the revision of the data; triggers keep both."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from dashboard.database.schema import tally
from dashboard.database.statement import Compiled


class Tally(NamedTuple):
    """How many jobs of each status there are, and a number that every change of a job raises."""

    pending: int
    running: int
    completed: int
    failed: int
    revision: int
    delayed: int  # of the pending ones, those with a run_at
    woken: int  # grows when a job becomes ready that was created before: on SQLite alone


def counts(tx: Connection) -> Tally:
    return Tally._make(map(int, _COUNTS.rows(tx)[0]))


_COUNTS = Compiled(select(*(func.sum(tally.c[name]) for name in Tally._fields)))


def revision(tx: Connection) -> int:
    return int(_REVISION.rows(tx)[0][0])


_REVISION = Compiled(select(func.sum(tally.c.revision)))
