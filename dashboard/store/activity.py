"""The activity of people and named tokens: added, read, and deleted when it is old. Nothing else changes an entry."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, DateTime, bindparam, delete, select, text, tuple_

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
) -> None:
    """Add an entry; where there is one with the same `together`, its count grows instead."""
    given = {"at": utc_now(), "who": who.name, "role": who.role, "action": str(did), "via": str(who.via)}
    tx.execute(_APPEND, {**given, "job_id": job_id, "count": count, "detail": detail, "together": together})


_COLUMNS = ("at", "who", "role", "action", "job_id", "count", "via", "detail", "together")
_APPEND = text(
    "INSERT INTO activity ({}) VALUES ({}) ".format(  # noqa: S608
        ", ".join(f'"{name}"' for name in _COLUMNS), ", ".join(f":{name}" for name in _COLUMNS)
    )
    + 'ON CONFLICT (together) WHERE together IS NOT NULL DO UPDATE SET "count" = activity."count" + excluded."count"'
).bindparams(*(bindparam(name, type_=activity.c[name].type) for name in _COLUMNS))


def entries(tx: Connection, sought: Sought, limit: int, before: int | None) -> Sequence[Entry]:
    """The newest entries, newest first; those before the one with the id `before`."""
    query = select(*(activity.c[name] for name in Entry._fields))
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
    rows = tx.execute(query.order_by(activity.c.at.desc(), activity.c.id.desc()).limit(limit))
    return [Entry._make(row) for row in rows]


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
