"""Whether anything was committed, cheaply enough to look many times a second."""

from typing import Any

from sqlalchemy import Connection

from dashboard.database import sqlite
from dashboard.database.engine import db
from dashboard.database.pools import connect

SQLITE_INTERVAL = 0.05  # seconds between two looks
POSTGRESQL_INTERVAL = 0.1


class Watch:
    """On SQLite `PRAGMA data_version` of a connection of its own; on PostgreSQL it cannot know, and says yes."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._version: Any = None
        self._is_sqlite = db.engine.dialect.name == "sqlite"
        self.interval = SQLITE_INTERVAL if self._is_sqlite else POSTGRESQL_INTERVAL

    def has_changed(self) -> bool:
        """Whether another connection, of whichever process, has committed since the last look."""
        if not self._is_sqlite:
            return True
        before = self._version
        try:
            self._version = self._ask()
        except sqlite.driver.Error:
            if self._connection is not None:
                self._connection.invalidate()
            self.close()  # the next look opens another one
            return True
        return bool(before != self._version)

    def _ask(self) -> Any:
        if self._connection is None:
            self._connection = connect(db.engine)
        driver: Any = self._connection.connection.dbapi_connection
        return driver.execute("PRAGMA data_version").fetchone()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
