"""Once a second in each process: settles what has become due, counts the minutes, deletes what is kept no longer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import random
from threading import Thread
from time import monotonic, sleep

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from dashboard.database import clock
from dashboard.database.errors import DatabaseBusyError
from dashboard.database.transactions import asking, write
from dashboard.services import minutes, pause, totals, verdict
from dashboard.services.activity import keeper
from dashboard.services.claims import this_grace
from dashboard.services.retention import retention
from dashboard.services.settle import settle
from dashboard.store import due

INTERVAL = 1.0  # seconds
PAUSE = 0.01  # seconds between two slices, for other requests
ROUND = 1.0  # seconds for which jobs are deleted: then what has become due is settled


def start(app: Flask) -> None:
    """Keep house beside the requests of this process; under gevent that is a greenlet."""
    Thread(target=run, args=(app,), name="housekeeper", daemon=True).start()


def run(app: Flask, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Keep house until the process ends. A round that fails is tried again with the next one."""
    while not is_stopped():
        sleep(INTERVAL * (0.75 + random() / 2))  # noqa: S311
        with app.app_context():
            keep(app)
            look(app)
            count(app)
            forget(app)
            app.extensions["traffic"].count()


def keep(app: Flask) -> int:
    """One round; returns how many jobs were settled. Where the database is away the time of grace begins again."""
    grace, total = this_grace(), 0
    try:
        while True:
            with asking() as tx:
                if not due.is_due(tx, sweeps=grace.is_over_at(clock.now(tx))):
                    return total
            settled = write(lambda tx: settle(tx, grace))
            total += settled
            if not settled:
                return total  # another process was faster
            sleep(PAUSE)
    except (SQLAlchemyError, DatabaseBusyError) as error:
        app.logger.exception("The housekeeper could not reach the database; it tries again")
        app.extensions["numbers"].failed(error)
        grace.begin()
        return total


@contextmanager
def _tried_again(app: Flask, what: str) -> Iterator[None]:
    """A round that fails is logged, and tried again with the next one."""
    try:
        yield
    except (SQLAlchemyError, DatabaseBusyError) as error:
        app.logger.exception(f"The housekeeper could not {what}; it tries again")
        app.extensions["numbers"].failed(error)


def look(app: Flask) -> None:
    """Learn what the pages tell of without asking: whether claims are paused, and whether the queue is healthy."""
    with _tried_again(app, "see whether claims are paused"):
        pause.look()
    with _tried_again(app, "see whether the queue is healthy"):
        verdict.renew()


def count(app: Flask) -> None:
    """Count what happened, until nothing is left to count now."""
    with _tried_again(app, "count the last minutes"):
        is_behind = True
        while is_behind:
            is_behind = minutes.keep()
            while totals.keep():
                sleep(PAUSE)


def forget(app: Flask) -> None:
    """Delete what is kept no longer: activity, and finished jobs."""
    with _tried_again(app, "delete old activity"):
        while keeper().forget():
            sleep(PAUSE)
    until = monotonic() + ROUND
    with _tried_again(app, "delete old jobs"):
        while retention().sweep() and monotonic() < until:
            sleep(PAUSE)
