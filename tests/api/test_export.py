"""GET /jobs/export: any list as a file, whatever its size, while the service goes on."""

import csv
import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from io import StringIO

import httpx
import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.core.run import FullJob
from dashboard.services import export, jobs
from tests.support import http
from tests.support.calls import call, refused
from tests.support.factory import make_job, make_many
from tests.support.server import Server, StartServer

LONG = json.dumps({"text": "x" * 900_000})


def exported(client: FlaskClient, **query: str) -> list[dict[str, object]]:
    answer = client.get("/jobs/export", query_string=query)
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def table(client: FlaskClient, **query: str) -> list[dict[str, str]]:
    answer = client.get("/jobs/export", query_string={"format": "csv", **query})
    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(StringIO(answer.text, newline="")))


def test_ndjson_has_each_job_with_all_keys_the_oldest_first(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "SLICE", 2)
    for status in JobStatus:
        make_job(status)
    long = jobs.create("long", LONG, 0)
    call(client, "POST /jobs", 201, json={"type": "later", "run_at": 60, "max_attempts": 3})
    wanted = call(client, "GET /jobs?full=1", 200)[::-1]
    assert exported(client) == wanted
    assert [each["id"] for each in wanted][4] == long.id


def test_csv_has_the_same_as_a_table_whose_numbers_stay_numbers(client: FlaskClient) -> None:
    call(client, "POST /jobs", 201, json={"type": 'a, "b"\nc', "payload": {"x": "ö, y"}, "priority": 7})
    make_job(JobStatus.FAILED)
    rows = table(client)
    for row, job in zip(rows, exported(client), strict=True):
        assert list(row) == list(FullJob._fields)
        assert (row["type"], row["priority"], row["created_at"]) == (
            job["type"],
            str(job["priority"]),
            job["created_at"],
        )
    assert json.loads(rows[0]["payload"]) == {"x": "ö, y"}
    assert (rows[0]["started_at"], rows[0]["result"]) == ("", "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])  # noqa: RUF001
def test_no_cell_of_a_csv_is_a_formula(client: FlaskClient, text: str) -> None:
    jobs.create(text, None, 3)
    (row,) = table(client)
    assert (row["type"], row["priority"]) == (f"'{text}", "3")
    assert exported(client)[0]["type"] == text


def test_no_jobs_are_a_head_or_nothing(client: FlaskClient) -> None:
    assert exported(client) == []
    assert client.get("/jobs/export?format=csv").text == f"{','.join(FullJob._fields)}\r\n"


def test_the_filters_are_those_of_the_list(client: FlaskClient) -> None:
    for kind, reason in (("mail", "timed out after 3 s"), ("Mail_in", "timed out after 9 s"), ("other", "refused")):
        jobs.fail(jobs.process(jobs.create(kind, None, 0).id).id, reason)
    make_job(type="mail")
    for query in (
        {"status": "FAILED"},
        {"type": "mail"},
        {"type_prefix": "MAIL", "status": "FAILED"},
        {"reason": "timed out after 1 s"},
        {"q": "refused"},
        {"since": "2026-01-01T00:00:00"},
        {"until": "2026-01-01T00:00:00"},
    ):
        assert exported(client, **query) == call(client, "GET /jobs", 200, query_string=query | {"full": "1"})[::-1]


def test_a_file_has_a_plain_name_and_what_is_asked_wrongly_is_refused(client: FlaskClient) -> None:
    for form in ("csv", "ndjson"):
        answer = client.get(f"/jobs/export?format={form}&type=../x")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="jobs.{form}"'
        assert client.head(f"/jobs/export?format={form}").data == b""
    for query in ("format=xml", "format=", "format=csv&format=csv", "status=LOST", "since=soon"):
        refused(client, f"GET /jobs/export?{query}", 422)
    assert client.post("/jobs/export").status_code == 405


def test_what_is_created_or_ends_meanwhile_is_no_part_of_it(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make_many(4)
    monkeypatch.setattr(export, "SLICE", 2)
    body = client.get("/jobs/export?status=PENDING").iter_encoded()
    sent = next(body)
    make_job()
    jobs.fail(ids[2], None)
    told = [json.loads(line)["id"] for line in (sent + b"".join(body)).splitlines()]
    assert told == [ids[0], ids[1], ids[3]]


def test_half_sent_files_hold_no_connection_and_no_transaction(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_many(40)
    monkeypatch.setattr(export, "SLICE", 10)
    half_sent = [client.get("/jobs/export").iter_encoded() for _ in range(30)]
    for body in half_sent:
        next(body)
    call(client, "POST /jobs/claim", 200)
    call(client, "POST /jobs", 201, json={"type": "t"})
    assert {b"".join(body).count(b"\n") for body in half_sent} == {30}


def test_memory_does_not_grow_with_the_length_of_the_list_or_its_jobs(client: FlaskClient) -> None:
    for _ in range(20):
        jobs.create("long", LONG, 0)
    make_many(2_000)
    url = "/jobs/export?format=csv"
    for _ in client.get(url).iter_encoded():  # what is made once
        pass
    tracemalloc.start()
    size = sum(map(len, client.get(url).iter_encoded()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 18_000_000
    assert peak < 12_000_000


@pytest.fixture
def half_sent(start_server: StartServer, sqlite_url: str) -> Iterator[tuple[Server, httpx.Response]]:
    """A server with more jobs than a connection holds, and a file of which the first bytes have come."""
    server = start_server(sqlite_url)
    for _ in range(30):
        http.post(f"{server.url}/jobs", json={"type": "long", "payload": {"text": "x" * 900_000}})
    with http.stream("GET", f"{server.url}/jobs/export") as answer:
        yield server, answer


def test_a_claim_is_answered_during_an_export(half_sent: tuple[Server, httpx.Response]) -> None:
    server, answer = half_sent
    body = answer.iter_raw()
    sent = next(body)
    assert http.post(f"{server.url}/jobs/claim").json()["status"] == "RUNNING"
    assert (sent + b"".join(body)).count(b"\n") == 30


def test_a_file_that_cannot_be_read_to_its_end_is_cut_off(half_sent: tuple[Server, httpx.Response]) -> None:
    server, answer = half_sent
    body = answer.iter_raw()
    next(body)
    with closing(sqlite3.connect(server.env["DATABASE_URL"].removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("DROP TABLE jobs")
    with pytest.raises(httpx.RemoteProtocolError):
        list(body)


def test_the_page_exports_its_own_list_for_whoever_may_look(client: FlaskClient) -> None:
    make_job(JobStatus.FAILED, type="mail")
    make_job(type="mail")
    page = client.get("/dashboard/?status=FAILED&type=MAI").text
    assert "/dashboard/export?format=csv&amp;status=FAILED&amp;type=MAI" in page
    got = client.get("/dashboard/export?status=FAILED&type=MAI&format=ndjson")
    assert [json.loads(line)["status"] for line in got.text.splitlines()] == ["FAILED"]
    assert client.get("/dashboard/export").mimetype == "text/csv"
    assert client.get("/dashboard/export?format=xml").status_code == 422
    assert client.get("/dashboard/export?status=LOST").status_code == 422
