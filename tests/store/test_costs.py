"""What a request costs: how many statements, and how many rows and bytes come back."""

import gzip
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.database.engine import db
from tests.support.app import MakeApp
from tests.support.factory import make_job, make_many
from tests.support.html import still
from tests.support.leases import TOKEN, leased
from tests.support.statements import statements

COSTS = {
    "GET /jobs?before={id}": 2,  # where that one is, and those before it
    "POST /jobs": 1,
    "GET /jobs": 1,
    "GET /jobs?status=PENDING&limit=1000": 1,
    "GET /jobs/{id}": 1,
    "GET /jobs/summary": 1,
    "POST /jobs/{id}/process": 1,
    "POST /jobs/claim": 2,  # what is new, and the guarded UPDATE; on PostgreSQL the UPDATE alone
    "GET /jobs/queue": 2,  # what is new, and the jobs that the entries point at
    "GET /dashboard/": 7,  # one of them for the saved views
    "GET /dashboard/?q=needle": 11,  # on PostgreSQL two of them say how long the searches may take; on SQLite 9
    "GET /dashboard/?type=resize": 12,  # twice the types, and their jobs; on SQLite 10
    "GET /dashboard/jobs/{id}": 5,
    "GET /dashboard/queue": 6,
    "GET /dashboard/workers": 1,
    "GET /metrics": 10,  # and up to ten where the verdict is older than five seconds
}


@pytest.mark.parametrize("line", COSTS)
def test_a_request_runs_no_more_statements_however_many_jobs_there_are(client: FlaskClient, line: str) -> None:
    make_many(200)
    client.post("/jobs/claim")  # which fills the queue
    client.get("/dashboard/")  # which finds the verdict, once in five seconds
    method, path = line.format(id=make_job(JobStatus.PENDING).id).split()
    body = {"json": {"type": "t"}} if line == "POST /jobs" else {}
    assert len(statements(lambda: client.open(path, method=method, **body))) <= COSTS[line]  # type: ignore[arg-type]


# On SQLite, on PostgreSQL: of several jobs as many as of one there, for a statement has many rows.
LEASE_COSTS = {
    "claim": (2, 1),
    "claim?type=job": (3, 1),
    "claim?type=job&type=none": (3, 1),
    "claim?limit=10": (11, 1),
    "claim?lease=60": (3, 3),  # as above, PostgreSQL's time, and the run
    "claim?lease=60&limit=10": (21, 3),
    "{id}/heartbeat?token={token}": (3, 4),
    "{id}/complete?token={token}": (5, 6),
    "{id}/release?token={token}": (5, 6),
    "{id}/fail?token={token}": (5, 6),
    "{id}/fail": (3, 3),
    "report": (40, 5),
    "batch": (10, 1),
}


@pytest.mark.parametrize("line", LEASE_COSTS)
def test_what_leases_add_costs_so_many_statements(app: Flask, client: FlaskClient, line: str) -> None:
    make_many(200)
    held = [leased(client, token=f"{TOKEN}-{number}")["id"] for number in range(10)]
    items = [{"id": each, "token": f"{TOKEN}-{n}", "action": "complete"} for n, each in enumerate(held)]
    body = {"report": items, "batch": [{"type": "t"}] * 10}.get(line)
    path = f"/jobs/{line.format(id=held[0], token=f'{TOKEN}-0')}"
    found = statements(lambda: client.post(path, json=body))
    assert len(found) == LEASE_COSTS[line][db.engine.dialect.name == "postgresql"], found


def test_a_claim_does_not_try_every_job_that_others_have_taken(make_app: MakeApp, sqlite_url: str) -> None:
    idle, busy = make_app(sqlite_url), make_app(sqlite_url)
    with busy.app_context():
        make_many(400)
    idle.test_client().post("/jobs/claim")  # now it knows the next ones
    for _ in range(300):
        busy.test_client().post("/jobs/claim")
    with idle.app_context():
        assert len(statements(lambda: idle.test_client().post("/jobs/claim"))) < 30


def test_a_page_of_jobs_costs_one_more_statement_for_all_their_runs_and_none_without(client: FlaskClient) -> None:
    def cost() -> int:
        return len(statements(lambda: client.get("/dashboard/")))

    make_many(60)
    cost()  # which finds the verdict, once in five seconds
    plain = cost()
    client.post("/jobs/batch", json=[{"type": "later", "run_at": 3_600}] * 10)
    assert cost() == plain
    client.post("/jobs/batch", json=[{"type": "tried"}] * 50)
    jobs = client.post("/jobs/claim?type=tried&lease=60&attempts=9&limit=50").get_json()
    assert cost() == plain + 1
    failed = [{"id": job["id"], "token": job["token"], "action": "fail"} for job in jobs[:25]]
    client.post("/jobs/report", json=failed)
    assert cost() == plain + 1


@pytest.mark.parametrize("fragment", ["board", "board?status=FAILED&before=90&q=x", "queue", "activity"])
def test_an_idle_poll_asks_for_the_revision_alone_and_sends_no_body(client: FlaskClient, fragment: str) -> None:
    make_many(100)
    url = f"/dashboard/fragments/{fragment}"
    tag = client.get(url).headers["ETag"]
    found = statements(lambda: client.get(url, headers={"If-None-Match": tag}))
    answer = client.get(url, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data) == (304, b"")
    assert len(found) == 1
    assert "FROM jobs" not in found[0][0]


@pytest.mark.parametrize("fragment", ["board", "queue"])
def test_heartbeats_leave_lists_and_overviews_as_they_are(client: FlaskClient, fragment: str) -> None:
    make_many(2)
    job = leased(client)["id"]
    url = f"/dashboard/fragments/{fragment}"
    tag, shown = client.get(url).headers["ETag"], client.get(url).text
    for progress in (1, 50):
        client.post(f"/jobs/{job}/heartbeat?token={TOKEN}&lease=600", json={"progress": progress})
        client.post("/jobs/report", json=[{"id": job, "token": TOKEN, "action": "heartbeat"}])
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    assert still(client.get(url).text) == still(shown)
    client.post(f"/jobs/{job}/release?token={TOKEN}")
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_jobs_for_later_are_no_part_of_the_queue_and_cost_a_claim_nothing(client: FlaskClient) -> None:
    client.post("/jobs/batch", json=[{"type": "t", "priority": 9, "run_at": 3_600}] * 1_000)
    ready = make_many(10)
    assert client.get("/jobs/queue").headers["X-Total-Count"] == "10"
    client.post("/jobs/claim")  # which fills the queue
    found = statements(lambda: client.post("/jobs/claim"))
    assert len(found) == LEASE_COSTS["claim"][db.engine.dialect.name == "postgresql"], found
    assert client.get("/jobs/queue").headers["X-Total-Count"] == "8"
    assert {job["status"] for job in client.get("/jobs?limit=10").get_json() if job["id"] in ready} == {
        "RUNNING",
        "PENDING",
    }


def test_a_page_of_fifty_rows_is_under_60_kilobytes(client: FlaskClient) -> None:
    for number in range(60):
        client.post("/jobs", json={"type": "image_resize", "payload": {"url": "x" * 500, "number": number}})
    assert len(client.get("/dashboard/").data) < 60_000


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/overview", "/dashboard/queue"])
def test_a_first_visit_is_under_100_kilobytes_as_a_browser_gets_it(client: FlaskClient, app: Flask, path: str) -> None:
    make_many(60)
    client.environ_base["HTTP_ACCEPT_ENCODING"] = "gzip"
    zipped = client.get(path).data
    html = gzip.decompress(zipped).decode()
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html))
    assert len(files) == 13
    size = len(zipped)
    for url in files:
        with client.get(url) as answer:
            size += len(answer.data)
    assert size < 100_000
