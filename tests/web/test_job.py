"""The page of one job: facts, why it waits, and how a shell acts on it."""

import re
import shlex
from html import unescape

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.core.job import JobStatus
from dashboard.core.transitions import FINAL, RETRY, RULES, allowed
from tests.support.factory import make_job
from tests.support.html import create, page


def test_the_page_of_a_job_shows_its_facts(client: FlaskClient) -> None:
    job_id = create(client, type="send_email", payload={"to": "ada"}, priority=7)
    client.post(f"/jobs/{job_id}/fail?reason=out+of+paper")
    html = page(client, f"/dashboard/jobs/{job_id}")
    for part in ("send_email", job_id, "FAILED", escape('{\n  "to": "ada"\n}'), "<dd>7</dd>", "out of paper"):
        assert part in html


def test_a_huge_payload_is_cut_with_a_link_to_the_whole(client: FlaskClient) -> None:
    job_id = create(client, payload={"text": "x" * 100_000})
    html = page(client, f"/dashboard/jobs/{job_id}")
    assert 20_000 < len(html) < 30_000
    assert f'href="/jobs/{job_id}"' in html


def test_a_job_that_waits_says_why(client: FlaskClient) -> None:
    urgent, last = make_job(priority=9), make_job()
    assert "It is next. No job was started in the last 5 minutes: is a worker running?" in page(
        client, f"/dashboard/jobs/{urgent.id}"
    )
    assert "1 job is ahead of it." in page(client, f"/dashboard/jobs/{last.id}")
    client.post("/jobs/claim")
    assert re.search(
        r"It is next. 1 job was started in the last 5 minutes; at that pace its turn comes in about 5 min\.",
        page(client, f"/dashboard/jobs/{last.id}"),
    )
    assert "Why is it waiting?" not in page(client, f"/dashboard/jobs/{urgent.id}")


@pytest.mark.parametrize("status", JobStatus)
def test_each_line_for_a_shell_is_a_call_that_the_api_takes(client: FlaskClient, status: JobStatus) -> None:
    for action in allowed(status):
        job = make_job(status)
        html = page(client, f"/dashboard/jobs/{job.id}")
        line = re.search(rf'<code id="curl-{action}">(.*?)</code>', html)
        assert line
        words = shlex.split(unescape(line[1]))
        sent = {"data": words[-2], "content_type": "application/json"} if "-d" in words else {}
        assert words[:3] == ["curl", "-X", "POST"]
        answer = client.post(words[-1].removeprefix("http://localhost"), **sent)
        assert answer.status_code == (201 if action == RETRY else 200)
        assert answer.get_json()["status"] == RULES[action].target


def test_a_job_that_ended_refreshes_no_more(client: FlaskClient) -> None:
    for status in JobStatus:
        html = page(client, f"/dashboard/jobs/{make_job(status).id}")
        assert bool(re.search(r'<article id="job"[^>]*data-hx-trigger', html)) == (status not in FINAL)


def test_the_timeline_tells_what_happened_in_its_order(client: FlaskClient) -> None:
    html = page(client, f"/dashboard/jobs/{make_job(JobStatus.FAILED).id}")
    assert re.search(r"<li>Created .*<li>Started .*waited.*<li>Failed .*ran", html, re.DOTALL)
