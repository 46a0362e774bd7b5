"""Whether anything was committed, cheaply enough to look many times a second."""

from typing import Any

from sqlalchemy import Connection

from dashboard.database.engine import db

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
        if self._connection is None:
            self._connection = db.engine.connect()
        driver: Any = self._connection.connection.dbapi_connection
        before, self._version = self._version, driver.execute("PRAGMA data_version").fetchone()
        return bool(before != self._version)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
