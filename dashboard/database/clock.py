"""The clock that judges leases: the database server's on PostgreSQL, this machine's on SQLite."""

from datetime import datetime

from sqlalchemy import Connection, select

from dashboard.core.job import utc_now
from dashboard.database.statement import Compiled, Now


def now(tx: Connection) -> datetime:
    """The time as it is stored: UTC without a zone."""
    if tx.dialect.name == "sqlite":
        return utc_now()
    time: datetime = _NOW.rows(tx)[0][0]
    return time


_NOW = Compiled(select(Now()))
