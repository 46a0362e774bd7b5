"""The database, read and changed without the application."""

from contextlib import closing
from typing import Any, NamedTuple

import psycopg

from dashboard.database.sqlite import driver as sqlite


class Row(NamedTuple):
    seq: int
    id: str
    priority: int
    status: str


def connect(url: str) -> Any:
    """A connection beside the application, by its own driver: two builds of SQLite in one process break their locks."""
    path = url.removeprefix("sqlite:///")
    return sqlite.connect(path) if path != url else psycopg.connect(url)


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(connect(url)) as connection:
        return list(connection.execute(statement).fetchall())


def execute(url: str, statement: str) -> None:
    with closing(connect(url)) as connection:
        connection.execute(statement)
        connection.commit()


def table(url: str) -> list[Row]:
    return [Row(*row) for row in query(url, "SELECT seq, id, priority, status FROM jobs")]
