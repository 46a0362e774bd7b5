"""The rows of the jobs table: what they show, and that a remembered row is never an old one."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.core.job import JobStatus
from dashboard.core.transitions import FINAL, Action, allowed
from dashboard.ops.housekeeper import keep
from dashboard.services.grace import Grace
from dashboard.store.listing import JobLine
from dashboard.web.rows import GAP, job_rows
from tests.support.app import MakeApp
from tests.support.factory import make_job
from tests.support.html import create, page, rows
from tests.support.leases import pass_time


def test_a_row_shows_the_type_the_payload_and_the_priority(client: FlaskClient) -> None:
    job_id = create(client, type="send_email", payload={"to": "ada"}, priority=7)
    row = rows(page(client, "/dashboard/"))[job_id]
    for part in ("send_email", escape('{"to":"ada"}'), ">7<", job_id[-8:], f'href="/dashboard/jobs/{job_id}"'):
        assert part in row


def test_a_type_and_a_payload_cannot_take_the_place_of_a_time(client: FlaskClient) -> None:
    gap = "".join(GAP)
    job_id = create(client, type=gap, payload={"text": gap})
    row = rows(page(client, "/dashboard/"))[job_id]
    assert row.count(str(escape(gap))) == 4  # also in the names of the two actions
    assert gap not in row
    assert len(re.findall(r">\d+ s</time>", row)) == 1


@pytest.mark.parametrize("status", JobStatus)
def test_only_the_actions_that_a_status_allows_are_drawn(client: FlaskClient, status: JobStatus) -> None:
    job = make_job(status)
    wanted = {f"/dashboard/jobs/{job.id}/{action}" for action in allowed(status)}
    row, whole = rows(page(client, "/dashboard/"))[job.id], page(client, f"/dashboard/jobs/{job.id}")
    deletes = {f"/dashboard/jobs/{job.id}/delete"} if status in FINAL else set()  # on its page alone
    for html, drawn in ((row, wanted), (whole, wanted | deletes)):
        assert set(re.findall(rf'(?:action|href)="(/dashboard/jobs/{job.id}/\w+)"', html)) == drawn


START = datetime(2026, 1, 2, 3, 4, 5)


def row_of(job: JobLine, now: datetime, actions: tuple[Action, ...] = ()) -> str:
    return job_rows([job], {}, lambda _, is_leased=False: list(actions), "/jobs", now)


@pytest.fixture
def line(make_app: MakeApp, sqlite_url: str) -> Iterator[JobLine]:
    """A job that began in the moment it was created."""
    with make_app(sqlite_url).app_context():
        yield JobLine(1, "the-id-of-it", "resize", None, 0, JobStatus.RUNNING, START, START, None)


def test_the_times_of_a_remembered_row_go_on(line: JobLine) -> None:
    for seconds, ran, old in ((5, "5.0 s", "5 s"), (65, "1 min 5 s", "1 min"), (3_600, "1 h", "1 h")):
        row = row_of(line, START + timedelta(seconds=seconds))
        assert f">{ran}</span>" in row
        assert f">{old}</time>" in row


def cell(row: str, name: str) -> str:
    found = re.search(rf'<td class="{name}">(.*?)</td>', row)
    assert found
    return re.sub("<[^>]+>", "", found[1])


@pytest.mark.parametrize(
    ("times", "waited", "ran", "ticks"),
    [
        ({"status": JobStatus.PENDING, "started_at": None}, "8.0 s", "", 1),
        ({"status": JobStatus.PENDING, "started_at": None, "run_at": START}, "", "", 0),
        ({}, "84 ms", "7.9 s", 1),
        ({"status": JobStatus.COMPLETED, "completed_at": START + timedelta(seconds=3.284)}, "84 ms", "3.2 s", 0),
        (
            {"status": JobStatus.FAILED, "started_at": None, "completed_at": START + timedelta(seconds=65)},
            "1 min 5 s",
            "",
            0,
        ),
    ],
    ids=["waits", "for later", "runs", "ended", "called off"],
)
def test_a_row_tells_how_long_its_job_waited_and_ran(
    line: JobLine, times: dict[str, Any], waited: str, ran: str, ticks: int
) -> None:
    job = line._replace(**{"started_at": START + timedelta(milliseconds=84), **times})
    row = row_of(job, START + timedelta(seconds=8))
    assert (cell(row, "waited"), cell(row, "ran")) == (waited, ran)
    assert row.count("data-since=") == ticks


@pytest.mark.parametrize(
    "change", [{"status": "FAILED"}, {"priority": 7}, {"type": "other"}, {"preview": '{"a":1}'}, {"id": "another-id"}]
)
def test_a_row_whose_job_changed_is_drawn_anew(line: JobLine, change: dict[str, Any]) -> None:
    before, after = row_of(line, START), row_of(line._replace(**change), START)
    assert before != after
    assert str(escape(next(iter(change.values())))) in after
    assert row_of(line, START) == before


def test_a_row_has_the_actions_of_each_client_that_sees_it(line: JobLine) -> None:
    """A viewer's row is not an operator's, although the job is the same."""
    assert "Complete" in row_of(line, START, (Action.COMPLETE,))
    assert "Complete" not in row_of(line, START)


def test_a_list_of_failed_jobs_tells_why_and_when_instead_of_the_payload_and_the_wait(client: FlaskClient) -> None:
    job_id = create(client, payload={"to": "ada"})
    client.post(f"/jobs/{job_id}/fail?reason=the mailbox is full")
    for query, wanted, left_out in (
        ("?status=FAILED", ("the mailbox is full", 'class="ended"', "Run again"), ("ada", 'class="waited"')),
        ("", ("the mailbox is full", "ada", 'class="waited"'), ('class="ended"',)),
    ):
        row = rows(page(client, f"/dashboard/{query}"))[job_id]
        assert all(part in row for part in wanted)
        assert not any(part in row for part in left_out)


# What leases and times add


def note(client: FlaskClient, job_id: str, query: str = "") -> str:
    """What the row says beside the payload, without its markup."""
    row = rows(page(client, f"/dashboard/{query}"))[job_id]
    found = re.search(r'<td class="preview">(.*?)<code>', row)
    assert found
    return re.sub(r"<[^>]+>", "", found[1])


def try_it(client: FlaskClient, how: str = "", job_id: str = "", **query: Any) -> str:
    """A job that was claimed, and ended in this way; its id."""
    job_id = job_id or create(client)
    token = f"token-{uuid4()}"
    claimed = client.post(
        f"/jobs/{job_id}/process?lease=60&attempts=3&worker=mill-3", headers={"Idempotency-Key": token}
    )
    assert claimed.status_code == 200
    if how:
        assert client.post(f"/jobs/{job_id}/{how}", query_string={"token": token, **query}).status_code == 200
    return job_id


@pytest.mark.parametrize("query", ["", "?status=RUNNING", "?q=resize", "?sort=oldest"])
def test_a_job_that_is_held_tells_its_holder_and_its_attempt(client: FlaskClient, query: str) -> None:
    assert note(client, try_it(client), query) == "mill-3, attempt 1 of 3"


def test_a_job_that_is_held_offers_no_complete(client: FlaskClient) -> None:
    held, started = try_it(client), make_job(JobStatus.RUNNING).id
    shown = rows(page(client, "/dashboard/"))
    assert ("Complete" in shown[held], "Complete" in shown[started]) == (False, True)
    assert "Fail" in shown[held]


def test_a_holder_without_a_name_is_told_as_one(client: FlaskClient) -> None:
    job_id = create(client)
    client.post("/jobs/claim?lease=60")
    assert note(client, job_id) == "A worker without a name, attempt 1 of 1"


@pytest.mark.parametrize(
    ("how", "query", "said"),
    [
        (
            "fail",
            {"reason": "connection refused", "retry_in": 3_599},
            r"Attempt 1 of 3, again in 59 min 5\d s: connection refused",
        ),
        ("fail", {"reason": "\n\nTraceback:\n  in x", "retry_in": 7_200}, "Attempt 1 of 3, again in 2 h: Traceback:"),
        ("fail", {"retry_in": 60}, r"Attempt 1 of 3, again in (1 min|5\d s): failed"),
        ("release", {"in": 3_600 * 9}, "Attempt 1 of 3, again in 9 h: given back"),
        ("release", {}, "Attempt 1 of 3: given back"),
    ],
)
def test_a_job_that_will_be_tried_again_tells_when_and_why(
    client: FlaskClient, how: str, query: dict[str, Any], said: str
) -> None:
    assert re.fullmatch(said, note(client, try_it(client, how, **query)))


def test_a_lease_that_ran_out_is_told(client: FlaskClient) -> None:
    job_id = try_it(client)
    pass_time(61)
    client.application.extensions["grace"] = Grace(0)
    keep(client.application)
    assert re.match("Attempt 1 of 3, again in .*: the lease ran out; mill-3 was last heard of", note(client, job_id))


def test_a_row_tells_of_the_last_run_alone(client: FlaskClient) -> None:
    job_id = try_it(client, "fail", reason="first", retry_in=0)
    try_it(client, "fail", job_id, reason="second", retry_in=0)
    assert note(client, job_id) == "Attempt 2 of 3: second"
    client.post(f"/jobs/{job_id}/process")  # without a lease, so nobody holds it
    assert note(client, job_id) == ""


def test_a_scheduled_job_tells_when_it_is_ready_and_a_ready_one_nothing(client: FlaskClient) -> None:
    later, now = create(client, run_at=4 * 3_600, max_attempts=5), create(client, max_attempts=5)
    assert note(client, later) == "For later, in 4 h"
    assert note(client, now) == ""
    row = rows(page(client, "/dashboard/"))[later]
    assert re.search(r'<span data-until="[^"]+Z" title="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC">4 h</span>', row)
    client.post(f"/jobs/{later}/fail")
    assert note(client, later) == ""


@pytest.mark.parametrize("ends", ["complete", "fail"])
def test_a_job_that_is_done_tells_nothing_of_its_runs(client: FlaskClient, ends: str) -> None:
    assert note(client, try_it(client, ends, **({"retry_in": "never"} if ends == "fail" else {}))) == ""


def test_what_a_worker_says_is_escaped_isolated_and_one_line(client: FlaskClient) -> None:
    hostile = f"<b>\u202e{'x' * 5_000}\n<i>"
    job_id = try_it(client, "fail", reason=hostile, retry_in=60)
    row = rows(page(client, "/dashboard/"))[job_id]
    assert "<b>\u202e" not in row
    assert re.search(r"<bdi>&lt;b&gt;\\u202ex{196}</bdi>", row)
    assert "&lt;i&gt;" not in row


def test_the_time_that_is_left_goes_on_in_a_remembered_row(line: JobLine) -> None:
    later = line._replace(status=JobStatus.PENDING, started_at=None, run_at=START + timedelta(hours=2))
    shown = [row_of(later, START + timedelta(seconds=seconds)) for seconds in (0, 3_601, 9_000)]
    assert [re.findall(r">([^<]+)</span>", row)[1:] for row in shown] == [
        ["2 h"],
        ["59 min 59 s"],
        ["0 s"],
    ]
