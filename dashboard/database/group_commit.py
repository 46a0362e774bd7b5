"""Those of one process who write take turns; on SQLite, those who wait for the same turn commit together."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic, sleep
from typing import Any

from gevent import monkey
from sqlalchemy import Connection, Engine

from dashboard.database.blocking import in_thread
from dashboard.database.errors import DatabaseBusyError
from dashboard.database.file_lock import locked
from dashboard.database.pools import connect
from dashboard.database.sqlite import BUSY_TIMEOUT

GROUP_MAX = 100  # writes that one commit takes along; who comes later waits for the next

Work = Callable[[Connection], Any]


class GroupCommit:
    """SQLite has one writer at a time, whose commit waits for the disk. So those who wait meanwhile share the next one.

    One of them leads: he does the work of all who wait, commits it, wakes them, and has the next one lead. Processes
    take turns by a lock on a file, for which one waits in slices as short as a commit; SQLite's own begin at 1 ms and
    grow.
    """

    def __init__(self, engine: Engine, path: str) -> None:
        self._engine = engine
        self._path = path
        self._waiting: deque[_Request] = deque()
        self._is_led = False
        self._lock = _RealLock()  # of the two above; nobody waits while he has it

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        until = monotonic() + BUSY_TIMEOUT / 1000
        with connect(self._engine) as connection, locked(self._path, until):
            connection.execution_options(writes_until=until)
            with connection.begin() as transaction:
                yield connection
                in_thread(transaction.commit)  # it waits for the disk

    def write(self, work: Work, undone: Callable[[], None], _one_statement: bool) -> Any:
        request = _Request(work, undone)
        with self._lock:
            self._waiting.append(request)
            leads, self._is_led = not self._is_led, True
        if leads or self._is_to_lead(request):
            self._lead()
        return request.answer()

    def _is_to_lead(self, request: "_Request") -> bool:
        try:
            return request.is_to_lead()
        except BaseException:  # he is killed: nobody may wait for him
            with self._lock:
                if request in self._waiting:
                    self._waiting.remove(request)
                if request.to_lead:
                    self._hand_on()
            raise

    def _lead(self) -> None:
        taken: list[_Request] = []
        try:
            sleep(0)  # who is about to write can come along
            with self.transaction() as tx:
                while self._waiting and len(taken) < GROUP_MAX:
                    taken.append(self._waiting.popleft())
                    taken[-1].do(tx)
        except BaseException as error:
            taken = taken or self._take_all()  # it could not even begin, and would not for them
            for request in taken:
                request.undo(error)
            if not isinstance(error, Exception):
                raise
        finally:
            for request in taken:
                request.wake()
            with self._lock:
                self._hand_on()

    def _hand_on(self) -> None:
        self._is_led = bool(self._waiting)
        if self._is_led:
            self._waiting[0].wake(to_lead=True)

    def _take_all(self) -> "list[_Request]":
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


_RealLock = monkey.get_original("threading", "Lock")


class _Request:
    """Work that waits for its transaction, and what came of it."""

    def __init__(self, work: Work, undone: Callable[[], None]) -> None:
        self._work = work
        self._undone = undone
        self._result: Any = None
        self._error: BaseException | None = None
        self._asleep = Lock()  # until somebody releases it: a fifth of what an Event costs
        self._asleep.acquire()
        self.to_lead = False

    def do(self, tx: Connection) -> None:
        """Do it, or leave no trace of it. Raises what leaves the whole transaction in doubt."""
        driver: Any = tx.connection.dbapi_connection
        before = driver.total_changes
        try:
            self._result = self._work(tx)
        except Exception as error:
            self._error = error
            if tx.invalidated or not driver.in_transaction or driver.total_changes != before:
                raise
            self._undone()

    def undo(self, error: BaseException) -> None:
        """Its transaction failed by this error. Only the request whose work raised it raises it again."""
        if self._error is not error:
            self._error = DatabaseBusyError()
            self._error.__cause__ = error
        self._undone()

    def wake(self, to_lead: bool = False) -> None:
        self.to_lead = to_lead
        self._asleep.release()

    def is_to_lead(self) -> bool:
        """Wait until it is done, or until it is its turn to lead."""
        self._asleep.acquire()
        return self.to_lead

    def answer(self) -> Any:
        if self._error:
            raise self._error
        return self._result
