"""The activity of people and named tokens: added, read, and deleted when it is old. Nothing changes an entry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, DateTime, bindparam, case, delete, func, or_, select, text, tuple_

from dashboard.core.activity import Did, Entry, Sought
from dashboard.core.job import utc_now
from dashboard.core.who import Who
from dashboard.database.schema import activity
from dashboard.store.distinct import each


def append(
    tx: Connection,
    who: Who,
    did: Did,
    *,
    job_id: str | None = None,
    count: int | None = None,
    detail: str | None = None,
    together: str | None = None,
    part_of: str | None = None,
) -> None:
    """Add an entry, unless there is one with the same `together`. Those with the same `part_of` are shown as one."""
    given: dict[str, Any] = {"who": who.name, "role": who.role, "via": str(who.via), "action": str(did)}
    given |= {"job_id": job_id, "count": count, "detail": detail, "together": together, "part_of": part_of}
    tx.execute(_APPEND, given | {"at": utc_now()})


_COLUMNS = ("at", "who", "role", "action", "job_id", "count", "via", "detail", "together", "part_of")
_APPEND = text(
    "INSERT INTO activity ({}) VALUES ({}) ".format(  # noqa: S608
        ", ".join(f'"{name}"' for name in _COLUMNS), ", ".join(f":{name}" for name in _COLUMNS)
    )
    + "ON CONFLICT (together) WHERE together IS NOT NULL DO NOTHING"
).bindparams(*(bindparam(name, type_=activity.c[name].type) for name in _COLUMNS))


def last_id(tx: Connection) -> int:
    """That of the newest entry; 0 where there is none."""
    return tx.execute(_LAST_ID).scalar_one() or 0


_LAST_ID = select(func.max(activity.c.id))


def entries(
    tx: Connection,
    sought: Sought,
    limit: int,
    before: int | None = None,
    *,
    known: int | None = None,
    newer_than: int | None = None,
) -> Sequence[Entry]:
    """The newest entries, newest first; those before the one with the id `before`.

    With `known` those alone that there were when it was the newest id, with `newer_than` those that came since.

    Of several that are parts of one, the first stands for all, with the sum of their counts.
    """
    query = select(*_SHOWN).where(or_(activity.c.part_of.is_(None), activity.c.id == _FIRST))
    for name in ("who", "action", "job_id"):
        if (value := getattr(sought, name)) is not None:
            query = query.where(activity.c[name] == value)
    if sought.since is not None:
        query = query.where(activity.c.at >= sought.since)
    if sought.until is not None:
        query = query.where(activity.c.at < sought.until)
    if before is not None:
        place = select(activity.c.at, activity.c.id).where(activity.c.id == before)
        query = query.where(tuple_(activity.c.at, activity.c.id) < place.scalar_subquery())
    if known is not None:
        query = query.where(activity.c.id <= known)
    if newer_than is not None:
        query = query.where(activity.c.id > newer_than)
    rows = tx.execute(query.order_by(activity.c.at.desc(), activity.c.id.desc()).limit(limit))
    return [Entry._make(row) for row in rows]


_part = activity.alias("part")
_FIRST = select(func.min(_part.c.id)).where(_part.c.part_of == activity.c.part_of).scalar_subquery()
_COUNT = select(func.sum(_part.c.count)).where(_part.c.part_of == activity.c.part_of).scalar_subquery()
_SHOWN = [
    case((activity.c.part_of.is_(None), activity.c.count), else_=_COUNT) if name == "count" else activity.c[name]
    for name in Entry._fields
]


def names(tx: Connection, limit: int) -> list[str]:
    """The names that there are entries of, in order, up to a limit."""
    return list(tx.execute(_NAMES, {"most": limit}).scalars())


_EACH = each(activity.c.who)
_NAMES = select(_EACH.c.value).where(_EACH.c.value.is_not(None)).order_by(_EACH.c.step)


def forget(tx: Connection, before: datetime, limit: int) -> int:
    """Delete the oldest entries from before this time, up to a limit; returns how many."""
    return tx.execute(_FORGET, {"before": before, "limit": limit}).rowcount


_OLD = select(activity.c.id).where(activity.c.at < bindparam("before", type_=DateTime()))
_FORGET = delete(activity).where(
    activity.c.id.in_(_OLD.order_by(activity.c.at, activity.c.id).limit(bindparam("limit")).scalar_subquery())
)


def is_any_before(tx: Connection, time: datetime) -> bool:
    return tx.execute(_OLD.limit(1), {"before": time}).first() is not None
