"""A real gunicorn, walked through a job's life and leant upon."""

import json
import socket

import pytest

from tests.support import http
from tests.support.server import Server, StartServer


def test_a_job_goes_through_its_life_by_http(server: Server) -> None:
    with http.Client(base_url=server.url) as client:
        created = client.post("/jobs", json={"type": "walk", "payload": {"to": "the end"}, "priority": 3})
        job = created.json()
        assert (created.status_code, job["status"]) == (201, "PENDING")
        assert client.get("/jobs/queue").json() == [
            {"job_id": job["id"], "priority": 3, "created_at": job["created_at"]}
        ]
        assert client.post("/jobs/claim").json()["id"] == job["id"]
        done = client.post(f"/jobs/{job['id']}/complete", json={"result": {"message": "ok"}}).json()
        assert (done["status"], done["result"]) == ("COMPLETED", {"message": "ok"})
        assert client.get(f"/jobs/{job['id']}").json() == done
        assert client.get("/jobs/summary").json() == {"pending": 0, "running": 0, "completed": 1, "failed": 0}
        assert job["id"] in client.get("/dashboard/").text


def test_a_restart_loses_nothing(start_server: StartServer, sqlite_url: str) -> None:
    server = start_server(sqlite_url)
    ids = [http.post(f"{server.url}/jobs", json={"type": "t"}).json()["id"] for _ in range(3)]
    assert server.stop() == 0
    server.start()
    assert [http.post(f"{server.url}/jobs/claim").json()["id"] for _ in range(3)] == ids


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /jobs?" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", 431),
        (b"GET /jobs HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
        (b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n", 400),
        (b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n", 400),
    ],
)
def test_what_gunicorn_itself_refuses_has_the_shape_of_our_refusals(
    server: Server, request_: bytes, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request_)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"X-Content-Type-Options: nosniff" in head
    assert list(json.loads(body)) == ["detail"]


def test_two_hundred_half_sent_requests_hold_up_no_other(server: Server) -> None:
    halves = (
        b"GET /dashboard/ HT",
        b"POST /jobs HTTP/1.1\r\nHost: localhost\r\n",
        b'POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"type',
        b"",
    )
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    try:
        for place, connection in enumerate(slow):
            connection.sendall(halves[place % len(halves)])
        assert http.get(f"{server.url}/dashboard/", timeout=20).status_code == 200
        assert http.post(f"{server.url}/jobs", json={"type": "t"}, timeout=20).status_code == 201
    finally:
        for connection in slow:
            connection.close()
    assert http.get(f"{server.url}/jobs/summary").json()["pending"] == 1
