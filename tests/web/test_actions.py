"""The actions on both doors: each does what the API does, and refuses in the same words."""

import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.core.transitions import JOB_ACTIONS, TRANSITIONS, Action
from dashboard.web.actions import POSTS
from tests.support.factory import make_job


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
    assert set(JOB_ACTIONS) < set(POSTS)


@pytest.mark.parametrize("door", ["/dashboard", "/dashboard/fragments"])
def test_an_action_that_does_not_ask_first_has_no_form(client: FlaskClient, door: str) -> None:
    for action in (action for action in POSTS if not TRANSITIONS[Action(action)].asks):
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
