"""A program as a child process: in a session of its own, so that a signal reaches what it has started, too."""

import fcntl
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from dashboard.cli.captured import WHOLE, Captured
from dashboard.cli.guard import FD_MIN, Guard

# The child writes its id to the guard itself, before it runs the program: the guard can kill it from the first moment.
# Only the shell has the guard's pipe open.
LAUNCH = ("/bin/sh", "-c", 'echo "+$$" >&4; exec 4>&-; exec "$@"', "sh")
REST = 1.0  # seconds that the output of what has left the session is waited for
LINE_MAX = 10_000  # bytes of a line on descriptor 3


class Child:
    """It gets `text` on stdin; each line that it writes to descriptor 3 is given to `on_line`.

    pump() until it has ended, then end().
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        text: bytes,
        guard: Guard,
        on_line: Callable[[str], None],
    ) -> None:
        self.stdout, self.stderr = Captured(WHOLE), Captured()
        self._guard, self._text, self._on_line, self._line = guard, memoryview(text), on_line, b""
        self._selector = selectors.DefaultSelector()
        stdin, ours = os.pipe()
        self._watch(ours, selectors.EVENT_WRITE, self._write)
        theirs = [
            _high(stdin),
            *(self._reader(sink) for sink in (self.stdout.add, self.stderr.add, self._add_progress)),
        ]
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate([*theirs, guard.pipe])]
        try:
            self._pid = os.posix_spawn(
                LAUNCH[0],
                [*LAUNCH, *command],
                environ,
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them
            )
        except OSError:
            self._close()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        if sys.platform == "linux":
            self._watch(os.pidfd_open(self._pid), selectors.EVENT_READ, lambda fd: self._forget(fd))

    def pump(self, seconds: float) -> bool:
        """Read and write for so long at the most, or until something happens; whether it has ended."""
        for key, _ in self._selector.select(seconds):
            key.data(key.fd)
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def signal(self, number: int) -> None:
        """To it and to all that it has started, but for what has left its process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, number)

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

    def _reader(self, sink: Callable[[bytes], None]) -> int:
        """A pipe whose bytes go to `sink`; the end that the child gets."""
        ours, theirs = os.pipe()

        def read(fd: int) -> None:
            if data := os.read(fd, 65_536):
                sink(data)
            else:
                self._forget(fd)

        self._watch(ours, selectors.EVENT_READ, read)
        return _high(theirs)

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


def _high(fd: int) -> int:
    """The same, under a number that is none of those that the child gets; children do not inherit it by itself."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FD_MIN)
    os.close(fd)
    return moved
