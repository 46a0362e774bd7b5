"""The SQL statements that a function sends to the database."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, event

from dashboard.database import statement as statement_module
from dashboard.database.engine import db

Statement = tuple[str, Any]  # with its parameters


def statements(action: Callable[[], object]) -> list[Statement]:
    """What it asks the database, whichever way, but for the BEGIN."""
    found: list[Statement] = []
    run, run_each = statement_module.run, statement_module.run_each

    def note_compiled(tx: Connection, form: Any, values: Any) -> Any:
        found.append((form.sql, tuple(values) if isinstance(values, list) else values))
        return run(tx, form, values)

    def note_each(tx: Connection, form: Any, given: Any) -> Any:
        found.extend((form.sql, values) for values in given)
        return run_each(tx, form, given)

    def note_other(_c: object, _k: object, statement: str, parameters: object, _x: object, _m: object) -> None:
        found.append((statement, parameters))

    for engine in db.engines.values():
        event.listen(engine, "before_cursor_execute", note_other)
    with patch.multiple(statement_module, run=note_compiled, run_each=note_each):
        action()
    for engine in db.engines.values():
        event.remove(engine, "before_cursor_execute", note_other)
    return [each for each in found if not each[0].startswith("BEGIN")]
