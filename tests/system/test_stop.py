"""A stop, a reload and restarts one after the other lose no request."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support import http
from tests.support.nginx import Nginx
from tests.support.restarts import restart_in_turn, two_behind_nginx
from tests.support.server import Server, StartServer
from tests.support.waiting import eventually

RESTARTS = 6
REQUESTS = 20_000
LOOK = 1.0  # seconds between two looks of a worker whether it is to end
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: "State:\tT" in Path(f"/proc/{pid}/status").read_text(), "the process is suspended")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def is_told_to_end(pid: int) -> bool:
    pending = re.search(r"ShdPnd:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text())
    assert pending
    return bool(int(pending[1], 16) >> (signal.SIGTERM - 1) & 1)


def readiness(server: Server) -> tuple[int, dict[str, str]]:
    answer = http.get(f"{server.url}/readyz")
    return answer.status_code, answer.json()


def test_who_waits_in_the_accept_queue_at_a_stop_is_answered(start_server: StartServer, sqlite_url: str) -> None:
    server = start_server(sqlite_url, WEB_CONCURRENCY="2")  # each of several takes one connection at a time
    workers = server.workers()
    with ExitStack() as stack:
        with ExitStack() as stopped:
            for worker in workers:
                stopped.enter_context(suspended(worker))
            since = time.monotonic()
            waiting = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(20)]
            for connection in waiting:
                connection.sendall(REQUEST)
            server.signal(signal.SIGTERM)
            eventually(lambda: all(map(is_told_to_end, workers)), "the master has told the workers")
            eventually(lambda: time.monotonic() - since > LOOK, "they will look at once whether they are to end")
        answers = [read_all(connection) for connection in waiting]
    assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * 20
    assert server.stop() == 0


def test_a_stop_that_is_told_beforehand_serves_on_until_its_time_is_over(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, WEB_CONCURRENCY="2", DRAIN_SECONDS="3600")
    server.signal(signal.SIGTERM)
    told = (503, {"detail": "The server is about to stop"})
    eventually(lambda: readiness(server) == told, "load balancers are told")
    assert http.post(f"{server.url}/jobs", json={"type": "late"}).status_code == 201
    assert http.get(f"{server.url}/healthz").status_code == 200
    assert server.stop() == 0  # a second SIGTERM ends the time

    server = start_server(sqlite_url, DRAIN_SECONDS="1")
    server.signal(signal.SIGTERM)
    assert server.process
    assert server.process.wait(30) == 0


def test_a_reload_is_no_stop(start_server: StartServer, sqlite_url: str) -> None:
    server = start_server(sqlite_url, DRAIN_SECONDS="1")
    old = server.workers()
    server.signal(signal.SIGHUP)
    eventually(lambda: not set(old) & set(server.workers()), "the old worker has ended")
    assert readiness(server) == (200, {"status": "ready"})
    assert server.stop() == 0


@pytest.fixture
def nginx(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Nginx, list[Server]]]:
    with two_behind_nginx(tmp_path, postgres_url) as behind:
        yield behind


@pytest.mark.server
def test_restarts_one_after_the_other_behind_nginx_fail_no_request(nginx: tuple[Nginx, list[Server]]) -> None:
    assert restart_in_turn(*nginx, RESTARTS, at_least=REQUESTS).creates >= REQUESTS
