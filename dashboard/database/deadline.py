"""A time limit for statements."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from dashboard.database import sqlite
from dashboard.database.errors import TookTooLongError

STEPS = 100  # of SQLite's virtual machine between two looks at the clock: a few rows

QUERY_CANCELED = "57014"  # PostgreSQL's SQLSTATE


@contextmanager
def at_most(tx: Connection, seconds: float) -> Iterator[None]:
    """Stop a statement in this block after so many seconds, and raise TookTooLongError.

    SQLite runs in this process, where no other greenlet runs meanwhile: only SQLite itself can look at the clock. On
    PostgreSQL the limit is for each statement, and holds until the transaction ends.
    """
    if tx.dialect.name == "sqlite":
        with _sqlite_stops(tx, seconds):
            yield
        return
    tx.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}")
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == QUERY_CANCELED:
            raise TookTooLongError from error
        raise


@contextmanager
def _sqlite_stops(tx: Connection, seconds: float) -> Iterator[None]:
    end = monotonic() + seconds
    connection: Any = tx.connection.dbapi_connection
    connection.set_progress_handler(lambda: monotonic() > end, STEPS)
    try:
        yield
    except OperationalError as error:
        if monotonic() > end and "interrupted" in str(error.orig):
            raise TookTooLongError from error
        raise
    finally:
        with suppress(sqlite.driver.ProgrammingError):  # it is closed, after an error of another kind
            connection.set_progress_handler(None, 0)
