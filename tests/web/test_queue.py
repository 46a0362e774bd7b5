"""The queue inspector."""

import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from dashboard.web.queue import LATER_SIZE
from tests.support.app import MakeApp
from tests.support.factory import make_job
from tests.support.html import create, page
from tests.support.leases import TOKEN, leased


def test_the_queue_page_shows_both_orders(client: FlaskClient) -> None:
    last, first = make_job(), make_job(priority=9)
    html = page(client, "/dashboard/queue")
    assert re.findall(r'<tr id="entry-([^"]+)"', html) == [first.id, last.id]
    assert re.findall(r'<tr id="pending-([^"]+)"', html) == [first.id, last.id]
    assert re.search(rf'"entry-{first.id}".*?next to be claimed.*?"entry-{last.id}"', html, re.DOTALL)


def test_the_queue_page_tells_a_job_that_a_claim_will_skip_from_one_that_waits(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    client = make_app(sqlite_url).test_client()
    _, called_off, live = create(client), create(client), create(client)
    client.post("/jobs/claim")  # takes the first, and the others into the queue
    assert "agree on what is next" in page(client, "/dashboard/queue")
    client.post(f"/jobs/{called_off}/fail")
    html = page(client, "/dashboard/queue")
    assert re.search(rf'"entry-{called_off}".*?skipped: FAILED since \d\d:\d\d', html, re.DOTALL)
    assert re.search(rf'"entry-{live}".*?next to be claimed.*?>waiting</td>', html, re.DOTALL)


def test_the_queue_page_tells_the_jobs_for_later_apart(client: FlaskClient) -> None:
    assert "for later" not in page(client, "/dashboard/queue")
    now = create(client)
    later = [create(client, run_at=seconds) for seconds in (7_200, 3_600)]
    html = page(client, "/dashboard/queue")
    assert re.findall(r'<tr id="(?:entry|pending)-([^"]+)"', html) == [now, now]
    assert re.findall(r'<tr id="later-([^"]+)"', html) == later[::-1]
    assert '2 more are <a href="#later">for later</a>' in html
    assert 'id="later"' in html


def test_of_many_jobs_for_later_the_first_are_shown(client: FlaskClient) -> None:
    client.post("/jobs/batch", json=[{"type": "t", "run_at": 3_600 - n} for n in range(LATER_SIZE + 1)])
    html = page(client, "/dashboard/queue")
    assert html.count('<tr id="later-') == LATER_SIZE
    assert f"The first {LATER_SIZE} are shown" in html
    assert f"For later: {LATER_SIZE + 1} jobs" in html


def test_a_job_that_was_given_back_until_later_leaves_the_queue_of_each_process(
    make_app: MakeApp, database_url: str
) -> None:
    """Also of one that knew it before another process claimed it."""
    client, other = (make_app(database_url).test_client() for _ in range(2))
    _, known = create(client), create(client)
    client.post("/jobs/claim")  # now its queue knows the other one
    assert leased(other)["id"] == known
    other.post(f"/jobs/{known}/release?token={TOKEN}&in=3600")
    new = create(client)
    for each in (client, other):
        html = page(each, "/dashboard/queue")
        assert re.findall(r'<tr id="(?:entry|pending)-([^"]+)"', html) == [new, new]
        assert "do not agree" not in html
        answer = each.get("/jobs/queue")
        assert ([entry["job_id"] for entry in answer.get_json()], answer.headers["X-Total-Count"]) == ([new], "1")
