"""The types that there are, and the jobs of some of them, newest or oldest first. Reads only.

Both go by the index of types: a type is one step in it however many jobs it has, and the jobs of some types are merged
from as many places in it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Select,
    false,
    or_,
    select,
    tuple_,
    union_all,
)

from dashboard.database.matching import begins
from dashboard.database.schema import AGE, OF_TYPE, jobs
from dashboard.store.distinct import each

LOOKED_AT = 1_000  # types that are looked at

MERGED_MAX = 50  # types whose jobs are merged


def beginning_with(tx: Connection, prefix: str) -> tuple[str, ...] | None:
    """The types that begin so, in either case; None where they are, or may be, more than are merged."""
    is_last = _EACH.c.step == LOOKED_AT
    rule = or_(begins(_EACH.c.value, prefix, tx.dialect.name), is_last)
    found = tx.execute(
        select(_EACH.c.value, is_last).where(_EACH.c.value.is_not(None), rule), {"most": LOOKED_AT}
    ).all()
    if len(found) > MERGED_MAX or (found and found[-1][1]):
        return None
    return tuple(name for name, _ in found)


_EACH = each(jobs.c.type, OF_TYPE)


class Start(NamedTuple):
    """The place of a job in the order of starts."""

    time: datetime
    seq: int


Place = int | Start  # of a job in a list: its seq, or in a list by start that


class Span(NamedTuple):
    """The jobs between two places of a list; `by_start` is the list of those that run, else it is one by age."""

    above: Place | None = None
    below: Place | None = None
    by_start: bool = False

    def rules(self, place: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """The conditions that a place is in it."""
        rules = [] if self.above is None else [place > _bound(self.above)]
        return rules if self.below is None else [*rules, place < _bound(self.below)]


def _bound(place: Place) -> Any:
    return tuple_(*place, types=(DateTime(), BigInteger())) if isinstance(place, Start) else place


def have_more_than(tx: Connection, names: Sequence[str], number: int) -> bool:
    """Whether there are more jobs of these types."""
    entries = jobs_of(tx, names, [], Span(), number + 1, descending=True)
    return tx.execute(entries.offset(number).limit(1)).first() is not None


def jobs_of(
    tx: Connection, names: Sequence[str], columns: Sequence[Column[Any]], span: Span, most: int, *, descending: bool
) -> Select[Any]:
    """The seqs, and these columns, of up to `most` jobs of these types in a span, in order.

    Either database goes along the index of each, and reads as many as are taken: PostgreSQL only where each part is
    sorted by itself and has a limit, SQLite only where none is.
    """

    def in_order(query: Select[Any], seq: ColumnElement[int]) -> Select[Any]:
        return query.order_by(seq.desc() if descending else seq.asc())

    parts = [select(AGE.label("seq"), *columns).where(jobs.c.type == name, OF_TYPE, *span.rules(AGE)) for name in names]
    if not parts:
        return select(jobs.c.seq, *columns).where(false())
    if len(parts) == 1:
        return in_order(parts[0], AGE).limit(most)
    if tx.dialect.name == "postgresql":
        parts = [in_order(part, AGE).limit(most) for part in parts]
    merged = union_all(*parts).subquery()
    return in_order(select(*merged.c), merged.c.seq).limit(most)
