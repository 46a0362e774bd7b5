"""What a request costs: how many statements, and how many rows and bytes come back."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from tests.support.app import MakeApp
from tests.support.factory import make_job, make_many
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
    "GET /dashboard/": 6,
    "GET /dashboard/?q=needle": 10,  # on PostgreSQL two of them say how long the searches may take; on SQLite 8
    "GET /dashboard/jobs/{id}": 5,
    "GET /dashboard/queue": 5,
}


@pytest.mark.parametrize("line", COSTS)
def test_a_request_runs_no_more_statements_however_many_jobs_there_are(client: FlaskClient, line: str) -> None:
    make_many(200)
    client.post("/jobs/claim")  # which fills the queue
    method, path = line.format(id=make_job(JobStatus.PENDING).id).split()
    body = {"json": {"type": "t"}} if line == "POST /jobs" else {}
    assert len(statements(lambda: client.open(path, method=method, **body))) <= COSTS[line]  # type: ignore[arg-type]


def test_a_claim_does_not_try_every_job_that_others_have_taken(make_app: MakeApp, sqlite_url: str) -> None:
    idle, busy = make_app(sqlite_url), make_app(sqlite_url)
    with busy.app_context():
        make_many(400)
    idle.test_client().post("/jobs/claim")  # now it knows the next ones
    for _ in range(300):
        busy.test_client().post("/jobs/claim")
    with idle.app_context():
        assert len(statements(lambda: idle.test_client().post("/jobs/claim"))) < 30


@pytest.mark.parametrize("fragment", ["board", "board?status=FAILED&before=90&q=x", "queue"])
def test_an_idle_poll_asks_for_the_revision_alone_and_sends_no_body(client: FlaskClient, fragment: str) -> None:
    make_many(100)
    url = f"/dashboard/fragments/{fragment}"
    tag = client.get(url).headers["ETag"]
    found = statements(lambda: client.get(url, headers={"If-None-Match": tag}))
    answer = client.get(url, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data) == (304, b"")
    assert len(found) == 1
    assert "FROM jobs" not in found[0][0]


def test_a_page_of_fifty_rows_is_under_60_kilobytes(client: FlaskClient) -> None:
    for number in range(60):
        client.post("/jobs", json={"type": "image_resize", "payload": {"url": "x" * 500, "number": number}})
    assert len(client.get("/dashboard/").data) < 60_000


def test_a_first_visit_is_under_150_kilobytes(client: FlaskClient, app: Flask) -> None:
    make_many(60)
    html = client.get("/dashboard/").text
    urls = [part.split('"')[0] for part in html.replace('src="', 'href="').split('href="')[1:]]
    files = {url for url in urls if url.startswith("/static/")}
    assert len(files) == 12
    size = len(html.encode())
    for url in files:
        with client.get(url) as answer:
            size += len(answer.data)
    assert size < 150_000
