"""An element and its page show the same, and a refresh is 304 while nothing changed."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus, utc_now
from dashboard.web.board import PAGE_SIZE
from tests.support.factory import make_job
from tests.support.html import create, page, still
from tests.support.leases import leased
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    "query", ["", "?status=PENDING", "?status=FAILED", "?before=50", "?status=RUNNING&after=2&at=1"]
)
def test_the_board_refreshes_to_what_its_page_shows(client: FlaskClient, query: str) -> None:
    for number in range(PAGE_SIZE + 10):
        make_job(JobStatus.RUNNING if number % 7 == 0 else JobStatus.PENDING)
    html = page(client, f"/dashboard/{query}")
    url = re.search(r'id="board"[^>]*?\sdata-hx-get="([^"]+)"', html)
    assert url
    board, apart, verdict = still(page(client, unescape(url[1]))).partition(' data-hx-swap-oob="outerMorph"')
    assert board.removesuffix('<div id="verdict"') in still(html)
    assert apart
    assert f'<div id="verdict"{verdict}' in still(html)


@pytest.mark.parametrize("status", JobStatus)
def test_a_job_refreshes_to_what_its_page_shows(client: FlaskClient, status: JobStatus) -> None:
    path = f"jobs/{make_job(status).id}"
    assert still(page(client, f"/dashboard/fragments/{path}")) in still(page(client, f"/dashboard/{path}"))


def test_the_queue_refreshes_to_what_its_page_shows(client: FlaskClient) -> None:
    for status in JobStatus:
        make_job(status)
    assert still(page(client, "/dashboard/fragments/queue")) in still(page(client, "/dashboard/queue"))


def test_the_workers_refresh_to_what_their_page_shows(client: FlaskClient) -> None:
    for number in range(3):
        create(client)
        leased(client, f"&worker=mill-{number % 2}", token=f"token-{number:016}")
        assert still(page(client, "/dashboard/fragments/workers")) in still(page(client, "/dashboard/workers"))


@pytest.mark.parametrize("part", ["board", "board?status=FAILED", "queue", "jobs/{id}"])
def test_a_refresh_is_304_without_a_body_until_something_changes(client: FlaskClient, part: str) -> None:
    eventually(lambda: utc_now().second < 55, "the minute does not end meanwhile: some pages tell the pace by minutes")
    job_id = create(client)
    url = "/dashboard/fragments/" + part.format(id=job_id)
    has: dict[str, str] = {}
    for change in ("/jobs", f"/jobs/{job_id}/process", "/jobs/claim", f"/jobs/{job_id}/fail"):
        answer = client.get(url, headers=has)
        tag = re.search(r'data-tag="([^"]+)"', answer.text)
        assert tag
        assert answer.status_code == 200
        has = {"If-None-Match": f'"{tag[1]}"'}
        again = client.get(url, headers=has)
        assert (again.status_code, again.data) == (304, b"")
        client.post(change, json={"type": "resize"} if change == "/jobs" else None)
    assert client.get(url, headers=has).status_code == 200


@pytest.mark.parametrize("part", ["board", "queue", "workers", "jobs/{id}"])
def test_a_tag_is_weak_and_known_again_as_a_strong_one(client: FlaskClient, part: str) -> None:
    url = "/dashboard/fragments/" + part.format(id=create(client))
    tag = client.get(url).headers["ETag"]
    assert tag.startswith('W/"')
    for known in (tag, tag.removeprefix("W/")):
        assert client.get(url, headers={"If-None-Match": known}).status_code == 304
