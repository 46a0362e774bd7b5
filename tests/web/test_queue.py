"""The queue inspector."""

import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from tests.support.factory import make_job
from tests.support.html import create, page


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
