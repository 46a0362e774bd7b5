"""What `jobqueue work` shows: on a terminal a line for each running job, with a bar; elsewhere lines, or JSON."""

import io
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from dashboard.client import Job
from dashboard.core.printable import printable

LOGGER = "jobqueue"

T = TypeVar("T")


class Display:
    """Nothing but what is logged: lines, or with `as_json` an object a line."""

    def __init__(self, *, as_json: bool) -> None:
        self._handler: logging.Handler = logging.StreamHandler(sys.stderr)
        self._handler.setFormatter(JsonLines() if as_json else Lines("%(asctime)s %(levelname)s %(message)s"))

    def __enter__(self) -> "Display":
        _log_to(self._handler)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger(LOGGER).removeHandler(self._handler)

    def begin(self, job: Job) -> None:
        pass

    def progress(self, job: Job, percent: int, text: str) -> None:
        pass

    def end(self, job: Job) -> None:
        pass


class Screen(Display):
    """A terminal. What is logged goes by above the running jobs."""

    def __init__(self) -> None:
        stderr = os.fdopen(os.dup(sys.stderr.fileno()), "wb")
        self._terminal = Terminal(stderr, sys.stderr.encoding, "backslashreplace")
        console = Console(file=self._terminal)
        self._handler = ConsoleLines(console)
        self._lock = Lock()
        self._tasks: dict[Job, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=_share()),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[percent]:>4}", markup=False),
            TextColumn("{task.fields[text]}", markup=False, table_column=_share()),
            TimeElapsedColumn(),
            console=console,
            expand=True,
            transient=True,
        )

    def __enter__(self) -> "Screen":
        super().__enter__()
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
        super().__exit__(*error)
        self._terminal.close()

    def begin(self, job: Job) -> None:
        with self._lock:
            name = printable(f"{job.id[:8]} {job.type}")
            self._tasks[job] = self._progress.add_task(name, total=None, percent="", text="")

    def progress(self, job: Job, percent: int, text: str) -> None:
        shown = min(100, percent)
        self._progress.update(self._tasks[job], total=100, completed=shown, percent=f"{shown}%", text=printable(text))

    def end(self, job: Job) -> None:
        with self._lock:
            self._progress.remove_task(self._tasks.pop(job))


class Terminal(io.TextIOWrapper):
    """It may go before the jobs that run have ended; from then on nothing is shown."""

    def write(self, text: str) -> int:
        return self._tried(lambda: super(Terminal, self).write(text)) or 0

    def flush(self) -> None:
        self._tried(super().flush)

    def _tried(self, act: Callable[[], T]) -> T | None:
        try:
            return act()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return None


def _share() -> Column:
    """A column that has its share of the width that is left, and is cut where that is too little."""
    return Column(ratio=1, no_wrap=True, overflow="ellipsis")


class Lines(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return printable(super().formatMessage(record))


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {"time": datetime.fromtimestamp(record.created, UTC).isoformat(), "level": record.levelname}
        told["message"] = record.getMessage()
        if job := getattr(record, "job", None):
            told["job"] = job
        return printable(json.dumps(told, ensure_ascii=False))


class ConsoleLines(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{datetime.now():%H:%M:%S} {printable(record.getMessage())}"
        self._console.print(line, markup=False, highlight=False)


def _log_to(handler: logging.Handler) -> None:
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def display(*, as_json: bool) -> Display:
    return Screen() if sys.stderr.isatty() and not as_json else Display(as_json=as_json)
