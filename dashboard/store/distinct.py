"""The different values of a column, each found by one step in an index: DISTINCT would read an entry of every row."""

from typing import Any

from sqlalchemy import CTE, Column, bindparam, func, literal_column, select


def each(column: Column[str], *rules: Any) -> CTE:
    """The values in order, as `value`, up to the parameter `most` of them; `step` counts them from 1.

    After the last value there may be a NULL. The index is entered again behind each value (a "loose index scan").
    """
    first: Any = select(func.min(column).label("value"), literal_column("1").label("step")).where(*rules)
    found: CTE = first.cte(recursive=True)
    following = select(func.min(column)).where(column > found.c.value, *rules).scalar_subquery()
    return found.union_all(
        select(following, found.c.step + literal_column("1")).where(
            found.c.value.is_not(None), found.c.step < bindparam("most")
        )
    )
