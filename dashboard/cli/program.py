"""A job done by a program: what it is given, when it is stopped, and what its end means."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from dashboard.cli.child import Child
from dashboard.cli.guard import Guard
from dashboard.cli.screen import Display
from dashboard.client import Fail, Job, LeaseLost, Release, Retry, log

NEVER_AGAIN = 65  # EX_DATAERR of sysexits.h; any other status but 0 is tried again while attempts are left
TERM_FOR = 10.0  # seconds from SIGTERM to SIGKILL
POLL = 0.2  # seconds
PAUSE = 3.0  # seconds, where a program cannot be started: for the slot, and then for the job
PROGRESS = re.compile(r"progress (\d{1,3})(?: (.*))?")


class Program:
    """A worker's function."""

    def __init__(
        self,
        command: Sequence[str],
        url: str,
        timeout: float | None,
        grace: float,
        guard: Guard,
        display: Display,
    ) -> None:
        self._command, self._url, self._timeout, self._grace = command, url, timeout, grace
        self._guard, self._display = guard, display

    def __call__(self, job: Job) -> dict[str, Any]:
        def on_line(line: str) -> None:
            if told := PROGRESS.fullmatch(line.strip()):
                job.progress(int(told[1]), told[2] or "")
                self._display.progress(job, int(told[1]), told[2] or "")

        self._display.begin(job)
        try:
            child = self._started(job, on_line)
            try:
                stopped = self._wait(child, job)
            finally:
                status = child.end()
        finally:
            self._display.end(job)
        if stopped:
            raise stopped
        return _result(child, status)

    def _started(self, job: Job, on_line: Callable[[str], None]) -> Child:
        text = json.dumps(job.payload).encode()
        try:
            return Child(self._command, self._environ(job), "JOB_ID", text, self._guard, on_line)
        except (
            OSError
        ) as error:  # no descriptor, memory or process is free, or the program is gone: not the job's fault
            log.warning("Its program cannot be started: %s: %s", job, error, extra={"job": job.id})
            job.wait_until_lost(PAUSE)  # others take its other jobs meanwhile
            raise Release(in_seconds=PAUSE) from error

    def _environ(self, job: Job) -> dict[str, str]:
        return {
            **os.environ,
            "JOB_ID": job.id,
            "JOB_TYPE": job.type,
            "JOB_ATTEMPT": str(job.attempt),
            "JOB_PRIORITY": str(job.priority),
            "JOB_TOKEN": job.token,
            "JOBS_URL": self._url,
        }

    def _wait(self, child: Child, job: Job) -> Exception | None:
        """Until it has ended; why it was stopped, where it was."""
        timeout = time.monotonic() + (float("inf") if self._timeout is None else self._timeout)
        grace = kill = float("inf")
        why: Exception | None = None
        while not child.pump(POLL):
            now = time.monotonic()
            if job.stopping:
                grace = min(grace, now + self._grace)
            if why and now >= kill:
                child.signal(signal.SIGKILL)
            elif why is None:
                if job.is_lost():
                    why = LeaseLost(job.why_lost)
                elif now >= timeout:
                    why = Retry(f"timed out after {self._timeout:g} s")
                elif now >= grace:
                    why = Release("the worker stops")
                if why:
                    child.signal(signal.SIGTERM)
                    kill = now + TERM_FOR
        return why


def _result(child: Child, status: int) -> dict[str, Any]:
    if status == 0:
        result = child.stdout.json_object()
        return {"stdout": child.stdout.text(), "stderr": child.stderr.text()} if result is None else result
    if status < 0:
        raise Retry(f"killed by {_name(-status)}")
    last = child.stderr.last_line()
    reason = f"exit {status}: {last}" if last else f"exit {status}"
    raise Fail(reason) if status == NEVER_AGAIN else Retry(reason)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one
