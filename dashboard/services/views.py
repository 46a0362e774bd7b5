"""Keep and delete saved views. What all share is everybody's business, so an entry of activity tells of it."""

from sqlalchemy import Connection

from dashboard.core.activity import Did
from dashboard.core.view import SHARED, VIEWS_MAX, View
from dashboard.core.who import Who
from dashboard.database.transactions import write
from dashboard.store import activity, views


def keep(who: Who, view: View) -> bool:
    """Keep it, in the place of the one of this name; False where its owner has VIEWS_MAX others."""

    def work(tx: Connection) -> bool:
        if views.number_of_others(tx, view) >= VIEWS_MAX:
            return False
        views.keep(tx, view)
        if view.owner == SHARED:
            activity.append(tx, who, Did.SHARE_VIEW, detail=view.name)
        return True

    return write(work)


def drop(who: Who, owner: str, name: str) -> None:
    """Delete it, if it is there."""

    def work(tx: Connection) -> None:
        if views.drop(tx, owner, name) and owner == SHARED:
            activity.append(tx, who, Did.DELETE_VIEW, detail=name)

    write(work)
