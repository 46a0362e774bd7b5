"""A list of long jobs is sent in slices: one array, as it was when it was asked for, in little memory."""

import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.core.errors import JobNotFoundError
from dashboard.core.job import JobStatus
from dashboard.database.transactions import writing
from dashboard.services import jobs
from dashboard.store.listing import SHORT_MAX
from tests.support import http
from tests.support.calls import call
from tests.support.factory import make_job
from tests.support.server import Server
from tests.support.statements import statements

JSON = {"Content-Type": "application/json"}
LONG = json.dumps({"text": "x" * 900_000})


def make_long(payload: str | None, result: str | None) -> str:
    job = jobs.create("long", payload, 0)
    jobs.process(job.id)
    jobs.complete(job.id, result)
    return job.id


def chunks(client: FlaskClient, url: str) -> Iterator[bytes]:
    """The answer's body, made no faster than it is taken."""
    answer = client.get(url)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return answer.iter_encoded()


def test_a_list_of_long_and_short_jobs_is_the_jobs_themselves(client: FlaskClient) -> None:
    edges = [json.dumps({"a": "😀" * (SHORT_MAX - 9 + more)}, ensure_ascii=False) for more in (-1, 0, 1, 2)]
    ids = [make_long(payload, result) for payload, result in ((None, None), (LONG, None), (None, LONG), (LONG, LONG))]
    ids += [make_job().id, *(make_long(edge, edge) for edge in edges), make_job(JobStatus.RUNNING).id]
    alone = [client.get(f"/jobs/{job_id}").text for job_id in reversed(ids)]
    assert client.get("/jobs").text == f"[{','.join(alone)}]"
    assert client.get(f"/jobs?before={ids[-1]}&limit=3").text == f"[{','.join(alone[1:4])}]"
    finished = [job for job in alone if '"COMPLETED"' in job]
    assert client.get("/jobs?status=COMPLETED").text == f"[{','.join(finished)}]"


def test_head_of_a_long_list_is_answered_as_get_without_the_body(client: FlaskClient) -> None:
    make_long(LONG, LONG)
    got, head = (call("/jobs", headers={"X-Request-ID": "same"}) for call in (client.get, client.head))
    assert (head.status_code, head.headers, head.data) == (got.status_code, got.headers, b"")
    assert len(statements(lambda: client.head("/jobs"))) == 1


def test_a_list_is_as_it_was_when_it_was_asked_for(client: FlaskClient) -> None:
    waits, runs = jobs.create("long", LONG, 0).id, jobs.create("long", LONG, 0).id
    jobs.process(runs)
    before = [client.get(f"/jobs/{job_id}").get_json() for job_id in (runs, waits)]
    body = chunks(client, "/jobs")
    sent = next(body)
    jobs.complete(runs, LONG)
    jobs.fail(waits, "called off")
    make_job()
    assert json.loads(sent + b"".join(body)) == before


def test_a_list_that_is_half_sent_holds_no_connection(client: FlaskClient) -> None:
    for _ in range(3):
        make_long(LONG, None)
    half_sent = [chunks(client, "/jobs") for _ in range(10)]
    for body in half_sent:
        next(body), next(body)
    call(client, "GET /jobs/summary", 200)
    call(client, "POST /jobs", 201, json={"type": "t"})
    assert {b"".join(body)[-1:] for body in half_sent} == {b"]"}


def test_a_list_of_long_jobs_takes_the_memory_of_a_few(client: FlaskClient) -> None:
    for _ in range(20):
        make_long(LONG, LONG)
    for _ in chunks(client, "/jobs"):  # what is made once
        pass
    tracemalloc.start()
    size = sum(map(len, chunks(client, "/jobs")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 36_000_000
    assert peak < 12_000_000


def test_a_list_one_of_whose_jobs_is_gone_meanwhile_has_no_end(client: FlaskClient) -> None:
    ids = [make_long(LONG, None) for _ in range(3)]
    body = chunks(client, "/jobs")
    sent = [next(body), next(body)]
    with writing() as tx:
        tx.execute(text("DELETE FROM jobs WHERE id = :id"), {"id": ids[1]})
    with pytest.raises(JobNotFoundError):
        sent += body
    assert not b"".join(sent).endswith(b"]")


def test_a_list_that_cannot_be_read_to_its_end_is_cut_off(server: Server) -> None:
    for _ in range(30):
        http.post(f"{server.url}/jobs", content=b'{"type":"long","payload":%s}' % LONG.encode(), headers=JSON)
    with http.stream("GET", f"{server.url}/jobs") as answer:
        body = answer.iter_raw()
        next(body)
        path = server.env["DATABASE_URL"].removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DELETE FROM jobs")
        with pytest.raises(httpx.RemoteProtocolError):
            list(body)
    assert http.get(f"{server.url}/jobs").json() == []
