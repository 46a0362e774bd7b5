"""Requests that wait: a claim for a job of its types, a reader for the end of a job.

A waiting request holds no connection and no transaction. One greenlet a process, which lives while some request
waits, looks whether anything changed and wakes the requests that it concerns, one after another in the order of their
arrival: so one new job costs one claim, not one for each that waits. What this process writes it is told of at once.
"""

from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import TypeVar

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from dashboard.core.numbers import WAITING, Numbers
from dashboard.database.errors import DatabaseBusyError
from dashboard.database.transactions import asking
from dashboard.database.watch import Watch
from dashboard.store import claims, full_jobs

WAITING_MAX = 1_000  # requests a process; a further one is answered at once
ANSWER_WITHIN = 5.0  # seconds that a woken request may take before the next one is woken
PAUSE = 0.005  # seconds between two looks, however much this process writes

T = TypeVar("T")


def room() -> "WaitingRoom":
    """This process's."""
    room: WaitingRoom = current_app.extensions["waiting"]
    return room


class _Waiter:
    def __init__(self, types: Sequence[str], job_id: str | None) -> None:
        self.types = frozenset(types)
        self.job_id = job_id  # of a reader; a claim has none
        self.woken = Event()
        self.tried = Event()
        self.waits = False  # after its first attempt
        self.got = False


class WaitingRoom:
    """Of one process."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._numbers: Numbers = app.extensions["numbers"]
        self._waiting: list[_Waiter] = []
        self._changed = Event()
        self._is_draining = False
        self._is_watched = False
        self._lock = Lock()  # of the last one, for a moment at a time

    def __len__(self) -> int:
        """How many have found nothing and wait."""
        return sum(waiter.waits for waiter in self._waiting)

    def wait_for_job(
        self, attempt: Callable[[], T | None], types: Sequence[str], seconds: float, is_there: Callable[[], bool]
    ) -> T | None:
        """What `attempt` claims, now or within so many seconds; None when there is nothing.

        Before each later attempt `is_there` says whether the client still is.
        """
        return self._wait(types, None, attempt, seconds, is_there)

    def wait_for_end(self, job_id: str, seconds: float) -> None:
        """Return when the job is finished, or after so many seconds."""

        def is_finished() -> bool:
            with asking() as tx:
                return bool(full_jobs.finished(tx, [job_id]))

        self._wait((), job_id, is_finished, seconds, lambda: True)

    def nudge(self) -> None:
        """This process has committed something: it may make a job ready, or end one."""
        if self._waiting:
            self._changed.set()

    def drain(self) -> None:
        """Answer every waiting request now, and let no further one wait. May be called by a signal's handler."""
        self._is_draining = True

    def _wait(
        self,
        types: Sequence[str],
        job_id: str | None,
        attempt: Callable[[], T | None],
        seconds: float,
        is_there: Callable[[], bool],
    ) -> T | None:
        if seconds <= 0 or self._is_draining or len(self._waiting) >= WAITING_MAX:
            return attempt()
        waiter = _Waiter(types, job_id)
        until = monotonic() + seconds
        self._waiting.append(waiter)  # before the first attempt: what is committed during it wakes this one
        try:
            if got := attempt():
                return got
            waiter.waits = True
            self._count(waiter, 1)
            self._begin_to_watch()
            while waiter.woken.wait(max(0.0, until - monotonic())) and not self._is_draining and is_there():
                waiter.woken.clear()
                if got := attempt():
                    waiter.got = True
                    return got
                waiter.tried.set()
            return None
        finally:
            self._waiting.remove(waiter)
            if waiter.waits:
                self._count(waiter, -1)
            waiter.tried.set()

    def _count(self, waiter: _Waiter, number: int) -> None:
        if not waiter.job_id:
            self._numbers.add(WAITING, number)

    def _begin_to_watch(self) -> None:
        with self._lock:
            begins, self._is_watched = not self._is_watched, True
        if begins:
            self._changed.set()  # what was committed during the first attempt
            Thread(target=self._watch, name="waiting room", daemon=True).start()

    def _is_needed(self) -> bool:
        with self._lock:
            self._is_watched = bool(self._waiting)
            return self._is_watched

    def _watch(self) -> None:
        with self._app.app_context():
            watch = Watch()
            try:
                while self._is_needed():
                    is_told = self._changed.wait(watch.interval)
                    self._changed.clear()
                    if self._is_draining:
                        self._wake_all()
                    else:
                        self._look(watch, is_told)
                    sleep(PAUSE)
            finally:
                watch.close()

    def _wake_all(self) -> None:
        for waiter in self._waiting:
            waiter.woken.set()

    def _look(self, watch: Watch, is_told: bool) -> None:
        try:
            if watch.has_changed() or is_told:
                self._wake()
        except (SQLAlchemyError, DatabaseBusyError):
            return  # the requests themselves are told, when they try

    def _wake(self) -> None:
        readers = [waiter for waiter in self._waiting if waiter.job_id]
        claimers = [waiter for waiter in self._waiting if not waiter.job_id]
        if readers:
            with asking() as tx:
                finished = full_jobs.finished(tx, [waiter.job_id for waiter in readers if waiter.job_id])
            for waiter in readers:
                if waiter.job_id in finished:
                    waiter.woken.set()
        if not claimers:
            return
        types, is_any = _ready(claimers)
        for waiter in claimers:
            if not (waiter.types & types if waiter.types else is_any):
                continue
            waiter.tried.clear()
            waiter.woken.set()
            self._let_try(waiter)
            if self._is_draining:
                return
            if not waiter.got:  # or its client has gone, and then the next one may find it
                types, is_any = _ready(claimers)

    def _let_try(self, waiter: _Waiter) -> None:
        until = monotonic() + ANSWER_WITHIN
        while not (waiter.tried.wait(0.05) or self._is_draining or monotonic() > until):
            pass


def _ready(claimers: Sequence[_Waiter]) -> tuple[set[str], bool]:
    """Of which of their types there are jobs to claim, and whether there is any job, where some of them take any."""
    wanted = sorted({name for waiter in claimers for name in waiter.types})
    takes_any = any(not waiter.types for waiter in claimers)
    with asking() as tx:
        return claims.ready_types(tx, wanted) if wanted else set(), takes_any and claims.is_any_ready(tx)
