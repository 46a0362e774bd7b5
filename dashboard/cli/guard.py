"""A process that kills the programs of a `jobqueue work` that was killed: they would go on with jobs that others get.

It reads the ids of process groups from a pipe, `+123` of one that has begun and `-123` of one that has ended. The pipe
ends with the last of those who can write to it: `jobqueue work`, and programs that have not written their id yet.
"""

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import suppress

FD_MIN = 10  # of what is handed down: the smaller ones are those that a program gets


class Guard:
    """The process, and the pipe to it; the process ends with the block."""

    def __enter__(self) -> "Guard":
        reads, writes = os.pipe()
        command = [sys.executable, "-I", __file__]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=reads, stdout=quiet, stderr=quiet, start_new_session=True)  # noqa: S603
        os.close(reads)
        self.pipe = fcntl.fcntl(writes, fcntl.F_DUPFD_CLOEXEC, FD_MIN)
        os.close(writes)
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.pipe)
        self._process.wait()

    def has_ended(self, group: int) -> None:
        with suppress(BrokenPipeError):
            os.write(self.pipe, f"-{group}\n".encode())


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
