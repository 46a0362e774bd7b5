"""The rows of the jobs table: what they show, and that a remembered row is never an old one."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.core.job import JobStatus
from dashboard.core.transitions import Action, allowed
from dashboard.store.listing import JobLine
from dashboard.web.rows import GAP, job_rows
from tests.support.app import MakeApp
from tests.support.factory import make_job
from tests.support.html import create, page, rows


def test_a_row_shows_the_type_the_payload_and_the_priority(client: FlaskClient) -> None:
    job_id = create(client, type="send_email", payload={"to": "ada"}, priority=7)
    row = rows(page(client, "/dashboard/"))[job_id]
    for part in ("send_email", escape('{"to":"ada"}'), ">7<", job_id[-8:], f'href="/dashboard/jobs/{job_id}"'):
        assert part in row


def test_a_type_and_a_payload_cannot_take_the_place_of_a_time(client: FlaskClient) -> None:
    gap = "".join(GAP)
    job_id = create(client, type=gap, payload={"text": gap})
    row = rows(page(client, "/dashboard/"))[job_id]
    assert row.count(str(escape(gap))) == 2
    assert gap not in row
    assert len(re.findall(r">\d+ s</time>", row)) == 1


@pytest.mark.parametrize("status", JobStatus)
def test_only_the_actions_that_a_status_allows_are_drawn(client: FlaskClient, status: JobStatus) -> None:
    job = make_job(status)
    wanted = {f"/dashboard/jobs/{job.id}/{action}" for action in allowed(status)}
    row, whole = rows(page(client, "/dashboard/"))[job.id], page(client, f"/dashboard/jobs/{job.id}")
    for html in (row, whole):
        assert set(re.findall(rf'(?:action|href)="(/dashboard/jobs/{job.id}/\w+)"', html)) == wanted


START = datetime(2026, 1, 2, 3, 4, 5)


def row_of(job: JobLine, now: datetime, actions: tuple[Action, ...] = ()) -> str:
    return job_rows([job], lambda _: list(actions), "/jobs", "/fragments/jobs", now)


@pytest.fixture
def line(make_app: MakeApp, sqlite_url: str) -> Iterator[JobLine]:
    """A job that began in the moment it was created."""
    with make_app(sqlite_url).app_context():
        yield JobLine(1, "the-id-of-it", "resize", None, 0, JobStatus.RUNNING, START, START, None)


def test_the_times_of_a_remembered_row_go_on(line: JobLine) -> None:
    for seconds, ran, old in ((5, "00:05", "5 s"), (65, "01:05", "1 min"), (3_600, "1:00:00", "1 h")):
        row = row_of(line, START + timedelta(seconds=seconds))
        assert f">{ran}</span>" in row
        assert f">{old}</time>" in row


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
