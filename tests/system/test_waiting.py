"""Waiting claims over HTTP with real servers: clients that have gone, other processes, and a stop."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from select import select
from typing import Any

import httpx
import pytest

from tests.support import http
from tests.support.database import query
from tests.support.server import Server

StartServer = Callable[..., Server]
WAIT = 25
GONE = 200
CROWD = 200


def post(server: Server, path: str, **sent: Any) -> httpx.Response:
    return http.post(f"{server.url}{path}", timeout=2 * WAIT, **sent)


def create(server: Server, kind: str = "t") -> str:
    made = post(server, "/jobs", json={"type": kind})
    assert made.status_code == 201
    return str(made.json()["id"])


@contextmanager
def waiting_claims(server: Server, count: int, query: str = "type=t&lease=60") -> Iterator[list[socket.socket]]:
    """So many claims wait within the block."""
    line = f"POST /jobs/claim?{query}&wait={WAIT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    connections: list[socket.socket] = []
    try:
        with http.Client(base_url=server.url) as client:
            for _ in range(count):
                connections.append(socket.create_connection(("127.0.0.1", server.port), timeout=2 * WAIT))
                connections[-1].sendall(line.encode())
                # A write after its own: it has tried by then, or the next one has, and they are not all at once.
                assert client.post("/jobs", json={"type": "other"}).status_code == 201
        yield connections
    finally:
        for connection in connections:
            connection.close()


def answer(connection: socket.socket) -> tuple[int, Any]:
    """The status and the body of what this connection is told until it is closed or the body is whole."""
    received = b""
    while True:
        head, _, body = received.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if body and len(body) >= int(length[0].split(b":")[1]):
            return int(head.split()[1]), json.loads(body)
        part = connection.recv(65_536)
        assert part, f"cut off after {received!r}"
        received += part


def test_clients_that_have_gone_take_no_job(database_url: str, start_server: StartServer) -> None:
    server = start_server(database_url)
    with waiting_claims(server, GONE) as gone, ThreadPoolExecutor(1) as pool:
        for connection in gone:
            connection.close()
        live = pool.submit(post, server, f"/jobs/claim?type=t&lease=60&worker=live&wait={WAIT}")
        job = create(server)
        claimed = live.result().json()
    assert (claimed["id"], claimed["attempt"], claimed["worker"]) == (job, 1, "live")
    assert query(database_url, "SELECT count(*) FROM runs") == [(1,)]


def test_a_job_of_another_process_reaches_a_waiting_claim(database_url: str, start_server: StartServer) -> None:
    servers = [start_server(database_url), start_server(database_url)]
    with waiting_claims(servers[0], 3) as waiting, ThreadPoolExecutor(1) as pool:
        job = create(servers[1])
        reader = pool.submit(http.get, f"{servers[0].url}/jobs/{job}?wait={WAIT}", timeout=2 * WAIT)
        jobs = [create(servers[1]) for _ in range(2)]
        answers = [answer(connection) for connection in waiting]
        assert {(status, each["id"]) for status, each in answers} == {(200, each) for each in (job, *jobs)}
        [token] = [each["token"] for _, each in answers if each["id"] == job]
        assert post(servers[1], f"/jobs/{job}/complete?token={token}").status_code == 200
        assert reader.result().json()["status"] == "COMPLETED"


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_stop_answers_all_waiting_claims_and_claims_nothing_for_them(
    database_url: str, start_server: StartServer, processes: str
) -> None:
    server = start_server(database_url, WEB_CONCURRENCY=processes)
    with waiting_claims(server, CROWD) as waiting:
        server.signal(signal.SIGTERM)
        answers = [answer(connection) for connection in waiting]
        assert server.process
        assert server.process.wait(WAIT / 2) == 0  # nobody waited for the end of its time
        server.process = None
    assert answers == [(404, {"detail": "No pending jobs"})] * CROWD
    assert query(database_url, "SELECT count(*) FROM runs") == [(0,)]
    again = start_server(database_url)
    job = create(again)
    assert post(again, "/jobs/claim?type=t").json()["id"] == job


def test_more_than_may_wait_are_answered_at_once_and_others_are_served(
    sqlite_url: str, start_server: StartServer
) -> None:
    server = start_server(sqlite_url)
    with waiting_claims(server, 1_000) as waiting:
        assert post(server, f"/jobs/claim?type=t&wait={WAIT}").status_code == 404
        assert http.get(f"{server.url}/jobs/summary").json()["running"] == 0
        job = create(server)
        [answered, *_], _, _ = select(waiting, [], [], WAIT)
        assert answer(answered)[1]["id"] == job
