"""A program as a child process: in a session of its own, so that a signal reaches what it has started, too."""

import errno
import fcntl
import os
import selectors
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from dashboard.cli.captured import WHOLE, Captured
from dashboard.cli.guard import Guard, signal_session

FD_MIN = 10  # of what is handed down: the smaller ones are those that a program gets
REST = 1.0  # seconds that the output of what has left the session is waited for
LINE_MAX = 10_000  # bytes of a line on descriptor 3


class Child:
    """It gets `text` on stdin; each line that it writes to descriptor 3 is given to `on_line`.

    pump() until it has ended, then end(). Raises OSError where it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        entry: str,
        text: bytes,
        guard: Guard,
        on_line: Callable[[str], None],
    ) -> None:
        """`entry` is the one of its environment by which the guard knows it until it has a session."""
        self.stdout, self.stderr = Captured(WHOLE), Captured()
        self._guard, self._text, self._on_line, self._line = guard, memoryview(text), on_line, b""
        self._selector = selectors.DefaultSelector()
        theirs: list[int] = []  # the ends of pipes that it gets as 0, 1, 2 and 3
        try:
            self._pipe(theirs, selectors.EVENT_WRITE, self._write)
            for sink in (self.stdout.add, self.stderr.add, self._add_progress):
                self._pipe(theirs, selectors.EVENT_READ, self._reader(sink))
            self._pid = guard.begin(f"{entry}={environ[entry]}", lambda: _spawn(command, environ, theirs))
        except BaseException:
            self._close()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        if sys.platform == "linux":
            with suppress(OSError):  # too few descriptors: its end is seen a little later
                self._watch(os.pidfd_open(self._pid), selectors.EVENT_READ, lambda fd: self._forget(fd))

    def pump(self, seconds: float) -> bool:
        """Read and write for so long at the most, or until something happens; whether it has ended."""
        for key, _ in self._selector.select(seconds):
            key.data(key.fd)
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def signal(self, number: int) -> None:
        """To it and to all that it has started, but for what has left its session."""
        signal_session(self._pid, number)

    def end(self) -> int:
        """Kill what it left behind, and read the rest; its exit status, or minus the signal that killed it."""
        self.signal(signal.SIGKILL)  # it is not reaped yet, so no other process has got its id
        until = time.monotonic() + REST
        while self._readers() and (left := until - time.monotonic()) > 0:
            self.pump(left)
        self._close()
        self._guard.has_ended(self._pid)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    # ---- Pipes

    def _pipe(self, theirs: list[int], event: int, act: Callable[[int], None]) -> None:
        """One whose other end is added to `theirs`, under a number that is none of those that the child gets."""
        reads, writes = os.pipe()
        ours, its = (writes, reads) if event == selectors.EVENT_WRITE else (reads, writes)
        theirs.append(its)
        self._watch(ours, event, act)
        theirs[-1] = fcntl.fcntl(its, fcntl.F_DUPFD_CLOEXEC, FD_MIN)
        os.close(its)

    def _reader(self, sink: Callable[[bytes], None]) -> Callable[[int], None]:
        def read(fd: int) -> None:
            if data := os.read(fd, 65_536):
                sink(data)
            else:
                self._forget(fd)

        return read

    def _watch(self, fd: int, event: int, act: Callable[[int], None]) -> None:
        os.set_blocking(fd, False)
        self._selector.register(fd, event, act)

    def _forget(self, fd: int) -> None:
        self._selector.unregister(fd)
        os.close(fd)

    def _readers(self) -> bool:
        return any(key.events == selectors.EVENT_READ for key in self._selector.get_map().values())

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            self._forget(key.fd)
        self._selector.close()

    def _write(self, fd: int) -> None:
        with suppress(BrokenPipeError):  # it does not read it
            self._text = self._text[os.write(fd, self._text) :] if self._text else self._text
            if self._text:
                return
        self._forget(fd)

    def _add_progress(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[:LINE_MAX]
        for line in lines:
            self._on_line(line.decode(errors="replace"))


def _spawn(command: Sequence[str], environ: Mapping[str, str], fds: Sequence[int]) -> int:
    """Its id. It gets these descriptors as 0, 1 and so on, and no other."""

    def spawn(program: str, *arguments: str) -> int:
        return os.posix_spawnp(
            program,
            [program, *arguments],
            environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them
        )

    try:
        return spawn(*command)
    except OSError as error:
        path = shutil.which(command[0])
        if error.errno != errno.ENOEXEC or path is None:
            raise
        return spawn("/bin/sh", path, *command[1:])  # a script that does not say by what, as shells run it
