"""The overview and the verdict: what an operator asks first, each with a link to the jobs that it is about."""

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus, utc_now
from dashboard.core.past import PastJob
from dashboard.services import history, minutes, verdict
from dashboard.services.overview import Range
from tests.support.factory import make_job
from tests.support.html import page, still
from tests.support.statements import statements

MINUTE = timedelta(minutes=1)
HOSTILE = "<b>'\"& \u202e"


def past(kind: str, ago: timedelta, reason: str | None = None, *, ends: bool = True) -> PastJob:
    """A job that was created so long ago, started a second later, and ended two seconds later, if it did."""
    created = utc_now() - ago
    started, ended = created + timedelta(seconds=1), created + timedelta(seconds=3)
    status = JobStatus.FAILED if reason else JobStatus.COMPLETED if ends else JobStatus.RUNNING
    return PastJob(str(uuid4()), kind, None, 0, status, created, started, ended if ends else None, reason=reason)


@pytest.fixture
def night(app: Flask) -> None:
    """Of ten jobs of an hour six failed for two reasons, one runs for two hours, and one waits."""
    jobs = [past("resize", n * MINUTE, f"status 50{n} from the receiver") for n in range(1, 5)]
    jobs += [past("resize", n * MINUTE, f"{HOSTILE} refused") for n in range(1, 3)]
    jobs += [past("resize", n * MINUTE) for n in range(1, 5)]
    jobs.append(past("resize", 120 * MINUTE, ends=False))
    history.bring_in(sorted(jobs, key=lambda job: job.created_at))
    while minutes.keep():
        pass
    make_job(type="waits")


def timeless(html: str) -> str:
    """Without what passes with the time alone: when it was, and how many times the usual a job runs."""
    return re.sub(r"<time[^>]*>[^<]*</time>|[\d,.]+ \u00d7", "", still(html))


def linked(html: str, words: str) -> str:
    """Where the link leads that begins with these words."""
    found = re.search(rf'href="([^"]+)"[^>]*>(?:<b>|<bdi>)*{re.escape(words)}', html)
    assert found, words
    return unescape(found[1])


def test_an_empty_queue_is_healthy(client: FlaskClient) -> None:
    html = page(client, "/dashboard/overview")
    assert "Healthy:" in html
    for words in ("No job runs far longer", "No job waits.", "No job failed", "No job waited, ran or ended"):
        assert words in html


def test_each_part_of_the_verdict_leads_to_the_jobs_that_it_is_about(client: FlaskClient, night: None) -> None:
    html = page(client, "/dashboard/overview")
    assert "Needs attention:" in html
    overdue, failing = linked(html, "1 job runs far longer than usual"), linked(html, "resize fails since")
    assert "120 min" not in page(client, overdue)
    assert page(client, overdue).count('<tr id="job-') == 1
    assert page(client, failing).count('<tr id="job-') == 6


def test_a_reason_leads_to_the_jobs_that_failed_for_it(client: FlaskClient, night: None) -> None:
    html = page(client, "/dashboard/overview")
    found = page(client, linked(html, "status 501 from the receiver"))
    assert found.count('<tr id="job-') == 4
    assert "4 match" in found
    assert page(client, linked(html, "&lt;b&gt;")).count('<tr id="job-') == 2
    assert "<b>'" not in html
    assert "\u202e" not in html


def test_a_failed_row_tells_the_first_line_of_its_reason(client: FlaskClient, night: None) -> None:
    assert "<bdi>status 501 from the receiver</bdi>" in page(client, "/dashboard/?status=FAILED")


@pytest.mark.parametrize("last", ["", *Range, "bogus"])
def test_the_time_that_is_shown_stands_in_the_address(client: FlaskClient, night: None, last: str) -> None:
    html = page(client, f"/dashboard/overview?last={last}")
    shown = last if last in [*Range] else "1h"
    assert re.search(rf'href="/dashboard/overview\?last={shown}" aria-current="true"', html)
    assert html.count("<svg") >= 2
    assert " style=" not in html


def test_the_overview_refreshes_to_what_its_page_shows_and_is_304_until_something_changes(
    client: FlaskClient, night: None
) -> None:
    html = page(client, "/dashboard/overview?last=6h")
    url = re.search(r'id="overview" class="live" data-hx-get="([^"]+)"', html)
    assert url
    answer = client.get(unescape(url[1]))
    assert timeless(answer.text) in timeless(html)
    tag = re.search(r'data-tag="([^"]+)"', answer.text)
    assert tag
    again = client.get(unescape(url[1]), headers={"If-None-Match": f'"{tag[1]}"'})
    assert (again.status_code, again.data) == (304, b"")
    make_job()
    assert client.get(unescape(url[1]), headers={"If-None-Match": f'"{tag[1]}"'}).status_code == 200


def test_the_verdict_stands_above_the_jobs(client: FlaskClient, night: None) -> None:
    html = page(client, "/dashboard/")
    assert html.index("Needs attention:") < html.index('id="board"')


@pytest.mark.parametrize(("ago", "is_red"), [(59, True), (61, False)])
def test_the_number_of_failed_jobs_is_red_where_one_failed_in_the_last_hour(
    client: FlaskClient, ago: int, is_red: bool
) -> None:
    history.bring_in([past("resize", ago * MINUTE, "broken")])
    html = page(client, "/dashboard/")
    assert ('class="failed lately"' in html) is is_red
    assert "FAILED</span> <b>1</b>" in html


def test_the_verdict_above_the_jobs_comes_with_their_refresh_also_where_no_job_changed(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "/dashboard/fragments/board"

    def poll(tag: str) -> tuple[str, str]:
        """The tag, and the verdict that the answer has, if it has one."""
        answer = client.get(url, headers={"If-None-Match": tag})
        found = re.search(
            r'<div id="verdict" data-hx-swap-oob="outerMorph">.*?</span> ([^:]+):', answer.text, re.DOTALL
        )
        return answer.headers["ETag"], found[1] if found else str(answer.status_code)

    for name in ("LASTS", "RENEWED"):
        monkeypatch.setattr(verdict, name, 3_600)  # seconds: the machine may be busy
    tag, word = poll("")
    assert word == "Healthy"
    verdict.renew()  # soon after it was found: it is good for some time
    assert poll(tag)[1] == "304"
    history.bring_in([past("resize", 120 * MINUTE, ends=False)])
    tag, word = poll(tag)
    assert word == "Healthy"  # as it was found just now
    monkeypatch.setattr(verdict, "RENEWED", -1)
    verdict.renew()
    tag, word = poll(tag)
    assert word == "Needs attention"
    assert len(statements(lambda: poll(tag))) == 1
    assert poll(tag)[1] == "304"


def test_nobody_looks_for_the_verdict_where_nobody_looks_at_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "RENEWED", -1)
    assert statements(verdict.renew) == []


def test_a_failed_job_begins_with_its_reason_and_tells_how_many_are_like_it(client: FlaskClient, night: None) -> None:
    first = client.get("/jobs?reason=status%20%23%20from%20the%20receiver&limit=1").get_json()[0]["id"]
    html = page(client, f"/dashboard/jobs/{first}")
    assert html.index('class="reason"') < html.index('id="timeline"')
    assert "4 like this since" in html
    assert page(client, linked(html, "show")).count('<tr id="job-') == 4


def test_a_reason_keeps_its_lines_and_one_alone_is_like_no_other(client: FlaskClient) -> None:
    job = make_job(JobStatus.RUNNING)
    client.post(f"/jobs/{job.id}/fail", query_string={"reason": f"first\nsecond {HOSTILE}"})
    html = page(client, f"/dashboard/jobs/{job.id}")
    assert "<bdi>first\nsecond &lt;b&gt;" in html
    assert "like this" not in html


def test_failures_without_a_reason_lead_to_no_list_that_has_others_too(client: FlaskClient, night: None) -> None:
    client.post(f"/jobs/{make_job(JobStatus.RUNNING, type='resize').id}/fail")
    html = page(client, "/dashboard/overview")
    row = html[html.index("No reason was given") :].partition("</tr>")[0]
    assert "href" not in row


def test_a_list_is_found_by_a_reason_as_by_its_key(client: FlaskClient, night: None) -> None:
    for reason in ("status 503 from the receiver", "status # from the receiver"):
        found = page(client, f"/dashboard/?status=FAILED&reason={reason.replace('#', '%23')}")
        assert found.count('<tr id="job-') == 4


def test_a_list_of_one_type_has_no_jobs_of_another_that_begins_so(app: Flask, client: FlaskClient) -> None:
    history.bring_in([past(kind, MINUTE, "connection refused") for kind in ("send", "send_email")])
    while minutes.keep():
        pass
    html = page(client, "/dashboard/overview")
    show, again = (unescape(url) for url in re.findall(r'href="([^"]*of_type=send&amp;reason[^"]*)"', html))
    assert re.findall(r"<b><bdi>(\w+)</bdi></b>", page(client, show)) == ["send"]
    preview = page(client, again)
    assert "of the type <bdi>send</bdi>" in preview
    assert re.search(r"<b>1\b", preview)
