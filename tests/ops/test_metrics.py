"""/metrics tells what the table and the requests were, in bounded labels, and costs as much whatever there is."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from sqlalchemy import delete, text, update
from sqlalchemy.exc import OperationalError

from dashboard.core.job import JobStatus, utc_now
from dashboard.core.minutes import REST, TYPES_MAX
from dashboard.core.who import NOBODY
from dashboard.database.schema import counting, jobs, minutes
from dashboard.database.transactions import writing
from dashboard.ops import housekeeper
from dashboard.services import minutes as minute_service
from dashboard.services import pause
from dashboard.services.memory import Memory
from dashboard.store import by_type
from dashboard.store.minutes import minute_of
from tests.support.app import MakeApp
from tests.support.factory import make_job, make_many
from tests.support.leases import TOKEN
from tests.support.server import ROOT
from tests.support.statements import statements

P = "jobqueue_"
Samples = dict[str, float]


def read(answer: str, parse: Callable[[str], Iterable[Metric]] = plain) -> Samples:
    """Each sample by its name without the prefix, and its labels' values."""
    found = {}
    for family in parse(answer):
        for sample in family.samples:
            values = [value for _, value in sorted(sample.labels.items(), key=lambda label: label[0] == "le")]
            found[" ".join([sample.name.removeprefix(P), *values])] = sample.value
    return found


def seen(client: FlaskClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return read(answer.text)


def count_all(client: FlaskClient) -> None:
    """As if the minutes until now were over: their counts do not change any more."""
    with client.application.app_context():
        while minute_service.recount(minute_service.Counter()):
            pass
        with writing() as tx:
            tx.execute(update(counting).values(minute=minute_of(utc_now() + timedelta(minutes=3))))


@pytest.fixture
def counted_from_now(app: Flask) -> None:
    with writing() as tx:
        tx.execute(delete(minutes))
        tx.execute(update(counting).values(minute=minute_of(utc_now()), counted_at=None))


def test_the_jobs_now_are_those_of_the_tables(client: FlaskClient) -> None:
    for status, kind in ((JobStatus.RUNNING, "a"), (JobStatus.COMPLETED, "a"), (JobStatus.FAILED, "b")):
        make_job(status, type=kind)
    for kind in "aab":
        make_job(type=kind)
    client.post("/jobs", json={"type": "later", "run_at": 3_600})
    found = seen(client)
    assert [found[f"jobs {status}"] for status in JobStatus] == [4, 1, 1, 1]
    assert {key: value for key, value in found.items() if key.startswith(("jobs_ready", "jobs_running"))} == {
        **{"jobs_ready a": 2, "jobs_ready b": 1, f"jobs_ready {REST}": 0},
        **{"jobs_running a": 1, f"jobs_running {REST}": 0},
    }
    assert (found["jobs_delayed"], found["claims_paused"], found["database_up"]) == (1, 0, 1)


def test_the_oldest_that_waits_and_what_runs_too_long_are_told(client: FlaskClient) -> None:
    assert seen(client)["oldest_ready_seconds"] == 0
    waits, runs = make_job(), make_job(JobStatus.RUNNING)
    with writing() as tx:
        then = utc_now() - timedelta(hours=2)
        tx.execute(update(jobs).where(jobs.c.id == waits.id).values(created_at=then))
        tx.execute(update(jobs).where(jobs.c.id == runs.id).values(started_at=then))
    client.application.extensions["overview"] = Memory()  # the verdict of a moment ago is remembered
    found = seen(client)
    assert found["oldest_ready_seconds"] == pytest.approx(7_200, abs=60)
    assert found["jobs_overdue"] == 1
    pause.begin(NOBODY, None)
    assert seen(client)["claims_paused"] == 1
    pause.end(NOBODY)


@pytest.mark.usefixtures("counted_from_now")
def test_the_counters_and_the_histograms_are_what_happened(client: FlaskClient) -> None:
    with client.application.app_context():
        housekeeper.count(client.application)  # the totals begin
    for status, kind in ((JobStatus.COMPLETED, "a"), (JobStatus.COMPLETED, "a"), (JobStatus.FAILED, "b")):
        make_job(status, type=kind)
    client.post(f"/jobs/{make_job(type='b').id}/fail")
    assert f"jobs_created_total {REST}" in seen(client)
    count_all(client)
    found = seen(client)
    counters = {
        f"{event} {kind}": found[f"jobs_{event}_total {kind}"]
        for event in ("created", "started", "completed", "failed", "called_off")
        for kind in "ab"
    }
    assert counters == {
        **{"created a": 2, "started a": 2, "completed a": 2, "failed a": 0, "called_off a": 0},
        **{"created b": 2, "started b": 1, "completed b": 0, "failed b": 1, "called_off b": 1},
    }
    assert [found[f"job_{name}_seconds_bucket a +Inf"] for name in ("waited", "ran")] == [2, 2]
    assert [found[f"job_{name}_seconds_bucket b +Inf"] for name in ("waited", "ran")] == [1, 1]


def test_requests_are_counted_by_rule_and_status_and_by_nothing_that_a_client_says(client: FlaskClient) -> None:
    job = make_job().id
    client.get(f"/jobs/{job}")
    client.get("/jobs/no-such-job")
    client.get("/jobs?limit=zero")
    client.get("/jobs", headers={"Host": "evil.example"})
    client.get("/no/such/address")
    client.open("/jobs", method="INVENTED")
    client.head("/jobs")
    client.get("/dashboard/")
    found = {key: value for key, value in seen(client).items() if key.startswith("http_requests_total")}
    assert found == {
        f"http_requests_total {line}": 1
        for line in (
            *("GET /jobs/<job_id:job_id> 200", "GET /jobs/<job_id:job_id> 404", "GET /jobs 422", "GET /jobs 400"),
            *("GET - 404", "- - 405", "HEAD /jobs 200", "GET /dashboard/ 200"),
        )
    }
    again = seen(client)
    assert again["http_requests_total GET /metrics 200"] == 1
    assert again["http_request_seconds_count GET /jobs/<job_id:job_id>"] == 2
    assert again["http_request_seconds_bucket GET /jobs/<job_id:job_id> +Inf"] == 2
    assert 0 < again["http_request_seconds_sum GET /jobs/<job_id:job_id>"] < 60


def test_commits_writes_attempts_and_leases_are_counted(client: FlaskClient, app: Flask) -> None:
    before = seen(client)
    client.post("/jobs", json={"type": "expires", "expires_at": "2026-01-01T00:00:00"})
    client.post("/jobs", json={"type": "t", "max_attempts": 5})
    job = client.post("/jobs/claim?type=t&lease=60", headers={"Idempotency-Key": TOKEN}).get_json()["id"]
    client.post(f"/jobs/{job}/fail?token={TOKEN}&retry_in=0")
    client.post(f"/jobs/{job}/fail?token={TOKEN}&retry_in=0")  # a repeat
    now = seen(client)
    grown = {name: now[name] - before[name] for name in ("commits_total", "writes_total", "jobs_retried_total")}
    assert grown == {"commits_total": 5, "writes_total": 5, "jobs_retried_total": 1}


def test_what_time_makes_of_jobs_is_counted(make_app: MakeApp, database_url: str) -> None:
    app = make_app(database_url, LEASE_GRACE="0")
    client = app.test_client()
    client.post(
        "/jobs/batch", json=[{"type": "t", "max_attempts": 5}] * 2 + [{"type": "late", "expires_at": 3_600}] * 3
    )
    client.post("/jobs/claim?type=t&lease=60&limit=2")
    with app.app_context():
        with writing() as tx:
            tx.execute(text("UPDATE runs SET expires_at = '2026-01-01 00:00:00'"))
            tx.execute(text("UPDATE jobs SET expires_at = '2026-01-01 00:00:00' WHERE type = 'late'"))
        housekeeper.keep(app)
    found = seen(client)
    assert [found[f"{name}_expired_total"] for name in ("leases", "jobs")] == [2, 3]
    assert found["jobs_retried_total"] == 2


def test_without_a_database_it_tells_of_itself_and_counts_the_error(
    make_app: MakeApp, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_app(sqlite_url).test_client()
    client.get("/healthz")
    assert seen(client)["database_up"] == 1

    def away() -> None:
        raise OperationalError("SELECT 1", None, Exception("gone"))

    monkeypatch.setattr("dashboard.ops.metrics.look", away)
    found = seen(client)
    assert found["database_up"] == 0
    assert found["database_errors_total OperationalError"] == 1
    assert found["http_requests_total GET /healthz 200"] == 1
    assert not any(key.startswith("jobs ") for key in found)


HOSTILE = ["a\nb", 'say "hi"', "back\\slash", "\u202eright to left", "\\n", "\u2028", "é", "{le=1}", "\r", "#", " "]


@pytest.mark.parametrize(
    ("parse", "accept"), [(plain, "text/plain"), (openmetrics, "application/openmetrics-text;version=1.0.0")]
)
def test_a_type_is_a_label_whatever_is_in_it(
    client: FlaskClient, parse: Callable[[str], Iterable[Metric]], accept: str
) -> None:
    for kind in HOSTILE:
        make_job(type=kind)
    answer = client.get("/metrics", headers={"Accept": accept})
    assert answer.content_type.startswith(accept.partition(";")[0])
    kinds = {
        sample.labels["type"]: sample.value
        for family in parse(answer.text)
        for sample in family.samples
        if sample.name == "jobqueue_jobs_ready"
    }
    assert kinds == {**dict.fromkeys(HOSTILE, 1.0), REST: 0.0}


def test_types_beyond_a_hundred_are_other(client: FlaskClient) -> None:
    for number in range(TYPES_MAX + 20):
        client.post("/jobs/batch", json=[{"type": f"type-{number:03}"}] * 2)
    client.post("/jobs", json={"type": REST, "priority": 9})
    client.post("/jobs/claim?limit=100")
    found = {key: value for key, value in seen(client).items() if key.startswith(("jobs_ready", "jobs_running"))}
    for name, total in (("jobs_ready", 141), ("jobs_running", 100)):
        of_types = {key: value for key, value in found.items() if key.startswith(name)}
        assert len(of_types) <= TYPES_MAX + 1
        assert sum(of_types.values()) == total


def test_where_very_many_wait_the_sum_is_still_right(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_type, "READY_MAX", 30)
    make_many(50)
    assert seen(client)["jobs_ready job"] == 50
    for kind in ("few", *["many"] * 40):
        make_job(type=kind)
    found = seen(client)
    assert [found[f"jobs_ready {kind}"] for kind in ("job", "many", "few", REST)] == [10, 10, 1, 70]


def test_it_costs_as_many_statements_however_many_jobs_there_are(client: FlaskClient) -> None:
    def cost() -> int:
        client.application.extensions["overview"] = Memory()
        return len(statements(lambda: client.get("/metrics")))

    def fill(number: int) -> None:
        for kind in "abc":
            client.post("/jobs/batch", json=[{"type": kind}] * number)
        client.post("/jobs/claim?limit=10")
        count_all(client)

    fill(20)
    few = cost()
    fill(400)
    assert cost() == few
    assert few < 30


def test_the_readme_names_every_metric_and_no_other(client: FlaskClient) -> None:
    section = (ROOT / "README.md").read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `(jobqueue_\w+)", section, re.MULTILINE))
    there = re.findall(r"^# TYPE (\w+) (\w+)", client.get("/metrics").text, re.MULTILINE)
    assert told == {name for name, _ in there}
