"""What a process waits for so that others of it are served meanwhile: a thread, and its turn by a lock on a file."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from time import monotonic

from gevent import get_hub, monkey

from dashboard.database.errors import DatabaseBusyError

LOOK_AGAIN = 0.0002  # seconds: a process waits for another's commit, which takes about as long


def in_thread(function: Callable[..., None], *arguments: object) -> None:
    """Call what waits so that others can be served: where they are greenlets, a real thread waits."""
    if not monkey.is_module_patched("threading"):
        function(*arguments)
        return
    running = get_hub().threadpool.spawn(_error_of, function, *arguments)
    error: BaseException | None = None
    while not running.ready():
        try:
            running.wait()
        except BaseException as killed:  # not before the thread is done with what it uses
            error = killed
    if error := error or running.get():
        raise error


def _error_of(function: Callable[..., None], *arguments: object) -> Exception | None:
    """gevent prints what a thread raises; where nothing can be printed, nobody would ever hear of it."""
    try:
        function(*arguments)
    except Exception as error:
        return error
    return None


@contextmanager
def locked(path: str, until: float) -> Iterator[None]:
    """Hold this file's lock, waiting so that others can be served. Without the file it works, and waits longer."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        yield
        return
    try:
        if not _lock(file):
            in_thread(_wait_for, file, until)
        yield
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without such locks
        return True
    return True


def _wait_for(file: int, until: float) -> None:
    sleep_in_thread = monkey.get_original("time", "sleep")
    while not _lock(file):
        if monotonic() > until:
            raise DatabaseBusyError
        sleep_in_thread(LOOK_AGAIN)
