"""An exception has one status and one sentence through every door, and each door renders it in its own way."""

import logging
from typing import NoReturn

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import Forbidden, TooManyRequests

from dashboard.core.errors import JobNotFoundError, NoPendingJobsError
from dashboard.database.errors import DatabaseBusyError, TookTooLongError, UnusableDatabaseError
from tests.support.app import MakeApp

BUSY = "The database is busy or cannot be reached."
REFUSALS = [
    (JobNotFoundError(), 404, "Job not found"),
    (NoPendingJobsError(), 404, "No pending jobs"),
    (
        OperationalError("SELECT 1", None, Exception("disk I/O error")),
        503,
        BUSY,
    ),
    (DatabaseBusyError(), 503, BUSY),
    (UnusableDatabaseError("It is another service's"), 503, BUSY),
    (TookTooLongError(), 503, "The search took too long and was stopped."),
    (Forbidden("Not you"), 403, "Not you"),
    (TooManyRequests("Later", retry_after=7), 429, "Later"),
    (ZeroDivisionError("secret"), 500, "Something went wrong on our side"),
]
NAMES = [type(error).__name__ for error, _, _ in REFUSALS]


def app_that_raises(app: Flask, error: Exception) -> Flask:
    """With a view of each door, and one of no door, that raises it."""

    def view() -> NoReturn:
        raise error

    for path in ("/jobs/x/y", "/readyz/x", "/dashboard/x", "/dashboard/fragments/x", "/x"):
        app.add_url_rule(path, view_func=view, endpoint=path, methods=["GET", "POST"])
    return app


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    return make_app(sqlite_url)


@pytest.mark.parametrize(("error", "status", "sentence"), REFUSALS, ids=NAMES)
def test_every_door_refuses_with_the_same_status_and_sentence(
    app: Flask, error: Exception, status: int, sentence: str
) -> None:
    client = app_that_raises(app, error).test_client()
    for path in ("/jobs/x/y", "/readyz/x"):
        answer = client.get(path, headers={"Accept": "text/html"})
        shape = (answer.status_code, answer.mimetype, list(answer.get_json()))
        assert shape == (status, "application/json", ["detail"])
        assert answer.get_json()["detail"].startswith(sentence)
    for path in ("/dashboard/x", "/x", "/dashboard/fragments/x"):
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (status, "text/html")
        assert sentence.replace("'", "&#39;") in answer.text
        assert (answer.headers.get("HX-Retarget") == "#toasts") == ("fragments" in path)
        answer = client.get(path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.mimetype) == (status, "application/json")


@pytest.mark.parametrize("path", ["/jobs/x/y", "/x", "/dashboard/fragments/x"])
def test_headers_that_a_client_acts_on_are_kept_by_every_door(app: Flask, path: str) -> None:
    client = app_that_raises(app, TooManyRequests("Later", retry_after=7)).test_client()
    assert client.get(path).headers["Retry-After"] == "7"
    assert set(client.put(path).headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_database_that_is_away_says_when_to_try_again(app: Flask) -> None:
    assert app_that_raises(app, DatabaseBusyError()).test_client().get("/jobs/x/y").headers["Retry-After"] == "2"


def test_an_element_refreshes_after_a_write_that_a_job_s_status_forbids_and_not_after_a_read(app: Flask) -> None:
    client = app_that_raises(app, JobNotFoundError()).test_client()
    assert client.post("/dashboard/fragments/x").headers["HX-Trigger"] == "jobs-changed"
    assert "HX-Trigger" not in client.get("/dashboard/fragments/x").headers
    assert "HX-Trigger" not in client.post("/dashboard/fragments/nothing").headers


def test_the_log_has_the_cause_and_the_answer_has_not(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    answer = app_that_raises(app, ZeroDivisionError("secret")).test_client().get("/x")
    assert "ZeroDivisionError: secret" in caplog.text
    assert "secret" not in answer.text


def test_everything_that_is_wrong_with_an_operation_s_body_is_one_422(app: Flask) -> None:
    answer = app.test_client().post("/jobs", json={"priority": -1})
    assert (answer.status_code, [problem["loc"] for problem in answer.get_json()["detail"]]) == (
        422,
        [["body", "type"], ["body", "priority"]],
    )
