"""Saved views: kept, read and deleted by their owner and name."""

from sqlalchemy import Connection, bindparam, delete, func, select, text

from dashboard.core.view import SHARED, View
from dashboard.database.schema import views


def seen_by(tx: Connection, owner: str) -> list[View]:
    """Those of this owner, and then those that all share, each by name."""
    rows = tx.execute(_SEEN_BY, {"owners": [SHARED, owner]})
    return sorted(map(View._make, rows), key=lambda view: (view.owner == SHARED, view.name.casefold(), view.name))


_SEEN_BY = select(*(views.c[name] for name in View._fields)).where(
    views.c.owner.in_(bindparam("owners", expanding=True))
)


def number_of_others(tx: Connection, view: View) -> int:
    """How many its owner has under other names."""
    return tx.execute(_OTHERS, {"owner": view.owner, "name": view.name}).scalar_one()


_OTHERS = select(func.count()).where(views.c.owner == bindparam("owner"), views.c.name != bindparam("name"))


def keep(tx: Connection, view: View) -> None:
    """Add it, or let it take the place of its owner's view of the same name."""
    tx.execute(_KEEP, view._asdict())


_KEEP = text(
    "INSERT INTO views (owner, name, query) VALUES (:owner, :name, :query) "
    "ON CONFLICT (owner, name) DO UPDATE SET query = excluded.query"
).bindparams(*(bindparam(name, type_=views.c[name].type) for name in View._fields))


def drop(tx: Connection, owner: str, name: str) -> bool:
    """Delete it; False where there is none."""
    return tx.execute(_DROP, {"owner": owner, "name": name}).rowcount == 1


_DROP = delete(views).where(views.c.owner == bindparam("owner"), views.c.name == bindparam("name"))
