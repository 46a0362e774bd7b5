"""What several test files need: waiting for a condition, and a real server."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
from sqlalchemy import Connection, event

from dashboard.database import statement as statement_module
from dashboard.database.engine import db

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


def eventually(check: Callable[[], T], what: str, within: float = 30) -> T:
    """Wait until check() is true and return what it says; fail with `what` after `within` seconds."""
    end = time.monotonic() + within
    while not (value := check()):
        assert time.monotonic() < end, f"waited {within} s in vain: {what}"
        time.sleep(0.02)
    return value


Statement = tuple[str, Any]  # with its parameters


def statements(action: Callable[[], object]) -> list[Statement]:
    """What it asks the database, whichever way, but for the BEGIN."""
    found: list[Statement] = []
    run = statement_module.run

    def note_compiled(tx: Connection, form: Any, values: Any) -> Any:
        found.append((form.sql, tuple(values) if isinstance(values, list) else values))
        return run(tx, form, values)

    def note_other(_c: object, _k: object, statement: str, parameters: object, _x: object, _m: object) -> None:
        found.append((statement, parameters))

    for engine in db.engines.values():
        event.listen(engine, "before_cursor_execute", note_other)
    with patch.object(statement_module, "run", note_compiled):
        action()
    for engine in db.engines.values():
        event.remove(engine, "before_cursor_execute", note_other)
    return [each for each in found if not each[0].startswith("BEGIN")]


def free_port() -> int:
    """A port that nobody listens on, from a range that no other process of these tests looks in."""
    for port in _ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


_first_port = 20_000 + 2_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = iter(range(_first_port, _first_port + 2_000))


class Server:
    """A real gunicorn with the project's own configuration, on loopback, in a process group of its own."""

    def __init__(self, log: Path, env: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.env = {**os.environ, "PORT": str(self.port), "WEB_CONCURRENCY": "1", **env}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ready: str = "/readyz") -> "Server":
        command = [sys.executable, "-m", "gunicorn"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        eventually(lambda: self._answers(ready), f"{self.url}{ready} answers; the log is in {self.log}")
        return self

    def _answers(self, path: str) -> bool:
        assert self.process
        assert self.process.poll() is None, f"gunicorn ended by itself:\n{self.log.read_text()}"
        try:
            return httpx.get(self.url + path).status_code == 200
        except httpx.TransportError:
            return False

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process is None:
            return 0
        self.signal(signal.SIGTERM)
        code = self.process.wait(40)
        self.process = None
        return code

    def kill(self) -> None:
        """kill -9 of every process of it at once."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        self.process = None

    def workers(self) -> list[int]:
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]
