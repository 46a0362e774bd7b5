"""The forms: their limits, and what they say of a wrong field."""

import re
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.core.job import PRIORITY_MAX, JobStatus
from tests.support.factory import make_job

YEAR = datetime.now(UTC).year + 2

WRONG = (
    ("type", "", "A job needs a type"),
    ("type", "x" * 101, "100 characters"),
    ("type", "a\0b", "NUL"),
    ("payload", '{"a": 1', "Not valid JSON"),
    ("payload", '{"a": NaN}', "Not valid JSON"),
    ("payload", '{"a": 1e999}', "too large"),
    ("payload", '{"a": "\\ud800"}', "Not valid JSON"),
    ("payload", '{"a": 1, "a": 2}', "Not valid JSON"),
    ("payload", '{"a":' * 300 + "1" + "}" * 300, "Not valid JSON"),
    ("payload", "[1]", "must be a JSON object"),
    ("priority", "-1", "From 0 to 2,147,483,647"),
    ("priority", "1.5", "must be a whole number"),
    ("priority", "abc", "must be a whole number"),
    ("priority", str(PRIORITY_MAX + 1), "From 0 to 2,147,483,647"),
    ("priority", "9" * 5000, "must be a whole number"),
    ("run_at", "tomorrow", "must be a date and time, such as 2030-01-31 03:00"),
    ("run_at", "2026-11-26", "must be a date and time"),
    ("run_at", f"{YEAR}-02-30 03:00", "There is no such date and time"),
    ("run_at", "9999-01-01 00:00", "A time is at most ten years ahead"),
    ("run_at", "-1e30", "must be a date and time"),
    ("max_attempts", "0", "From 1 to 100"),
    ("max_attempts", "101", "From 1 to 100"),
    ("max_attempts", "2.0", "must be a whole number"),
)
NEW = ("/dashboard/jobs/new", "/dashboard/fragments/new")  # the form without JavaScript, and with it


@pytest.mark.parametrize(("field", "text", "says"), WRONG)
def test_what_is_wrong_with_a_field_stands_under_it_and_what_was_typed_stays(
    client: FlaskClient, field: str, text: str, says: str
) -> None:
    typed = {"type": "resize", "payload": '{"ok": "<&>"}', "priority": "7"}
    typed |= {"run_at": f"{YEAR}-11-26 03:00", "max_attempts": "3"} | {field: text}
    for url in NEW:
        answer = client.post(url, data=typed)
        told = {name: text for name, text in re.findall(r'id="(\w+)-error">(.*?)</p>', answer.text, re.DOTALL) if text}
        assert (answer.status_code, set(told)) == (422, {field})
        assert says in told[field]
        assert f"{escape(typed['payload'])}</textarea>" in answer.text
        for name in ("type", "priority", "run_at", "max_attempts"):
            assert re.search(rf'name="{name}"[^>]*? value="{re.escape(escape(typed[name]))}"', answer.text)
    assert client.get("/jobs").get_json() == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (f"{YEAR}-11-26 03:00", f"{YEAR}-11-26T03:00:00"),
        (f" {YEAR}-11-26T03:00:30 ", f"{YEAR}-11-26T03:00:30"),
        (f"{YEAR}-11-26 03:00+01:00", f"{YEAR}-11-26T02:00:00"),
        (f"{YEAR}-11-26 03:00Z", f"{YEAR}-11-26T03:00:00"),
        ("2020-01-01 00:00", None),
        ("", None),
    ],
)
def test_a_time_is_utc_unless_a_zone_is_typed_and_a_past_one_is_at_once(
    client: FlaskClient, typed: str, meant: str | None
) -> None:
    for url in NEW:
        assert "In UTC" in client.get(url).text
        assert client.post(url, data={"type": "nightly", "run_at": typed}).status_code in (200, 303)
        (job,) = client.get("/jobs?full=1&limit=1").get_json()
        assert (job["run_at"], job["max_attempts"], job["status"]) == (meant, None, "PENDING")


def test_attempts_are_what_was_typed(client: FlaskClient) -> None:
    for url in NEW:
        client.post(url, data={"type": "nightly", "max_attempts": "100"})
        assert client.get("/jobs?full=1&limit=1").get_json()[0]["max_attempts"] == 100


def test_a_result_that_is_not_an_object_completes_nothing(client: FlaskClient) -> None:
    job = make_job(JobStatus.RUNNING)
    for door in ("/dashboard", "/dashboard/fragments"):
        answer = client.post(f"{door}/jobs/{job.id}/complete", data={"result": "[1]"})
        assert answer.status_code == 422
        assert re.search(r'id="result-error">It must be a JSON object', answer.text)
    assert client.get(f"/jobs/{job.id}").get_json()["status"] == "RUNNING"


def test_a_type_and_a_payload_at_their_limits_pass_through_the_form(client: FlaskClient) -> None:
    typed = {"type": "ä" * 100, "payload": '{"text": "' + "x" * 900_000 + '"}', "priority": str(PRIORITY_MAX)}
    assert client.post("/dashboard/jobs/new", data=typed).status_code == 303
