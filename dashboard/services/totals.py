"""Keep the totals, which the counters of /metrics are: off the path of requests, once an hour, by any process.

They are made of minutes that no look counts anew. The newest two may still change, and what is counted may become less
in them, as when a job that has just ended is deleted: a counter that goes down would be taken for one that began at
zero. So a counter is one to two minutes behind.
"""

from flask import current_app
from sqlalchemy import Connection

from dashboard.core.job import utc_now
from dashboard.core.minutes import ALL, COLUMNS, HOUR, MINUTE, Sum
from dashboard.database.transactions import asking, write
from dashboard.store import minutes
from dashboard.store import totals as store


class Known:
    """What this process knows of the totals, so that it looks once an hour."""

    def __init__(self) -> None:
        self.hour = 0  # the last that is in them


def keep() -> bool:
    """Add the hours that are closed. Returns whether it did."""
    known: Known = current_app.extensions["totals"]
    if minutes.minute_of(utc_now()) - MINUTE < known.hour + HOUR:
        return False
    with asking() as tx:
        closed, found = _closed(minutes.state(tx)), store.hour(tx)
    if found is not None:
        known.hour = found
    end = closed // HOUR * HOUR
    if found is not None and end <= found:
        return False
    known.hour = write(lambda tx: _add(tx, end))
    return True


def _add(tx: Connection, end: int) -> int:
    minutes.lock(tx)
    found = store.hour(tx)
    if found is None:
        store.replace(tx, store.Totals(end, {ALL: [0] * len(COLUMNS)}))
    elif found < end:
        store.replace(tx, store.until(tx, found, end)._replace(hour=end))
    return end if found is None else max(found, end)


def sums(tx: Connection) -> dict[str, Sum]:
    """All that was counted, by type; empty where no process keeps the totals yet."""
    found = store.hour(tx)
    return {} if found is None else store.until(tx, found, _closed(minutes.state(tx))).sums()


def _closed(state: minutes.State) -> int:
    """The minute before which all are closed."""
    return state.minute - MINUTE
