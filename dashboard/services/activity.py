"""Keep what people and named tokens do: written in the transaction of what it tells, deleted when it is old."""

from datetime import timedelta
from time import monotonic
from uuid import uuid5

from flask import current_app
from sqlalchemy import Connection

from dashboard.core.activity import Did
from dashboard.core.job import NAMESPACE, utc_now
from dashboard.core.who import Who
from dashboard.database.errors import UNAVAILABLE
from dashboard.database.transactions import asking, write
from dashboard.store import activity

SLICE = 500  # entries that one transaction deletes
EVERY = 3_600.0  # seconds between two looks for old ones


def of_person(tx: Connection, who: Who, did: Did, job_id: str) -> None:
    """Keep it, unless it is what a script does all day."""
    if who.is_person:
        activity.append(tx, who, did, job_id=job_id)


def together(*parts: str | None) -> str:
    """What entries have in common of which one is kept, or which are shown as one."""
    return str(uuid5(NAMESPACE, "\n".join(["activity", *(part or "" for part in parts)])))


def refused(who: Who, what: str) -> None:
    """Keep that the role does not allow it."""
    _refused(who, Did.REFUSED, what)


def sign_in_refused(who: Who) -> None:
    """Keep that a sign-in failed. A name that no user has is left out, because people type passwords there."""
    _refused(who, Did.SIGN_IN_REFUSED, None if who.name else "a name that nobody has")


def _refused(who: Who, did: Did, detail: str | None) -> None:
    """The first of a minute for each name and detail, so that whoever repeats it fills no disk.

    Where that cannot be written it is refused all the same.
    """
    once = together(did, who.name, detail, f"{utc_now():%Y-%m-%d %H:%M}")
    try:
        write(lambda tx: activity.append(tx, who, did, detail=detail, together=once))
    except UNAVAILABLE:
        current_app.logger.exception("A refusal could not be kept")


class Keeper:
    """Deletes what is older than so many days, slice by slice."""

    def __init__(self, days: int) -> None:
        self._kept = timedelta(days=days)
        self._next = 0.0

    def forget(self) -> bool:
        """One round; whether there may be more to delete at once."""
        if monotonic() < self._next:
            return False
        before = utc_now() - self._kept
        with asking() as tx:
            is_any = activity.is_any_before(tx, before)
        if is_any and write(lambda tx: activity.forget(tx, before, SLICE)) == SLICE:
            return True
        self._next = monotonic() + EVERY
        return False


def keeper() -> Keeper:
    """This process's."""
    found: Keeper = current_app.extensions["keeper"]
    return found
