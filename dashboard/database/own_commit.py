"""Writes to PostgreSQL: each has a transaction of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from dashboard.core.numbers import COMMITS, Numbers
from dashboard.database.pools import connect
from dashboard.database.postgresql import check_commit

TRIES = 3  # of a write that the server has undone so that others could go on
UNDONE = ("40001", "40P01")  # their SQLSTATEs: it could not be serialized; there was a deadlock


class OwnCommit:
    """Write by the connections of this engine, each of which commits every statement where no transaction is begun."""

    def __init__(self, engine: Engine, numbers: Numbers) -> None:
        self._engine = engine
        self._numbers = numbers
        self._transactions = engine.execution_options(isolation_level="READ COMMITTED")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with connect(self._transactions) as connection:
            with connection.begin():
                yield connection
            check_commit(connection)
        self._numbers.add(COMMITS, 1, 1)

    def write(self, work: Callable[[Connection], Any], undone: Callable[[], None], one_statement: bool) -> Any:
        """Do the work and commit it, once more where the server has undone it; call `undone` where that fails."""
        try:
            for _ in range(TRIES - 1):
                try:
                    return self._write(work, one_statement)
                except DBAPIError as error:
                    if getattr(error.orig, "sqlstate", None) not in UNDONE:
                        raise
            return self._write(work, one_statement)
        except BaseException:
            undone()
            raise

    def _write(self, work: Callable[[Connection], Any], one_statement: bool) -> Any:
        if not one_statement:
            with self.transaction() as connection:
                return work(connection)
        with connect(self._engine) as connection:
            done = work(connection)
            check_commit(connection)
        self._numbers.add(COMMITS, 1, 1)
        return done
