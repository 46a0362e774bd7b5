"""The actions on both doors: each does what the API does, and refuses in the same words."""

import re

import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.core.transitions import JOB_ACTIONS, RETRY, RULES, TRANSITIONS, Action
from dashboard.web.actions import POSTS
from tests.support.factory import make_job
from tests.support.html import page
from tests.support.leases import TOKEN, leased


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("action", [Action.CLAIM, *JOB_ACTIONS])
def test_a_form_refuses_what_the_api_refuses_in_the_same_words(
    client: FlaskClient, action: Action, status: JobStatus
) -> None:
    for door, success in (("/dashboard", 303), ("/dashboard/fragments", 200)):
        job = make_job(status)
        path = "claim" if action is Action.CLAIM else f"jobs/{job.id}/{action}"
        if status in TRANSITIONS[action].sources:
            assert client.post(f"{door}/{path}").status_code == success
        else:
            before = client.get("/jobs").get_json()
            told = client.post(f"/{path}" if action is not Action.CLAIM else "/jobs/claim")
            answer = client.post(f"{door}/{path}")
            assert answer.status_code == told.status_code >= 400
            assert f">{told.get_json()['detail']}</" in answer.text
            assert client.get("/jobs").get_json() == before


def test_a_completed_job_has_the_result_that_was_typed(client: FlaskClient) -> None:
    job = make_job(JobStatus.RUNNING)
    answer = client.post(f"/dashboard/jobs/{job.id}/complete", data={"result": '{"b": 2}'})
    assert (answer.status_code, answer.location) == (303, f"/dashboard/jobs/{job.id}")
    assert client.get(f"/jobs/{job.id}").get_json()["result"] == {"b": 2}


@pytest.mark.parametrize("status", [status for status in JobStatus if status != JobStatus.PENDING])
@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
def test_only_a_job_that_is_still_pending_is_undone(client: FlaskClient, door: str, status: JobStatus) -> None:
    job = make_job(status)
    answer = client.post(f"{door}/jobs/{job.id}/undo")
    assert answer.status_code == 400
    assert f"Cannot undo the job: it is {status}, not PENDING" in answer.text
    assert client.get(f"/jobs/{job.id}").get_json()["status"] == status


def test_every_action_that_a_row_offers_can_be_posted() -> None:
    assert {*JOB_ACTIONS, RETRY} < set(POSTS)


@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
def test_an_action_that_does_not_ask_first_has_no_form(client: FlaskClient, door: str) -> None:
    for action in (action for action in POSTS if not RULES[action].asks):
        answer = client.get(f"{door}/jobs/{make_job().id}/{action}")
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("action", ["claim", "release", "nonsense"])
@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
def test_no_other_word_acts_on_a_job(client: FlaskClient, door: str, action: str) -> None:
    assert client.post(f"{door}/jobs/{make_job().id}/{action}").status_code == 404


@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
@pytest.mark.parametrize("status", JobStatus)
def test_a_form_that_would_be_refused_is_not_shown(client: FlaskClient, door: str, status: JobStatus) -> None:
    for action in (action for action in JOB_ACTIONS if TRANSITIONS[action].asks):
        job = make_job(status)
        answer = client.get(f"{door}/jobs/{job.id}/{action}")
        assert answer.status_code == (200 if status in TRANSITIONS[action].sources else 400)


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize(("door", "success"), [("/dashboard", 303), ("/dashboard/fragments", 200)])
def test_a_finished_job_and_no_other_is_run_again_as_a_new_one(
    client: FlaskClient, door: str, success: int, status: JobStatus
) -> None:
    job = make_job(status, priority=7)
    answer = client.post(f"{door}/jobs/{job.id}/retry")
    if status not in RULES[RETRY].sources:
        assert answer.status_code == 400
        assert f"Cannot retry the job: it is {status}, not COMPLETED or FAILED" in answer.text
        assert len(client.get("/jobs").get_json()) == 1
        return
    new = client.get("/jobs?full=1&limit=1").get_json()[0]
    assert (new["retry_of"], new["priority"], new["status"]) == (job.id, 7, "PENDING")
    assert client.get(f"/jobs/{job.id}").get_json()["status"] == status
    assert answer.status_code == success
    assert f"/dashboard/jobs/{new['id']}" in (answer.location or answer.text)
    if success == 200:
        assert "Runs again as" in answer.text
        assert answer.headers["HX-Trigger"] == "job-created, jobs-changed"
        undo = re.search(r' data-hx-post="([^"]+/undo)"', answer.text)
        assert undo
        assert client.post(undo[1]).status_code == 200
        assert client.get(f"/jobs/{new['id']}").get_json()["status"] == "FAILED"


@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
def test_a_leased_job_is_completed_by_nobody_else(client: FlaskClient, door: str) -> None:
    job = make_job()
    leased(client, "&worker=mill-\u202e3")
    told = client.post(f"/jobs/{job.id}/complete").get_json()["detail"].replace("\u202e", "\\u202e")
    assert "it is leased to mill-\\u202e3 until" in told
    for answer in (client.get(f"{door}/jobs/{job.id}/complete"), client.post(f"{door}/jobs/{job.id}/complete")):
        assert answer.status_code == 409
        assert f">{told}</" in answer.text
    assert client.get(f"/jobs/{job.id}").get_json()["status"] == "RUNNING"


@pytest.mark.parametrize(("worker", "name"), [("&worker=<mill>", "&lt;mill&gt;"), ("", "A worker without a name")])
@pytest.mark.parametrize(("door", "success"), [("/dashboard", 303), ("/dashboard/fragments", 200)])
def test_failing_a_leased_job_says_from_whom_it_is_taken(
    client: FlaskClient, door: str, success: int, worker: str, name: str
) -> None:
    job = make_job()
    leased(client, worker)
    url = f"{door}/jobs/{job.id}/fail"
    said = re.sub("<[^>]+>", "", client.get(url).text)
    until = client.get(f"/jobs/{job.id}?full=1").get_json()["lease_expires_at"][:19].replace("T", " ")
    assert f"{name} holds this job until {until} UTC and will be told that it lost it." in said
    assert client.post(url, data={"reason": "wrong customer"}).status_code == success
    lost = client.post(f"/jobs/{job.id}/heartbeat?token={TOKEN}")
    assert (lost.status_code, "wrong customer" in lost.get_json()["detail"]) == (409, True)


@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
def test_failing_a_job_that_nobody_holds_says_nothing_of_a_worker(client: FlaskClient, door: str) -> None:
    for status in (JobStatus.PENDING, JobStatus.RUNNING):
        assert "holds this job" not in client.get(f"{door}/jobs/{make_job(status).id}/fail").text


@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
def test_a_finished_job_is_deleted_after_a_question_and_its_page_says_that_it_is_gone(
    client: FlaskClient, door: str
) -> None:
    job = make_job(JobStatus.FAILED)
    asks = f"{door}/jobs/{job.id}/delete"
    assert "Delete…" in page(client, f"/dashboard/jobs/{job.id}")
    assert "This cannot be undone" in page(client, asks)
    answer = client.post(asks)
    assert answer.status_code == (200 if "fragments" in door else 303)
    assert client.get(f"/jobs/{job.id}").status_code == 404
    assert "may have been deleted" in page(client, f"/dashboard/jobs/{job.id}", 404)
    assert client.post(asks).status_code == 404


@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
def test_one_that_is_not_finished_is_not_offered_to_be_deleted_nor_is_it(client: FlaskClient, door: str) -> None:
    job = make_job(JobStatus.RUNNING)
    assert "Delete…" not in page(client, f"/dashboard/jobs/{job.id}")
    for method in ("GET", "POST"):
        answer = client.open(f"{door}/jobs/{job.id}/delete", method=method)
        assert answer.status_code == 400
        assert "Cannot delete the job: it is RUNNING" in answer.text
    assert client.get(f"/jobs/{job.id}").status_code == 200
