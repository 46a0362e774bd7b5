"""GET /jobs by type, text, reason and time."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from dashboard.core.job import JobStatus, utc_now
from dashboard.database.schema import jobs
from dashboard.database.transactions import writing
from dashboard.store import selection
from tests.support.calls import call, refused
from tests.support.factory import make_job, make_many


def found(client: FlaskClient, **query: str) -> list[str]:
    """The types of the jobs that it lists."""
    answer = client.get("/jobs", query_string=query)
    assert answer.status_code == 200, answer.text
    return [job["type"] for job in answer.get_json()]


def fail(client: FlaskClient, kind: str, reason: str) -> str:
    job_id = make_job(JobStatus.RUNNING, type=kind).id
    call(client, f"POST /jobs/{job_id}/fail", 200, query_string={"reason": reason})
    return job_id


def test_a_type_is_exact_and_a_prefix_is_in_either_case(client: FlaskClient) -> None:
    for name in ("mail", "Mail_out", "mail_in", "e-mail", "Öl", "m%"):
        make_job(type=name)
    assert found(client, type="mail") == ["mail"]
    assert found(client, type_prefix="MAIL") == ["mail_in", "Mail_out", "mail"]
    assert found(client, type_prefix="öl") == ["Öl"]
    assert found(client, type_prefix="m%") == ["m%"]
    assert found(client, type="none") == []


def test_a_text_is_looked_for_in_the_reason_too(client: FlaskClient) -> None:
    job_id = fail(client, "a", "no route to Host 7")
    call(client, "POST /jobs", 201, json={"type": "b", "payload": {"to": "host 7"}})
    make_job(type="c")
    assert found(client, q="HOST 7") == ["b", "a"]
    assert found(client, q=job_id) == ["a"]
    assert found(client, q="host 7", status="FAILED") == ["a"]


def test_a_reason_finds_those_that_failed_for_the_same_also_by_its_key(client: FlaskClient) -> None:
    for kind, reason in (("a", "timed out after 3 s"), ("b", "timed out after 20 s\nmore"), ("a", "refused")):
        fail(client, kind, reason)
    assert found(client, reason="timed out after 1 s") == ["b", "a"]
    assert found(client, reason="timed out after # s", type="a") == ["a"]
    assert found(client, reason="refused", status="FAILED") == ["a"]
    assert found(client, reason="refused", status="COMPLETED") == []


def test_a_time_is_that_at_which_a_job_came_into_its_status(client: FlaskClient) -> None:
    make_job(type="old")
    fail(client, "old that failed now", "no")
    with writing() as tx:
        tx.execute(update(jobs).values(created_at=utc_now() - timedelta(days=2)))
    make_job(type="new")
    bound = (utc_now() - timedelta(days=1)).isoformat()
    assert found(client, since=bound) == ["new", "old that failed now"]
    assert found(client, until=f"{bound}Z") == ["old"]


def test_a_filter_goes_on_through_all_jobs_and_pages_by_the_last_id(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_job(type="rare"), make_job(type="rare")
    make_many(50)
    monkeypatch.setattr(selection, "WINDOW", 7)
    assert [job["id"] for job in call(client, "GET /jobs?type=rare&limit=1", 200)] == [second.id]
    assert [job["id"] for job in call(client, f"GET /jobs?type=rare&before={second.id}", 200)] == [first.id]
    assert [job["attempt"] for job in call(client, "GET /jobs?type=rare&full=1", 200)] == [0, 0]


def test_a_search_that_takes_too_long_is_stopped_and_says_so(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_many(50)
    monkeypatch.setattr(selection, "WINDOW", 7)
    monkeypatch.setattr(selection, "SECONDS", 0.001)
    assert "took too long" in refused(client, "GET /jobs?q=rare", 503)


@pytest.mark.parametrize(
    "query", ["type=", "q=", "since=soon", "since=2026-02-30T00:00", "until=", "type=%00", "q=%ff"]
)
def test_what_is_no_filter_is_refused(client: FlaskClient, query: str) -> None:
    refused(client, f"GET /jobs?{query}", 422)


def test_what_a_query_has_beyond_is_passed_over_and_named(client: FlaskClient) -> None:
    make_job()
    answer = client.get("/jobs?limit=5&sort=asc&a%0d%0aSet-Cookie%3a=1&sort=desc&%ff=1")
    assert (answer.status_code, len(answer.get_json())) == (200, 1)
    assert answer.headers["X-Ignored-Query"] == "sort, a%0D%0ASet-Cookie%3A, %FF"
    assert "X-Ignored-Query" not in client.get("/jobs?limit=5&status=PENDING").headers
    assert "X-Ignored-Query" not in client.get("/jobs").headers
    assert (
        len(client.get("/jobs?" + "&".join(f"x{n}{'y' * 200}=1" for n in range(99))).headers["X-Ignored-Query"]) < 3_000
    )


def test_a_date_of_a_filter_is_utc_unless_it_has_a_zone(client: FlaskClient) -> None:
    make_job(type="noon")
    with writing() as tx:
        tx.execute(update(jobs).values(created_at=datetime(2026, 1, 1, 12)))
    assert found(client, since="2026-01-01T12:00:00") == found(client, since="2026-01-01T13:00:00+01:00") == ["noon"]
    assert found(client, since="2026-01-01T12:00:01") == []
