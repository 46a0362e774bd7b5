"""What workers may rely on when something goes wrong, with real servers: WORKERS' table of faults."""

import socket
from collections.abc import Callable
from typing import Any

from tests.support import faults, http
from tests.support.database import query
from tests.support.lease_calls import ask, create, full, lease
from tests.support.leased_traffic import harass_leased_workers
from tests.support.leases import TOKEN
from tests.support.postgres import Postgres
from tests.support.server import Server
from tests.support.waiting import eventually

StartServer = Callable[..., Server]


def runs(server: Server) -> list[tuple[Any, ...]]:
    return query(server.env["DATABASE_URL"], "SELECT attempt, outcome FROM runs ORDER BY seq, attempt")


def ended(server: Server, job: str) -> Any:
    """The job when its run has ended, by nobody's call but the housekeeper's."""
    eventually(lambda: full(server, job)["status"] != "RUNNING", "its run ended")
    return full(server, job)


def test_the_job_of_a_worker_that_died_is_tried_again_or_fails(server_of_each: Server) -> None:
    server = server_of_each
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
    assert runs(server) == [(1, "expired")] * 2


def test_a_claim_whose_answer_was_lost_is_asked_for_again(server_of_each: Server) -> None:
    server = server_of_each
    jobs = [create(server) for _ in range(3)]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"POST /jobs/claim?lease=60&limit=2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
            b"Idempotency-Key: %s\r\n\r\n" % TOKEN.encode()
        )
        eventually(lambda: runs(server), "it was claimed")
    for _ in range(3):
        answers = lease(server, 60, "&limit=2")
        assert [(job["id"], job["attempt"], job["token"]) for job in answers] == [(each, 1, TOKEN) for each in jobs[:2]]
    assert runs(server) == [(1, None)] * 2
    ask(server, f"POST /jobs/release?token={TOKEN}")
    assert "new key" in ask(server, "POST /jobs/claim?lease=60", 409, headers={"Idempotency-Key": TOKEN})["detail"]
    assert [job["id"] for job in lease(server, 60, "&limit=3", f"{TOKEN}-2")] == jobs


def test_a_call_whose_answer_was_lost_is_repeated(server_of_each: Server) -> None:
    server = server_of_each
    for number, (call, status) in enumerate((("complete", "COMPLETED"), ("fail", "FAILED"), ("release", "PENDING"))):
        job, token = create(server), f"{TOKEN}-{number}"
        ask(server, f"POST /jobs/{job}/process?lease=60", headers={"Idempotency-Key": token})
        answers = [ask(server, f"POST /jobs/{job}/{call}?token={token}") for _ in range(3)]
        assert [answer["status"] for answer in answers] == [status] * 3
        assert answers[0] == answers[1] == answers[2]
    assert [outcome for _, outcome in runs(server)] == ["completed", "failed", "released"]


def test_a_job_that_is_called_off_is_lost_to_its_holder(server_of_each: Server) -> None:
    server = server_of_each
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
    assert runs(server) == [(1, None)] * 2
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
