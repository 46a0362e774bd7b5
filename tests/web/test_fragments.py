"""The fragments that htmx requests: forms in the dialog, and posts that answer with a toast."""

import re

import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.core.transitions import TRANSITIONS, Action
from tests.support.factory import make_job

SOURCE = {
    Action.CLAIM: JobStatus.PENDING,
    Action.PROCESS: JobStatus.PENDING,
    Action.COMPLETE: JobStatus.RUNNING,
    Action.FAIL: JobStatus.RUNNING,
    Action.UNDO: JobStatus.PENDING,
}


@pytest.mark.parametrize(
    ("path", "title", "button"),
    [
        ("new", "New job", "Create job"),
        ("jobs/{id}/complete", "Complete <bdi>resize", "Complete job"),
        ("jobs/{id}/fail", "Fail <bdi>resize", "Fail job"),
    ],
)
def test_a_form_goes_into_the_dialog_and_posts_to_its_own_url(
    client: FlaskClient, path: str, title: str, button: str
) -> None:
    job = make_job(JobStatus.RUNNING, type="resize")
    url = f"/dashboard/fragments/{path.format(id=job.id)}"
    answer = client.get(url)
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#ask", "innerHTML")
    assert f'data-hx-post="{url}"' in answer.text
    assert re.search(rf'<h2 id="ask-title">{title}\b', answer.text)
    assert re.search(rf">{button}</button>", answer.text)


@pytest.mark.parametrize(("action", "warns"), [("complete", False), ("fail", True)])
def test_the_button_that_ends_a_job_badly_warns(client: FlaskClient, action: str, warns: bool) -> None:
    job = make_job(JobStatus.RUNNING)
    html = client.get(f"/dashboard/fragments/jobs/{job.id}/{action}").text
    assert ('<button class="danger" ' in html) == warns


@pytest.mark.parametrize("action", SOURCE)
def test_a_post_answers_with_a_toast_and_makes_every_element_refresh(client: FlaskClient, action: Action) -> None:
    job = make_job(SOURCE[action])
    path = "claim" if action is Action.CLAIM else f"jobs/{job.id}/{action}"
    answer = client.post(f"/dashboard/fragments/{path}")
    assert answer.status_code == 200
    assert re.search(rf'{TRANSITIONS[action].done} <a href="/dashboard/jobs/{job.id}">', answer.text)
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Trigger"]) == ("#toasts", "jobs-changed")
    assert client.get(f"/jobs/{job.id}").get_json()["status"] == TRANSITIONS[action].target


def test_the_toast_of_a_new_job_can_undo_it_with_and_without_javascript(client: FlaskClient) -> None:
    for attribute in ("action", "data-hx-post"):
        answer = client.post("/dashboard/fragments/new", data={"type": "oops"})
        assert "Created" in answer.text
        assert answer.headers["HX-Trigger"] == "job-created, jobs-changed"
        url = re.search(rf' {attribute}="([^"]+/undo)"', answer.text)
        assert url
        assert client.post(url[1]).status_code in (200, 303)
        newest = client.get("/jobs?limit=1").get_json()[0]
        assert (newest["status"], newest["result"]) == ("FAILED", {"reason": "called off right after it was created"})


def test_a_job_that_was_deleted_is_replaced_by_what_never_asks_again(client: FlaskClient) -> None:
    answer = client.get("/dashboard/fragments/jobs/no-such-job")
    assert answer.status_code == 404
    assert '<article id="job">' in answer.text
    assert "data-hx" not in answer.text
    assert "HX-Trigger" not in answer.headers
