"""Writes to PostgreSQL: each has a transaction of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from dashboard.database.pools import connect


class OwnCommit:
    """Write by the connections of this engine, each of which commits every statement where no transaction is begun."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._transactions = engine.execution_options(isolation_level="READ COMMITTED")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with connect(self._transactions) as connection, connection.begin():
            yield connection

    def write(self, work: Callable[[Connection], Any], undone: Callable[[], None], one_statement: bool) -> Any:
        """Do the work and commit it; call `undone` where that fails."""
        try:
            with connect(self._engine) if one_statement else self.transaction() as connection:
                return work(connection)
        except BaseException:
            undone()
            raise
