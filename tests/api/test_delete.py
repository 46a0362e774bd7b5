"""DELETE /jobs/{id}: an operator deletes a finished job, and nothing else."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.core.job import JobStatus
from dashboard.database.schema import runs
from dashboard.database.transactions import reading
from dashboard.store import consistency
from tests.support.app import MakeApp
from tests.support.calls import refused
from tests.support.factory import UNKNOWN, make_job
from tests.support.html import page
from tests.support.leases import TOKEN, leased

TOKENS = "ci:operator:token-of-ci-0123456"


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED])
def test_a_finished_job_is_deleted_and_answered_by_204_without_a_body(client: FlaskClient, status: JobStatus) -> None:
    job, other = make_job(status), make_job(status)
    answer = client.delete(f"/jobs/{job.id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert [each["id"] for each in client.get("/jobs").get_json()] == [other.id]
    assert client.get("/jobs/summary").get_json()[status.lower()] == 1
    assert refused(client, f"DELETE /jobs/{job.id}", 404) == "Job not found"


def test_its_runs_go_with_it(client: FlaskClient) -> None:
    make_job()
    job = leased(client)["id"]
    client.post(f"/jobs/{job}/complete?token={TOKEN}")
    assert client.delete(f"/jobs/{job}").status_code == 204
    with reading() as tx:
        assert tx.execute(select(runs)).all() == []
        assert consistency.problems(tx) == []


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
def test_one_that_is_not_finished_is_refused_with_its_status(client: FlaskClient, status: JobStatus) -> None:
    job = make_job(status)
    said = refused(client, f"DELETE /jobs/{job.id}", 400)
    assert said == f"Cannot delete the job: it is {status}, not COMPLETED or FAILED"


@pytest.mark.parametrize("name", [UNKNOWN, "nonexistent-id", "%00", "queue", "batch"])
def test_an_id_that_names_no_job_is_404_or_405(client: FlaskClient, name: str) -> None:
    make_job(JobStatus.COMPLETED)
    refused(client, f"DELETE /jobs/{name}", 405 if name in ("queue", "batch") else 404)


def test_it_is_kept_who_deleted_which_job_and_of_which_type(make_app: MakeApp, database_url: str) -> None:
    client = make_app(database_url, TOKENS=TOKENS).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer token-of-ci-0123456"
    job = client.post("/jobs", json={"type": "report"}).get_json()["id"]
    client.delete(f"/jobs/{job}")  # refused: it waits
    client.post(f"/jobs/{job}/process")
    client.post(f"/jobs/{job}/complete")
    client.delete(f"/jobs/{job}")
    [entry] = client.get("/activity").get_json()
    told = {name: entry[name] for name in ("who", "action", "job_id", "detail")}
    assert told == {"who": "ci", "action": "delete", "job_id": job, "detail": "report"}
    assert "Deleted" in page(client, "/dashboard/activity")


def test_the_names_that_are_calls_are_no_jobs_to_delete(client: FlaskClient) -> None:
    """A call that is added later must be left out of the ids that can be deleted, too."""
    rules = {rule.rule for rule in client.application.url_map.iter_rules()}
    calls = sorted(rule for rule in rules if rule.startswith("/jobs/") and rule.count("/") == 2 and "<" not in rule)
    assert "/jobs/claim" in calls
    for call in calls:
        answer = client.delete(call)
        assert (answer.status_code, "DELETE" in answer.headers["Allow"]) == (405, False), call
