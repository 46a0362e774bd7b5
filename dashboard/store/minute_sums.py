"""Sums of the table of minutes, as an overview shows them."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, literal_column, select

from dashboard.core.minutes import ALL, COLUMNS, MINUTE, Sum, as_sum
from dashboard.database.schema import minutes
from dashboard.database.statement import Compiled


def slots(tx: Connection, span: int, since: int, until: int, slot: int) -> dict[int, Sum]:
    """All types together, in slots of so many seconds, from rows of a span that divides them; no empty ones."""
    rows = _SLOTS.rows(tx, span=span, start=since, end=until, slot=slot)
    return {row[0]: as_sum(dict(zip(COLUMNS, row[1:], strict=True))) for row in rows}


_slot = minutes.c.at - minutes.c.at % bindparam("slot")
_SUMS = [func.sum(minutes.c[name]) for name in COLUMNS]
_IN_RANGE = (
    minutes.c.span == bindparam("span"),
    minutes.c.at >= bindparam("start"),
    minutes.c.at < bindparam("end"),
)
_IS_ALL = minutes.c.type == literal_column(f"'{ALL}'")
_SLOTS = Compiled(select(_slot, *_SUMS).where(*_IN_RANGE, _IS_ALL).group_by(_slot))


def by_type(tx: Connection, span: int, since: int, until: int, limit: int) -> dict[str, Sum]:
    """Each type by itself, those first that had most to do, up to a limit."""
    rows = _BY_TYPE.rows(tx, span=span, start=since, end=until, limit=limit)
    return {row[0]: as_sum(dict(zip(COLUMNS, row[1:], strict=True))) for row in rows}


_BUSY = func.sum(minutes.c.created + minutes.c.started + minutes.c.completed + minutes.c.failed)
_BY_TYPE = Compiled(
    select(minutes.c.type, *_SUMS)
    .where(*_IN_RANGE, ~_IS_ALL)
    .group_by(minutes.c.type)
    .order_by(_BUSY.desc(), minutes.c.type)
    .limit(bindparam("limit"))
)


class TypeMinute(NamedTuple):
    """What ended of one type in one minute."""

    at: int
    type: str
    completed: int
    failed: int


def ends_of(tx: Connection, types: Sequence[str], since: int) -> list[TypeMinute]:
    """Minute by minute, of these types."""
    return [TypeMinute._make(row) for row in tx.execute(_ENDS_OF, {"types": types, "since": since})] if types else []


_ENDS_OF = (
    select(*(minutes.c[name] for name in TypeMinute._fields))
    .where(
        minutes.c.span == literal_column(str(MINUTE)),
        minutes.c.at >= bindparam("since"),
        minutes.c.type.in_(bindparam("types", expanding=True)),
    )
    .order_by(minutes.c.at)
)
