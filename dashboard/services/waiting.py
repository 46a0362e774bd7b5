"""Requests that wait: a claim for a job of its types, a reader for the end of a job.

A waiting request holds no connection and no transaction. One greenlet a process, which lives while some request
waits, looks whether anything changed and wakes the requests that it concerns, one after another in the order of their
arrival: so one new job costs one claim, not one for each that waits. What this process writes it is told of at once.
"""

from collections.abc import Callable, Sequence
from threading import Event, Thread
from time import monotonic
from typing import TypeVar

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from dashboard.database.errors import DatabaseBusyError
from dashboard.database.transactions import asking
from dashboard.database.watch import Watch
from dashboard.store import claims, runs

WAITING_MAX = 1_000  # requests a process; a further one is answered at once
ANSWER_WITHIN = 5.0  # seconds that a woken request may take before the next one is woken

T = TypeVar("T")


def room() -> "WaitingRoom":
    """This process's."""
    room: WaitingRoom = current_app.extensions["waiting"]
    return room


class _Waiter:
    def __init__(self, types: Sequence[str], job_id: str | None) -> None:
        self.types = frozenset(types)
        self.job_id = job_id
        self.woken = Event()
        self.tried = Event()
        self.got = False


class WaitingRoom:
    """Of one process."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._waiting: list[_Waiter] = []
        self._changed = Event()
        self._is_draining = False
        self._is_watched = False

    def __len__(self) -> int:
        return len(self._waiting)

    def wait_for_job(
        self, attempt: Callable[[], T | None], types: Sequence[str], seconds: float, is_there: Callable[[], bool]
    ) -> T | None:
        """What `attempt` claims, now or within so many seconds; None when there is nothing.

        Before each later attempt `is_there` says whether the client still is.
        """
        return self._wait(_Waiter(types, None), attempt, seconds, is_there)

    def wait_for_end(self, job_id: str, seconds: float) -> None:
        """Return when the job is finished, or after so many seconds."""
        with asking() as tx:
            if runs.finished(tx, [job_id]):
                return
        self._wait(_Waiter((), job_id), lambda: None, seconds, lambda: True)

    def nudge(self) -> None:
        """This process has committed something that may make a job ready or end one."""
        if self._waiting:
            self._changed.set()

    def drain(self) -> None:
        """Answer every waiting request now, and let no further one wait. May be called by a signal's handler."""
        self._is_draining = True

    def _wait(
        self, waiter: _Waiter, attempt: Callable[[], T | None], seconds: float, is_there: Callable[[], bool]
    ) -> T | None:
        until = monotonic() + seconds
        if (got := attempt()) or seconds <= 0 or self._is_draining or len(self._waiting) >= WAITING_MAX:
            return got
        self._waiting.append(waiter)
        self._begin_to_watch()
        try:
            while waiter.woken.wait(max(0.0, until - monotonic())) and not self._is_draining and is_there():
                if waiter.job_id:
                    return None
                waiter.woken.clear()
                if got := attempt():
                    waiter.got = True
                    return got
                waiter.tried.set()
            return None
        finally:
            self._waiting.remove(waiter)
            waiter.tried.set()

    def _begin_to_watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            Thread(target=self._watch, name="waiting room", daemon=True).start()

    def _watch(self) -> None:
        with self._app.app_context():
            watch = Watch()
            try:
                self._changed.set()  # what was committed between the first request's attempt and now
                while self._waiting:
                    is_told = self._changed.wait(watch.interval)
                    self._changed.clear()
                    if self._is_draining:
                        for waiter in self._waiting:
                            waiter.woken.set()
                        self._changed.wait(watch.interval)
                        continue
                    try:
                        if watch.has_changed() or is_told:
                            self._wake()
                    except (SQLAlchemyError, DatabaseBusyError):
                        continue  # the requests themselves are told, when they try
            finally:
                watch.close()
                self._is_watched = False

    def _wake(self) -> None:
        readers = [waiter for waiter in self._waiting if waiter.job_id]
        claimers = [waiter for waiter in self._waiting if not waiter.job_id]
        with asking() as tx:
            finished = runs.finished(tx, [waiter.job_id for waiter in readers if waiter.job_id]) if readers else set()
            wanted = sorted({name for waiter in claimers for name in waiter.types})
            ready = claims.ready_types(tx, wanted) if wanted else set()
            is_any = bool(claimers) and claims.is_any_ready(tx)
        for waiter in readers:
            if waiter.job_id in finished:
                waiter.woken.set()
        for waiter in claimers:
            if not (waiter.types & ready if waiter.types else is_any):
                continue
            waiter.tried.clear()
            waiter.woken.set()
            waiter.tried.wait(ANSWER_WITHIN)
            if not waiter.got:  # or its client has gone, and then the next one may find it
                with asking() as tx:
                    ready = claims.ready_types(tx, wanted) if wanted else set()
                    is_any = claims.is_any_ready(tx)
