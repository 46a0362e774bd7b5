"""Calls of the JSON API to a real server, as the tests of leases need them."""

from typing import Any

from tests.support import http
from tests.support.leases import TOKEN
from tests.support.server import Server


def ask(server: Server, line: str, status: int = 200, **sent: Any) -> Any:
    """Send "POST /jobs", expect this status, and return what it says."""
    method, path = line.split(" ")
    answer = http.request(method, server.url + path, timeout=60, **sent)
    assert answer.status_code == status, answer.text
    return answer.json()


def create(server: Server, **more: Any) -> str:
    return str(ask(server, "POST /jobs", 201, json={"type": "t", **more})["id"])


def lease(server: Server, seconds: int, more: str = "", token: str = TOKEN) -> Any:
    return ask(server, f"POST /jobs/claim?lease={seconds}&worker=w{more}", headers={"Idempotency-Key": token})


def full(server: Server, job: str) -> Any:
    return ask(server, f"GET /jobs/{job}?full=1")
