"""The list of those that run: by running time, page by page, with a mark on what is overdue."""

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus, json_text, utc_now
from dashboard.core.past import PastJob
from dashboard.services import history
from tests.support.html import page, rows, walk
from tests.support.statements import statements

MINUTES = timedelta(minutes=1)
LIST = "/dashboard/?status=RUNNING"


def past(kind: str, since: timedelta, ran: float | None = None) -> PastJob:
    """A job that was started so long ago, and still runs unless it ended after so many seconds."""
    start = utc_now() - since
    status = JobStatus.RUNNING if ran is None else JobStatus.COMPLETED
    end = None if ran is None else start + timedelta(seconds=ran)
    return PastJob(str(uuid4()), kind, json_text({}), 0, status, start, start, end)


@pytest.fixture
def running(app: Flask) -> list[str]:
    """The ids of 120 jobs that run, the longest first: each runs as long as another one, and was created before those
    that run longer."""
    start = utc_now() - 300 * MINUTES
    made = [past("resize", n // 2 * MINUTES)._replace(created_at=start) for n in range(120)]
    made = [job._replace(started_at=made[n // 2 * 2].started_at) for n, job in enumerate(made)]
    history.bring_in(made)
    return [made[n].id for pair in range(59, -1, -1) for n in (pair * 2, pair * 2 + 1)]


@pytest.mark.parametrize("query", ["", "&type=res", "&q=resize", "&of_type=resize", "&sort=oldest"])
def test_those_that_have_run_longest_come_first_and_pages_lead_through_all_once_and_back(
    client: FlaskClient, running: list[str], query: str
) -> None:
    there = list(walk(client, LIST + query, "next"))
    assert [job for _, ids in there for job in ids] == running
    back = list(walk(client, there[-1][0], "prev"))
    assert [ids for _, ids in back] == [ids for _, ids in reversed(there)]


def test_a_link_turns_the_order_around(client: FlaskClient, running: list[str]) -> None:
    html = page(client, LIST)
    assert 'aria-sort="descending"' in html
    link = re.search(r'<th class="col-ran"[^>]*><a href="([^"]+)" title="Last started first">', html)
    assert link
    there = list(walk(client, unescape(link[1]), "next"))
    assert [job for _, ids in there for job in ids] == running[::-1]
    assert f'href="{LIST}"' in unescape(page(client, unescape(link[1])))


def test_jobs_that_ended_since_a_page_was_shown_leave_the_others_where_they_were(
    client: FlaskClient, running: list[str]
) -> None:
    first, second, *_ = walk(client, LIST, "next")
    for job in (running[0], running[49], running[50]):
        client.post(f"/jobs/{job}/complete")
    assert list(rows(page(client, second[0]))) == [*running[51:100], running[100]]
    assert next(iter(rows(page(client, first[0])))) == running[1]


@pytest.mark.parametrize("query", ["", "&sort=shortest"])
def test_a_refresh_holds_its_rows_in_their_order_with_the_links_of_their_page(
    client: FlaskClient, running: list[str], query: str
) -> None:
    url, ids = list(walk(client, LIST + query, "next"))[1]
    html = page(client, url)
    held = ",".join(re.findall(r'data-seq="(\d+)"', html))
    client.post(f"/jobs/{ids[0]}/complete")
    client.post("/jobs", json={"type": "new"})
    fragment = url.replace("/dashboard/", "/dashboard/fragments/board")
    again = page(client, f"{fragment}&hold={held}&known=1")
    assert list(rows(again)) == ids
    assert re.findall(r'rel="next"', again) == re.findall(r'rel="next"', html)
    assert re.findall(r'href="([^"]+)" rel="(\w+)"', again) == re.findall(r'href="([^"]+)" rel="(\w+)"', html)


@pytest.mark.parametrize(
    "query", ["status=RUNNING&before=50", "status=RUNNING&at=5", "status=PENDING&before=9&at=5", "at=5"]
)
def test_a_place_of_another_list_is_its_first_page(client: FlaskClient, running: list[str], query: str) -> None:
    first = page(client, f"/dashboard/?{'status=RUNNING' if 'RUNNING' in query else query.partition('&')[0]}")
    if "status" in query:
        assert list(rows(page(client, f"/dashboard/?{query}"))) == list(rows(first))
    else:
        assert len(rows(page(client, f"/dashboard/?{query}"))) == 50


def marks(html: str) -> dict[str, str]:
    """What the rows say of jobs that are overdue, by their types."""
    return dict(re.findall(r'<b><bdi>(\w+)</bdi></b>(?:(?!</tr>).)*<b class="late">([^<]+)</b>', html, re.DOTALL))


def test_what_is_overdue_is_marked_with_what_is_usual_for_its_type(app: Flask, client: FlaskClient) -> None:
    history.bring_in(
        [
            *(past("quick", 180 * MINUTES, 31) for _ in range(20)),
            *(past("slow", 180 * MINUTES, 600) for _ in range(20)),
            past("quick", 20 * MINUTES),
            past("slow", 30 * MINUTES),
            past("new", 4 * MINUTES),
            past("unknown", 40 * MINUTES),
        ]
    )
    found = marks(page(client, LIST))
    assert sorted(found) == ["quick", "unknown"]
    assert re.fullmatch(r"usual [23]\d s", found["quick"])
    assert found["unknown"] == "usual time unknown"
    assert marks(page(client, "/dashboard/")) == {}


def test_the_list_changes_its_tag_once_a_minute_for_jobs_become_overdue_by_the_time_that_passes(
    client: FlaskClient, running: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fragment = "/dashboard/fragments/board?status=RUNNING"
    now = utc_now().replace(second=1)
    monkeypatch.setattr("dashboard.web.board.utc_now", lambda: now)
    tag = client.get(fragment).headers["ETag"]
    assert client.get(fragment, headers={"If-None-Match": tag}).status_code == 304
    monkeypatch.setattr("dashboard.web.board.utc_now", lambda: now + MINUTES)
    assert client.get(fragment, headers={"If-None-Match": tag}).status_code == 200


def test_what_is_usual_is_asked_for_once_a_minute_and_not_while_nothing_runs_for_long(client: FlaskClient) -> None:
    history.bring_in([past("resize", MINUTES) for _ in range(3)])
    page(client, LIST)
    before = len(statements(lambda: page(client, LIST)))
    history.bring_in([past("resize", 60 * MINUTES) for _ in range(3)])
    page(client, LIST)
    assert len(statements(lambda: page(client, LIST))) == before
