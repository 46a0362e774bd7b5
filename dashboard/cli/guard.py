"""A process that kills the programs of a `jobqueue work` that was killed: they would go on with jobs that others get.

It reads lines from a pipe: `?4a4f` before a program begins (an entry of its environment, in hexadecimal), `+123` once
it has begun (its session), `-123` when that has ended. The pipe ends with `jobqueue work`; a program that is just being
started has a copy of it until it is there. Then all that is in the sessions that are left is killed.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PAUSE = 1.0  # seconds until the next try, where the process cannot be started


class Guard:
    """The process, and the pipe to it; the process ends with the block. One that was killed is started anew."""

    def __enter__(self) -> "Guard":
        self._changed = threading.Condition()  # of what follows
        self._sessions: set[int] = set()
        self._pipe: int | None = None
        self._is_over = False
        self._start()
        self._watcher = threading.Thread(target=self._watch, name="jobqueue guard", daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
            self._close()
        self._watcher.join()

    def begin(self, entry: str, start: Callable[[], int]) -> int:
        """Start a program, whose environment has this entry and which leads a session; the session's id."""
        with self._changed:
            self._tell(f"?{os.fsencode(entry).hex()}")
            session = start()
            self._sessions.add(session)
            self._tell(f"+{session}")
        return session

    def has_ended(self, session: int) -> None:
        with self._changed:
            self._sessions.discard(session)
            self._tell(f"-{session}")

    def _start(self) -> None:
        reads, self._pipe = os.pipe()
        command, quiet = [sys.executable, "-I", __file__], subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(command, stdin=reads, stdout=quiet, stderr=quiet, start_new_session=True)  # noqa: S603
        except OSError:
            self._close()
            raise
        finally:
            os.close(reads)
        for session in self._sessions:
            self._tell(f"+{session}")

    def _close(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = None

    def _tell(self, line: str) -> None:
        if self._pipe is not None:
            with suppress(BrokenPipeError):  # the guard was killed; the next guard gets the list of all sessions
                os.write(self._pipe, f"{line}\n".encode())

    def _watch(self) -> None:
        while True:
            self._process.wait()
            with self._changed:
                self._close()
                while not self._is_over and not self._is_started():
                    self._changed.wait(PAUSE)
                if self._is_over:
                    return

    def _is_started(self) -> bool:
        with suppress(OSError):
            self._start()
        return self._pipe is not None


def signal_session(session: int, number: int) -> None:
    """To all processes of a session; where the system does not tell which these are, to those of its first group."""
    told: set[int] = set()
    groups = {session}
    while groups:  # those that begin meanwhile, too
        for group in groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        told |= groups
        groups = {group for _, its_session, group in _processes() if its_session == session} - told


def _processes() -> list[tuple[int, int, int]]:
    """The id, the session and the group of each, as far as Linux tells."""
    found = []
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()] if sys.platform == "linux" else []:
        with suppress(ProcessLookupError, PermissionError):
            found.append((pid, os.getsid(pid), os.getpgid(pid)))
    return found


def _begun_with(entry: bytes) -> set[int]:
    """The sessions of the processes whose environment has this entry."""
    found = set()
    for pid, session, _ in _processes():
        with suppress(OSError):
            if entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.add(session)
    return found


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions: set[int] = set()
    begins = b""
    for line in sys.stdin:
        sign, value = line[0], line[1:]
        if sign == "?":
            begins = bytes.fromhex(value)
        elif sign == "+":
            begins = b""
            sessions.add(int(value))
        else:
            sessions.discard(int(value))
    if begins:
        sessions |= _begun_with(begins)
    for session in sessions:
        signal_session(session, signal.SIGKILL)


if __name__ == "__main__":
    main()
