"""What workers may rely on when something goes wrong, with real servers: WORKERS' table of faults."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support import faults, http
from tests.support.app import MakeApp
from tests.support.database import query
from tests.support.leased_traffic import harass_leased_workers
from tests.support.leases import TOKEN, pass_time
from tests.support.postgres import Postgres
from tests.support.server import Server
from tests.support.waiting import eventually

StartServer = Callable[..., Server]
RUNS = "SELECT attempt, outcome FROM runs ORDER BY seq, attempt"


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


def ended(server: Server, job: str) -> Any:
    """The job when its run has ended, by nobody's call but the housekeeper's."""
    eventually(lambda: full(server, job)["status"] != "RUNNING", "its run ended")
    return full(server, job)


def test_the_job_of_a_worker_that_died_is_tried_again_or_fails(database_url: str, start_server: StartServer) -> None:
    server = start_server(database_url, LEASE_GRACE="0", WEB_CONCURRENCY="2")
    again, last = create(server, max_attempts=2), create(server)
    lease(server, 1, "&limit=2")
    waits, failed = ended(server, again), ended(server, last)
    assert (waits["status"], waits["run_at"] > waits["created_at"]) == ("PENDING", True)
    assert failed["status"] == "FAILED"
    assert failed["result"]["reason"].startswith("the lease ran out; w was last heard of 20")
    for job in (again, last):
        for call in ("heartbeat", "complete", "fail", "release"):
            ask(server, f"POST /jobs/{job}/{call}?token={TOKEN}", 409)
        assert full(server, job)["attempts"][0]["outcome"] == "expired"
    assert query(database_url, RUNS) == [(1, "expired")] * 2


def test_a_claim_whose_answer_was_lost_is_asked_for_again(database_url: str, start_server: StartServer) -> None:
    server = start_server(database_url, WEB_CONCURRENCY="2")
    jobs = [create(server) for _ in range(3)]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"POST /jobs/claim?lease=60&limit=2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
            b"Idempotency-Key: %s\r\n\r\n" % TOKEN.encode()
        )
        eventually(lambda: query(database_url, "SELECT 1 FROM runs"), "it was claimed")
    for _ in range(3):
        answers = lease(server, 60, "&limit=2")
        assert [(job["id"], job["attempt"], job["token"]) for job in answers] == [(each, 1, TOKEN) for each in jobs[:2]]
    assert query(database_url, RUNS) == [(1, None)] * 2
    ask(server, f"POST /jobs/release?token={TOKEN}")
    assert "new key" in ask(server, "POST /jobs/claim?lease=60", 409, headers={"Idempotency-Key": TOKEN})["detail"]
    assert [job["id"] for job in lease(server, 60, "&limit=3", f"{TOKEN}-2")] == jobs


def test_a_call_whose_answer_was_lost_is_repeated(database_url: str, start_server: StartServer) -> None:
    server = start_server(database_url)
    for number, (call, status) in enumerate((("complete", "COMPLETED"), ("fail", "FAILED"), ("release", "PENDING"))):
        job, token = create(server), f"{TOKEN}-{number}"
        ask(server, f"POST /jobs/{job}/process?lease=60", headers={"Idempotency-Key": token})
        answers = [ask(server, f"POST /jobs/{job}/{call}?token={token}") for _ in range(3)]
        assert [answer["status"] for answer in answers] == [status] * 3
        assert answers[0] == answers[1] == answers[2]
    assert [outcome for _, outcome in query(database_url, RUNS)] == ["completed", "failed", "released"]


def test_a_job_that_is_called_off_is_lost_to_its_holder(database_url: str, start_server: StartServer) -> None:
    server = start_server(database_url)
    job = create(server, max_attempts=5)
    lease(server, 60)
    ask(server, f"POST /jobs/{job}/fail?reason=wrong")
    lost = ask(server, f"POST /jobs/{job}/heartbeat?token={TOKEN}", 409)["detail"]
    assert lost.startswith("Lease lost: the job was called off 20")
    assert lost.endswith(" UTC (wrong)")
    assert full(server, job)["status"] == "FAILED"


def test_a_server_that_was_killed_ends_no_run_of_a_worker_that_is_heard_again_in_the_grace(
    database_url: str, start_server: StartServer
) -> None:
    server = start_server(database_url, LEASE_GRACE="6", WEB_CONCURRENCY="2")
    heard, silent = create(server), create(server)
    lease(server, 1, "&limit=2")
    server.kill()
    overdue = "SELECT count(*) FROM runs WHERE expires_at < "
    now = "datetime('now')" if database_url.startswith("sqlite") else "timezone('utc', now())"
    eventually(lambda: query(database_url, overdue + now) == [(2,)], "both leases ran out meanwhile")
    server.start()
    assert query(database_url, RUNS) == [(1, None)] * 2
    assert ask(server, f"POST /jobs/{heard}/heartbeat?token={TOKEN}&lease=600")["attempt"] == 1
    assert ended(server, silent)["status"] == "FAILED"  # when the grace is over
    assert full(server, heard)["status"] == "RUNNING"
    assert ask(server, f"POST /jobs/{heard}/complete?token={TOKEN}")["status"] == "COMPLETED"


def test_a_database_that_was_away_costs_no_worker_its_lease(
    postgres: Postgres, postgres_url: str, start_server: StartServer
) -> None:
    server = start_server(postgres_url, LEASE_GRACE="10")
    job = create(server)
    lease(server, 1)
    with faults.killed(postgres):
        eventually(lambda: "could not reach the database" in server.log.read_text(), "the housekeeper has met it")
    eventually(lambda: http.get(f"{server.url}/readyz").status_code == 200, "it is ready again")
    assert ask(server, f"POST /jobs/{job}/heartbeat?token={TOKEN}&lease=600")["attempt"] == 1
    assert full(server, job)["status"] == "RUNNING"


def test_leased_workers_that_die_hang_and_come_back_end_each_job_once(
    database_url: str, start_server: StartServer
) -> None:
    harass_leased_workers(start_server(database_url, LEASE_GRACE="1", WEB_CONCURRENCY="2"), database_url, rounds=1)


# ---- Exactness


def warm_servers(database_url: str, start_server: StartServer) -> list[Server]:
    """Four processes on one database with 10,000 ready jobs, which their queues know."""
    servers = [start_server(database_url, LEASE_GRACE="0") for _ in range(4)]
    for _ in range(10):
        ask(servers[0], "POST /jobs/batch", 201, json=[{"type": "t"}] * 1_000)
    for server in servers:
        ask(server, "POST /jobs/claim")
    return servers


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    return make_app(database_url)


@pytest.mark.parametrize("how", ["due", "given back", "failed", "ran out"])
def test_urgent_jobs_that_become_ready_are_next_for_every_warm_process(
    database_url: str, start_server: StartServer, app: Flask, how: str
) -> None:
    servers = warm_servers(database_url, start_server)
    more = {"run_at": 3_600} if how == "due" else {"max_attempts": 3}
    ranks = (1, 3, 2, 4)
    urgent = {rank: create(servers[0], priority=rank, **more) for rank in ranks}
    if how == "due":
        with app.app_context():
            pass_time(3_601)
    else:
        assert {job["id"] for job in lease(servers[1], 60, "&limit=4")} == set(urgent.values())
    if how == "given back":
        ask(servers[2], f"POST /jobs/release?token={TOKEN}")
    elif how == "failed":
        items = [{"id": job, "token": TOKEN, "action": "fail", "retry_in": 0} for job in urgent.values()]
        assert {item["status"] for item in ask(servers[2], "POST /jobs/report", json=items)} == {200}
    elif how == "ran out":
        with app.app_context():
            pass_time(61)  # the leases end
            eventually(lambda: full(servers[3], urgent[1])["status"] == "PENDING", "their runs ended")
            pass_time(10)  # and the backoff
    claimed = [ask(server, "POST /jobs/claim")["id"] for server in servers]
    assert claimed == [urgent[rank] for rank in (4, 3, 2, 1)]
    assert ask(servers[0], "POST /jobs/claim")["priority"] == 0
