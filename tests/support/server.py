"""A real gunicorn for the tests, and ports to listen on."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import httpx

from tests.support import http
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """The environment without what measures coverage: it slows a server, and one that is killed saves no figures."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def free_port() -> int:
    """A port that nobody listens on, from a range that no other process of these tests looks in.

    In no order: another run on this machine looks in the same ranges, and a server needs seconds to take its port.
    """
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
_ports = iter(Random().sample(range(_first_port, _first_port + 2_000), 2_000))


class Server:
    """A real gunicorn with the project's own configuration, on loopback, in a process group of its own."""

    def __init__(self, log: Path, env: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.env = {**environment(), "PORT": str(self.port), "WEB_CONCURRENCY": "1", **env}
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
            return http.get(self.url + path).status_code == 200
        except httpx.TransportError:
            return False

    def signal(self, number: int) -> None:
        """To the master, if there is one."""
        if self.process:
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


StartServer = Callable[..., Server]
RunProgram = Callable[..., subprocess.CompletedProcess[str]]
