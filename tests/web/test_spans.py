"""Lists of a span of time: one that ends now, or one between two times."""

import re
from datetime import datetime, timedelta
from html import unescape
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus, utc_now
from dashboard.core.past import PastJob
from dashboard.services import history
from dashboard.web.spans import NAMES, When
from tests.support.html import page, rows

NOW = datetime(2026, 1, 5, 12, 30, 30)
HOURS = timedelta(hours=1)


def failed(ended: datetime, kind: str = "resize") -> PastJob:
    return PastJob(str(uuid4()), kind, None, 0, JobStatus.FAILED, ended - HOURS, ended - HOURS, ended, reason="no")


@pytest.fixture
def jobs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of jobs that failed 0.5, 11, 14, 30 and 200 hours before noon, the newest first."""
    monkeypatch.setattr("dashboard.web.job_filter.utc_now", lambda: NOW)
    made = [failed(NOW - hours * HOURS) for hours in (0.5, 11, 14, 30, 200)]
    history.bring_in(made[::-1])
    return [job.id for job in made]


@pytest.mark.parametrize(("when", "number"), [("1h", 1), ("today", 2), ("24h", 3), ("7d", 4), ("", 5)])
def test_a_list_is_of_what_came_into_its_status_in_the_span(
    client: FlaskClient, jobs: list[str], when: str, number: int
) -> None:
    for path in ("/dashboard/?", "/dashboard/fragments/board?status=FAILED&"):
        html = page(client, f"{path}when={when}")
        assert list(rows(html)) == jobs[:number]
    assert (f"{number} match" in html.replace("1 matches", "1 match")) == bool(when)


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("since=2026-01-05T00:00", slice(2)),
        ("when=between&since=2026-01-04T20%3A00&until=2026-01-05T04:00", slice(1, 3)),
        ("since=2026-01-04+23:45%2B01:00&until=", slice(2)),
        ("until=2026-01-04", None),
        ("when=&since=2026-01-05T00:00", slice(5)),
        ("when=1h&since=2026-01-01T00:00", slice(1)),
        ("when=soon", None),
    ],
)
def test_a_list_is_of_what_came_into_its_status_between_two_times(
    client: FlaskClient, jobs: list[str], query: str, which: slice | None
) -> None:
    if which is None:
        assert "in the address is not valid" in page(client, f"/dashboard/?{query}", 422)
    else:
        assert list(rows(page(client, f"/dashboard/?{query}"))) == jobs[which]


def test_the_form_shows_the_span(client: FlaskClient, jobs: list[str]) -> None:
    for when, name in NAMES.items():
        assert f'<option selected value="{when}">{name}</option>' in page(client, f"/dashboard/?when={when}")
    html = page(client, "/dashboard/?since=2026-01-04T20:00&until=2026-01-05T04:00:07.5Z")
    assert '<option selected value="between">' in html
    assert re.search(r'name="since"[^>]* value="2026-01-04T20:00:00"', html)
    assert re.search(r'name="until"[^>]* value="2026-01-05T04:00:07.500000"', html)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("when=1h", "in the last hour"),
        ("when=today", "since 00:00 UTC today"),
        ("since=2026-01-04T20:00", "since 2026-01-04 20:00:00 UTC"),
        (
            "since=2026-01-01T20:00&until=2026-01-05T04:00",
            "since 2026-01-01 20:00:00 UTC, until 2026-01-05 04:00:00 UTC",
        ),
    ],
)
def test_paper_says_the_span(client: FlaskClient, jobs: list[str], query: str, words: str) -> None:
    html = page(client, f"/dashboard/?status=FAILED&{query}")
    assert f"The jobs that are FAILED, {words}, the newest first" in html


def test_what_is_done_to_all_of_a_span_is_done_to_those_of_the_moment_of_the_preview(
    client: FlaskClient, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    html = page(client, "/dashboard/?status=FAILED&when=1h")
    link = re.search(r'href="([^"]+)">Run again all', html)
    assert link
    preview = page(client, unescape(link[1]))
    assert "since 2026-01-05 11:30:00 UTC" in preview
    assert "<b>1 job</b>" in preview
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', preview))
    monkeypatch.setattr("dashboard.web.job_filter.utc_now", lambda: NOW + 3 * HOURS)
    report = client.post("/dashboard/bulk", data=fields)
    assert "1 job done" in page(client, report.headers["Location"])
    assert "since=2026-01-05T11%3A30%3A00" in report.headers["Location"]


def test_a_file_has_the_jobs_of_the_span(client: FlaskClient, jobs: list[str]) -> None:
    html = page(client, "/dashboard/?status=FAILED&when=24h")
    link = re.search(r'href="([^"]+)" title="Export this list as NDJSON"', html)
    assert link
    assert [line[:44] for line in client.get(unescape(link[1])).text.splitlines()] == [
        f'{{"id":"{job}"' for job in reversed(jobs[:3])
    ]


def test_rows_that_are_chosen_and_pages_keep_the_span(client: FlaskClient, jobs: list[str]) -> None:
    html = page(client, "/dashboard/?status=FAILED&when=24h&choose=1")
    assert '<input type="hidden" name="when" value="24h">' in html
    assert "when=24h" in unescape(re.findall(r'aria-sort="[^"]+"><a href="([^"]+)"', html)[0])


def test_a_list_of_a_span_that_ends_now_is_another_one_each_minute(
    client: FlaskClient, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.web.board.utc_now", lambda: NOW)
    tags = {when: client.get(f"/dashboard/fragments/board?when={when}").headers["ETag"] for when in (*When, "")}
    monkeypatch.setattr("dashboard.web.board.utc_now", lambda: NOW + timedelta(seconds=60))
    changed = {
        when
        for when, tag in tags.items()
        if client.get(f"/dashboard/fragments/board?when={when}", headers={"If-None-Match": tag}).status_code == 200
    }
    assert changed == {*When}


def test_what_the_overview_tells_of_its_time_leads_to_the_jobs_of_that_time(app: Flask, client: FlaskClient) -> None:
    history.bring_in([failed(utc_now() - ago) for ago in (2 * HOURS, 0.2 * HOURS, 0.1 * HOURS)])
    html = page(client, "/dashboard/overview")
    show, again = (unescape(url) for url in re.findall(r'href="([^"]*of_type=resize&amp;reason[^"]*)"', html))
    assert len(rows(page(client, show))) == 2
    assert "<b>2 jobs</b>" in page(client, again)
    assert len(rows(page(client, unescape(re.findall(r'href="([^"]+)">Failed<', html)[0])))) == 2
