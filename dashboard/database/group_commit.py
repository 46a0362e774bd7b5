"""Writes to SQLite that wait at the same time share one commit."""

from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic, sleep
from typing import Any

from gevent import monkey
from sqlalchemy import Connection, Engine

from dashboard.core.numbers import COMMITS, Numbers
from dashboard.database.blocking import in_thread
from dashboard.database.errors import DatabaseBusyError
from dashboard.database.file_lock import locked
from dashboard.database.pools import connect
from dashboard.database.sqlite import BUSY_TIMEOUT

GROUP_MAX = 100  # writes that share a commit; the others wait for the next one

IN_A_ROW = 5  # commits that hold the connection; then writing() gets its turn

Work = Callable[[Connection], Any]

_RealLock = monkey.get_original("threading", "Lock")


class GroupCommit:
    """SQLite has one writer at a time, and a commit waits for the disk: so writes share commits.

    write() puts a task into a queue. One consumer takes all tasks that wait, does them in one transaction, commits it
    and answers each task; then it takes those that have come meanwhile. The consumer is a greenlet (a thread, where
    the service runs in threads) that starts with the first task and ends when none is left.
    """

    def __init__(self, engine: Engine, path: str, numbers: Numbers) -> None:
        """Write by the one connection of this engine's pool; `path` is the file of the lock between processes."""
        self._engine = engine
        self._path = path
        self._numbers = numbers
        self._tasks: deque[_Task] = deque()
        self._is_consumed = False
        self._lock = _RealLock()  # of the two above, for a moment at a time

    @property
    def waiting(self) -> int:
        """How many writes wait for the next commit."""
        return len(self._tasks)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with connect(self._engine) as connection, self._transaction_on(connection):
            yield connection
        self._numbers.add(COMMITS, 1, 1)

    @contextmanager
    def _transaction_on(self, connection: Connection) -> Iterator[None]:
        until = monotonic() + BUSY_TIMEOUT / 1000
        with locked(self._path, until):
            connection.info["writes_until"] = until
            with connection.begin() as transaction:
                yield
                in_thread(transaction.commit)  # it waits for the disk

    def write(self, work: Work, undone: Callable[[], None], one_statement: bool) -> Any:
        """Do the work in the next commit and return its result; call `undone` where that fails."""
        task = (_OneStatement if one_statement else _Task)(work, undone)
        with self._lock:
            self._tasks.append(task)
            starts, self._is_consumed = not self._is_consumed, True
        if starts:
            start_new_thread(self._consume, ())
        return task.result()

    def _consume(self) -> None:
        while self._has_tasks():
            self._commit_in_a_row()
            sleep(0)  # writing() gets its turn

    def _has_tasks(self) -> bool:
        with self._lock:
            self._is_consumed = bool(self._tasks)
            return self._is_consumed

    def _commit_in_a_row(self) -> None:
        """Commit with one checkout of the connection, which costs 30 µs, until no task is left."""
        taken: list[_Task] = []
        try:
            with connect(self._engine) as connection:
                for _ in range(IN_A_ROW):
                    self._commit_together(connection, taken)
                    if not self._tasks:
                        break
                    _finish(taken)
                    sleep(0)  # requests that are about to write come along
        except BaseException as error:
            taken = taken or self._take_all()  # it could not begin, and could not for them
            for task in taken:
                task.undo(error)
        _finish(taken)  # the last ones when the connection is returned: a request that was answered leaves nothing open

    def _commit_together(self, connection: Connection, taken: "list[_Task]") -> None:
        """Do the tasks that wait in one transaction; they are added to `taken`, and not finished yet."""
        with self._transaction_on(connection):
            while self._tasks and len(taken) < GROUP_MAX:
                taken.append(self._tasks.popleft())
                taken[-1].run(connection)
        self._numbers.add(COMMITS, 1, len(taken))

    def _take_all(self) -> "list[_Task]":
        return [self._tasks.popleft() for _ in range(len(self._tasks))]


def _finish(taken: "list[_Task]") -> None:
    for task in taken:
        task.finish()
    taken.clear()


class _Task:
    """Work that carries its reply."""

    def __init__(self, work: Work, undone: Callable[[], None]) -> None:
        self._work = work
        self._undone = undone
        self._result: Any = None
        self._error: BaseException | None = None
        self._is_cancelled = False
        self._running = Lock()  # until it is finished: a fifth of the cost of an Event
        self._running.acquire()

    def result(self) -> Any:
        """Wait until the consumer is done with it."""
        try:
            self._running.acquire()
        except BaseException:  # this greenlet is cancelled
            self._is_cancelled = True
            raise
        if self._error:
            raise self._error
        return self._result

    def run(self, tx: Connection) -> None:
        """Do the work, or leave no trace of it; raises what makes the whole transaction fail."""
        if self._is_cancelled:
            return
        driver: Any = tx.connection.dbapi_connection
        try:
            self._do(tx, driver)
        except Exception as error:
            self._error = error
            if tx.invalidated or not driver.in_transaction or not self._rolled_back(driver):
                raise
            self._fail(error)

    def _do(self, tx: Connection, driver: Any) -> None:
        driver.execute("SAVEPOINT task")
        self._result = self._work(tx)
        driver.execute("RELEASE task")

    def _rolled_back(self, driver: Any) -> bool:
        driver.execute("ROLLBACK TO task")
        driver.execute("RELEASE task")
        return True

    def undo(self, error: BaseException) -> None:
        """Its transaction failed by this error, which only the task that raised it raises again."""
        if self._error is not error:
            self._error = DatabaseBusyError()
            self._error.__cause__ = error
        self._fail(self._error)

    def _fail(self, error: BaseException) -> None:
        self._error = error
        try:
            self._undone()
        except Exception as another:  # the consumer must go on
            self._error = another

    def finish(self) -> None:
        self._running.release()


class _OneStatement(_Task):
    """Work of one statement, which SQLite undoes by itself where it fails: a savepoint would be for nothing."""

    def _do(self, tx: Connection, driver: Any) -> None:
        self._changes = driver.total_changes
        self._result = self._work(tx)

    def _rolled_back(self, driver: Any) -> bool:
        return bool(driver.total_changes == self._changes)
