"""Sums of all closed minutes, type by type, which never become smaller: rows of the table of minutes with the span 0.

They stand at the end of the last hour that is in them; what came later is in the minutes. What became of these hours
since, by retention or by an import, changes no total.
"""

from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, literal_column, select, union_all

from dashboard.core.minutes import ALL, COLUMNS, MINUTE, REST, TYPES_MAX, Sum, as_sum
from dashboard.database.schema import minutes
from dashboard.database.statement import Compiled

TOTAL = 0  # the span of these rows
LARGEST = 2**30  # then all begin at zero again: PostgreSQL's integers end at twice as much


class Totals(NamedTuple):
    """The sums, the type ALL first; the other types in the order in which they came, up to TYPES_MAX."""

    hour: int
    of_type: dict[str, list[int]]

    def sums(self) -> dict[str, Sum]:
        """By type; REST has what the others have not. A type of that name is a part of it."""
        named = {name: values for name, values in self.of_type.items() if name != ALL}
        rest = [all_of - sum(each) for all_of, *each in zip(self.of_type[ALL], *named.values(), strict=True)]
        return {name: as_sum(dict(zip(COLUMNS, values, strict=True))) for name, values in {**named, REST: rest}.items()}


def hour(tx: Connection) -> int | None:
    """The end of the last hour that is in the totals; None where there are none yet."""
    rows = _HOUR.rows(tx)
    return rows[0][0] if rows else None


_HOUR = Compiled(
    select(minutes.c.at).where(
        minutes.c.span == literal_column(str(TOTAL)), minutes.c.type == literal_column(f"'{ALL}'")
    )
)


def until(tx: Connection, since: int, end: int) -> Totals:
    """The totals of the hour `since`, and the minutes from then on up to another one."""
    rows = _UNTIL.rows(tx, since=since, until=end)
    return Totals(since, {row[0]: [int(number) for number in row[2:]] for row in rows})


_since, _until = (bindparam(name, type_=BigInteger()) for name in ("since", "until"))
_IS_OURS = minutes.c.type != literal_column(f"'{REST}'")
_each = union_all(
    *(
        select(minutes.c.type, first.label("first"), *(minutes.c[name] for name in COLUMNS)).where(*where, _IS_OURS)
        for first, where in (
            (literal_column("0"), (minutes.c.span == literal_column(str(TOTAL)), minutes.c.at == _since)),
            (
                minutes.c.at,
                (minutes.c.span == literal_column(str(MINUTE)), minutes.c.at >= _since, minutes.c.at < _until),
            ),
        )
    )
).subquery()
_first = func.min(_each.c.first)
_UNTIL = Compiled(
    select(_each.c.type, _first, *(func.sum(_each.c[name]) for name in COLUMNS))
    .group_by(_each.c.type)
    .order_by(_first, _each.c.type)
    .limit(literal_column(str(TYPES_MAX + 1)))
)


def replace(tx: Connection, new: Totals) -> None:
    """Put these in the place of those that there are."""
    begins_anew = max(new.of_type[ALL]) > LARGEST
    tx.execute(delete(minutes).where(minutes.c.span == TOTAL))
    rows = {ALL: [0] * len(COLUMNS)} if begins_anew else new.of_type
    tx.execute(
        insert(minutes),
        [
            {"span": TOTAL, "at": new.hour, "type": name, **dict(zip(COLUMNS, values, strict=True))}
            for name, values in rows.items()
        ],
    )
