"""Whether claims are paused: one row while they are."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, literal_column, select, text

from dashboard.core.pause import Pause
from dashboard.database.schema import pause
from dashboard.database.statement import Compiled

THE_ROW: ColumnElement[bool] = pause.c.id == literal_column("1")
COLUMNS = [pause.c[name] for name in Pause._fields]
IS_PAUSED: ColumnElement[bool] = exists(select(literal_column("1")).select_from(pause).where(THE_ROW))


def told(columns: tuple[Any, ...]) -> Pause | None:
    """The pause of COLUMNS in a statement that joins it, where there is one."""
    found = Pause._make(columns)
    return found if found.since else None


def get(tx: Connection) -> Pause | None:
    rows = _GET.rows(tx)
    return Pause._make(rows[0]) if rows else None


_GET = Compiled(select(*COLUMNS).where(THE_ROW))


def begin(tx: Connection, new: Pause) -> bool:
    """Pause claims; False where they are paused already, which changes nothing."""
    return tx.execute(_BEGIN, new._asdict()).rowcount == 1


_BEGIN = text(
    "INSERT INTO pause (id, who, since, reason) VALUES (1, :who, :since, :reason) ON CONFLICT DO NOTHING"
).bindparams(*(bindparam(name, type_=pause.c[name].type) for name in Pause._fields))


def end(tx: Connection) -> bool:
    """Go on; False where they are not paused."""
    return tx.execute(delete(pause)).rowcount == 1
