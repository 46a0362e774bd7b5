"""A copy of a SQLite database that is in use, and whether such a file is whole."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from dashboard.database.engine import db
from dashboard.database.sqlite import driver


def copy_to(path: Path) -> None:
    """Write the database as it is at this moment into a new file; others read and write it meanwhile.

    SQLite's backup in one step: it reads one snapshot, which contains all that was committed before. In several steps
    it would begin anew at each commit of another process. Raises FileExistsError, and OSError or the driver's error
    where the file cannot be written; then there is no file.
    """
    with path.open("xb"):  # not the file of an earlier backup
        pass
    try:
        with db.engine.connect() as source, closing(driver.connect(path)) as copy:
            connection: Any = source.connection.driver_connection
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, which can be read where nothing can be written
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise


@contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """A connection that only reads this file."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    engine = create_engine(
        "sqlite://", module=driver, creator=lambda: driver.connect(uri, uri=True), poolclass=NullPool
    )
    with engine.connect() as connection:
        yield connection


def damage(connection: Connection) -> list[str]:
    """What SQLite itself finds wrong with a file, at most 100 lines; empty where it is whole."""
    found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    keys = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return [line for line in found if line != "ok"] + [f"{row[0]} {row[1]} points at nothing" for row in keys[:100]]
