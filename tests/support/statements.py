"""The SQL statements that a function sends to the database."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from dashboard.database.engine import db

Statement = tuple[str, Any]  # with its parameters


def statements(action: Callable[[], object]) -> list[Statement]:
    """What it asks the database, whichever way, but for the BEGIN."""
    found: list[Statement] = []

    def note(_c: object, _k: object, statement: str, parameters: Any, _x: object, executemany: bool) -> None:
        found.extend((statement, values) for values in (parameters if executemany else [parameters]))

    for engine in db.engines.values():
        event.listen(engine, "before_cursor_execute", note)
    action()
    for engine in db.engines.values():
        event.remove(engine, "before_cursor_execute", note)
    return [each for each in found if not each[0].startswith("BEGIN")]
