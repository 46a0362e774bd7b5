"""Pause and resume all claims. The pause is a row in the database, which each claim reads by its own statement."""

from time import monotonic

from flask import current_app
from sqlalchemy import Connection

from dashboard.core.activity import Did
from dashboard.core.job import utc_now
from dashboard.core.pause import Pause
from dashboard.core.who import Who
from dashboard.database.transactions import asking, write
from dashboard.store import activity
from dashboard.store import pause as store

LASTS = 5.0  # seconds that what a process knows is good for; the housekeeper looks once a second


class Known:
    """What this process knows, so that no page costs a statement more."""

    def __init__(self) -> None:
        self.pause: Pause | None = None
        self._until = 0.0

    @property
    def is_old(self) -> bool:
        return monotonic() > self._until

    def learn(self, pause: Pause | None) -> None:
        self.pause = pause
        self._until = monotonic() + LASTS


def known() -> Known:
    found: Known = current_app.extensions["pause"]
    return found


def look() -> None:
    """Ask the database."""
    with asking() as tx:
        found = store.get(tx)
    known().learn(found)


def look_if_old() -> None:
    """The same where this process has not for long: one without a housekeeper."""
    if known().is_old:
        look()


def begin(who: Who, reason: str | None) -> Pause:
    """Pause claims; the pause as it is then: the first one, where they were paused already."""

    def work(tx: Connection) -> Pause:
        new = Pause(who.name, utc_now(), reason)
        if store.begin(tx, new):
            activity.append(tx, who, Did.PAUSE, detail=reason)
            return new
        return store.get(tx) or new

    found = write(work)
    known().learn(found)
    return found


def end(who: Who) -> None:
    """Let claims go on."""

    def work(tx: Connection) -> None:
        if store.end(tx):
            activity.append(tx, who, Did.RESUME)

    write(work)
    known().learn(None)
