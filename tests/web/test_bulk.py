"""All jobs of a list: a preview, slices whose way stands in the address, a report, Undo; without JavaScript."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.web import bulk
from tests.support.factory import make_job
from tests.support.html import page

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def make(client: FlaskClient, number: int, status: str = "FAILED", kind: str = "resize") -> None:
    for _ in range(number):
        job = make_job(JobStatus.PENDING, type=kind)
        if status == "FAILED":
            client.post(f"/jobs/{job.id}/fail?reason=broken")


def send(client: FlaskClient, html: str, **more: str) -> str:
    """Post the form of a page, and where that leads."""
    form = {name: unescape(value) for name, value in HIDDEN.findall(html)}
    answer = client.post("/dashboard/bulk", data=form | more)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def count(client: FlaskClient, status: str) -> int:
    return int(client.get("/jobs/summary").get_json()[status])


def test_all_that_match_run_again_slice_by_slice_and_are_undone(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE", 4)
    make(client, 10)
    make(client, 1, kind="other")
    listed = page(client, "/dashboard/?status=FAILED&type=RES")
    link = re.search(r'href="([^"]+)">Run again all…', listed)
    assert link
    html = page(client, unescape(link[1]))
    assert "<b>10 jobs</b>: 10 <bdi>resize</bdi>" in html
    assert count(client, "pending") == 0
    done = []
    while "Back to the jobs" not in html:
        html = page(client, send(client, html))
        done += re.findall(r"<b>(\d+) jobs? done</b>", html)
    assert done == ["4", "8", "10"]
    assert (count(client, "pending"), count(client, "failed")) == (10, 11)
    while "<button" in (html := page(client, send(client, html))).partition('id="bulk"')[2].partition("</main>")[0]:
        pass
    assert "10 jobs done" in html
    assert count(client, "pending") == 0


def test_what_was_run_again_is_skipped_and_a_slice_that_is_sent_twice_makes_nothing_twice(client: FlaskClient) -> None:
    make(client, 3)
    html = page(client, "/dashboard/bulk?action=retry&status=FAILED")
    assert send(client, html) == send(client, html)
    assert count(client, "pending") == 3
    again = page(client, "/dashboard/bulk?action=retry&status=FAILED")
    assert "There is nothing to do." in again
    assert "3 jobs skipped" in again


def test_a_slice_without_its_key_is_refused(client: FlaskClient) -> None:
    make(client, 1)
    for action in ("retry", "undo"):
        assert client.post("/dashboard/bulk", data={"action": action}).status_code == 422
    assert count(client, "pending") == 0


def test_pending_ones_are_called_off_with_a_reason_or_get_another_priority(client: FlaskClient) -> None:
    make(client, 3, "PENDING")
    listed = page(client, "/dashboard/?status=PENDING")
    assert "Call off all…" in listed
    html = page(client, "/dashboard/bulk?action=priority&status=PENDING")
    assert client.post("/dashboard/bulk", data=dict(HIDDEN.findall(html))).status_code == 422
    page(client, send(client, html, priority="7"))
    assert {job["priority"] for job in client.get("/jobs").get_json()} == {7}
    page(client, send(client, page(client, "/dashboard/bulk?action=fail&status=PENDING"), why="wrong customer"))
    assert [job["result"] for job in client.get("/jobs").get_json()] == [{"reason": "wrong customer"}] * 3


def test_an_address_does_nothing_by_itself_and_keeps_how_far_it_came(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE", 2)
    make(client, 5)
    left = send(client, page(client, "/dashboard/bulk?action=retry&status=FAILED"))
    for _ in range(2):
        assert "2 jobs done</b> of about 5" in page(client, left)
    assert count(client, "pending") == 2
    assert dict(parse_qsl(urlsplit(left).query))["after"]


@pytest.mark.parametrize(
    "query",
    [
        "action=delete",
        "action=retry&status=PENDING",
        "action=fail&status=FAILED",
        "action=retry&after=1",
        "action=retry&key=short",
        "action=retry&of=-1",
        "action=retry&status=BOGUS",
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(client: FlaskClient, query: str) -> None:
    make(client, 1)
    assert client.get(f"/dashboard/bulk?{query}").status_code == 422
    assert client.post("/dashboard/bulk", data=dict(parse_qsl(query))).status_code == 422
    assert count(client, "pending") == 0
