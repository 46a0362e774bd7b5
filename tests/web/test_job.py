"""The page of one job: facts, its run, its timeline, why it waits, and how a shell acts on it."""

import re
import shlex
from datetime import UTC, datetime
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.core.job import JobStatus
from dashboard.core.run import HISTORY
from dashboard.core.transitions import FINAL, RETRY, RULES, allowed
from dashboard.ops.housekeeper import keep
from dashboard.web.filters import visible
from dashboard.web.job import AGAIN_MAX
from tests.support.app import MakeApp
from tests.support.factory import make_job
from tests.support.html import create, page
from tests.support.leases import TOKEN, leased, pass_time


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
    few = "It is next. 1 job was started in the last 5 minutes: too few to tell a turn."
    assert few in page(client, f"/dashboard/jobs/{last.id}")
    for _ in range(9):
        client.post("/jobs", json={"type": "t", "priority": 1})
        client.post("/jobs/claim")
    pace = "It is next. 10 jobs were started in the last 5 minutes. At that pace its turn comes in about 30 s."
    assert pace in page(client, f"/dashboard/jobs/{last.id}")
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


def polls(html: str) -> bool:
    trigger = re.search(r'<article id="job"[^>]*data-hx-trigger="([^"]+)"', html)
    assert trigger
    assert "jobs-changed from:document" in trigger[1]  # it refreshes after what one does oneself
    return "every" in trigger[1] or "look" in trigger[1]


def test_a_job_that_ended_polls_no_more(client: FlaskClient) -> None:
    for status in JobStatus:
        assert polls(page(client, f"/dashboard/jobs/{make_job(status).id}")) == (status not in FINAL)
    job_id = leased(client)["id"]
    assert polls(page(client, f"/dashboard/jobs/{job_id}"))
    client.post(f"/jobs/{job_id}/complete?token={TOKEN}")
    assert not polls(page(client, f"/dashboard/jobs/{job_id}"))


def test_the_timeline_tells_what_happened_in_its_order(client: FlaskClient) -> None:
    html = page(client, f"/dashboard/jobs/{make_job(JobStatus.FAILED).id}")
    assert re.search(r"<li>Created .*<li>Started .*waited.*<li>Failed .*ran", html, re.DOTALL)


# ---- Leases


YEAR = datetime.now(UTC).year + 2
HOSTILE = "<img src=x> \u202e"


def text(html: str) -> str:
    """What one reads, with a space for each gap and before each line."""
    main = html.partition('<main id="main" tabindex="-1">')[2].partition("</main>")[0]
    return " ".join(unescape(re.sub("<[^>]+>", "", re.sub("<(dd|dt|li|p)\\b", r" <\1", main))).split())


def run_once(client: FlaskClient, number: int, end: str) -> None:
    """Claim the job under a token of its own, and end the run so."""
    token = f"{TOKEN}-{number}"
    job_id = leased(client, f"&worker=mill-{number}&attempts=3", token)["id"]
    assert client.post(f"/jobs/{job_id}/{end.format(token=token)}").status_code == 200


def test_a_leased_job_tells_its_holder_its_lease_and_its_progress(client: FlaskClient) -> None:
    job = make_job()
    leased(client, f"&attempts=3&worker={HOSTILE}")
    path = f"/dashboard/jobs/{job.id}"
    assert "<progress" not in page(client, path)
    client.post(f"/jobs/{job.id}/heartbeat?token={TOKEN}", json={"progress": 42, "message": HOSTILE})
    html = page(client, path)
    assert html.count(f"<bdi>{escape(visible(HOSTILE))}</bdi>") == 3  # who holds it, the message, the timeline
    assert HOSTILE not in html
    assert re.search(r'<progress max="100" value="42" aria-label="Progress">42 %</progress>', html)
    ends = client.get(f"/jobs/{job.id}?full=1").get_json()["lease_expires_at"]
    assert re.search(rf'<span data-until="{ends[:23]}Z">(1 min|5\d s)</span>', html)
    assert f"Leased to {visible(HOSTILE)}: its worker completes it. This is attempt 1 of 3." in text(html)
    pass_time(70)
    assert "The lease ran out" in page(client, path)


def test_a_leased_job_offers_to_fail_it_alone(client: FlaskClient) -> None:
    job = make_job()
    leased(client)
    html = page(client, f"/dashboard/jobs/{job.id}")
    assert set(re.findall(rf'(?:action|href)="/dashboard/jobs/{job.id}/(\w+)"', html)) == {"fail"}
    assert re.findall(r'<code id="curl-(\w+)">', html) == ["fail"]
    assert "Leased to a worker without a name: its worker completes it." in text(html)


def test_a_heartbeat_changes_the_page_of_its_job_and_of_no_other(client: FlaskClient) -> None:
    other = create(client)
    job = create(client, priority=1)
    leased(client)
    urls = [f"/dashboard/fragments/jobs/{each}" for each in (job, other)]
    tags = [client.get(url).headers["ETag"] for url in urls]
    client.post(f"/jobs/{job}/heartbeat?token={TOKEN}", json={"progress": 1})
    answers = [client.get(url, headers={"If-None-Match": tag}) for url, tag in zip(urls, tags, strict=True)]
    assert [answer.status_code for answer in answers] == [200, 304]
    again = client.get(urls[0], headers={"If-None-Match": answers[0].headers["ETag"]})
    assert again.status_code == 304


def test_the_timeline_is_made_of_runs_with_their_ends_and_what_was_between(app: Flask, client: FlaskClient) -> None:
    job_id = create(client)
    path = f"/dashboard/jobs/{job_id}"
    run_once(client, 1, "fail?token={token}&reason=connection+refused%0A+by+%3Chost%3E&retry_in=0")
    run_once(client, 2, "release?token={token}&in=0")
    run_once(client, 3, "fail?token={token}&retry_in=34&reason=again")
    said = text(page(client, path))
    assert re.search(r"Attempt 3 of 3, again in 3[34] s: again Timeline", said)
    assert re.search(r"Waits until \S+ \S+ UTC, for 3[34] s", said)
    pass_time(40)
    keep(app)
    leased(client, "&worker=mill-4", f"{TOKEN}-4")
    html = page(client, path)
    assert '<p class="reason"><bdi>connection refused\n by &lt;host&gt;</bdi></p>' in html
    at, took = r"\S+ \S+ UTC", r"[\d.]+ m?s"
    assert re.search(
        rf"Created {at} "
        rf"Attempt 1 by mill-1 Started {at} waited {took} Failed {at} ran {took} connection refused by <host> "
        rf"Attempt 2 by mill-2 Started {at} waited {took} Given back {at} ran {took} "
        rf"Attempt 3 by mill-3 Started {at} waited {took} Failed {at} ran {took} again "
        rf"Attempt 4 by mill-4 Started {at} waited {took} Runs for {took}, last heard of {took} ago Priority",
        text(html),
    )
    client.post(f"/jobs/{job_id}/fail?reason=wrong+customer")
    assert re.search(rf"Taken away {at} ran {took} wrong customer Failed {at} Priority", text(page(client, path)))


def test_a_run_that_was_not_heard_of_is_told_as_expired(make_app: MakeApp, database_url: str) -> None:
    app = make_app(database_url, LEASE_GRACE="0")
    client = app.test_client()
    job_id = create(client)
    leased(client, "&worker=mill-3&attempts=2")
    with app.app_context():
        pass_time(200)
        keep(app)
    said = text(page(client, f"/dashboard/jobs/{job_id}"))
    assert re.search(r"Expired \S+ \S+ UTC ran [^u]+ the lease ran out; mill-3 was last heard of", said)
    assert re.search(r"Attempt 1 of 2, again in \d s: the lease ran out; mill-3", said)


def test_a_job_that_was_given_back_and_then_started_without_a_lease_tells_both(client: FlaskClient) -> None:
    job_id = create(client)
    path = f"/dashboard/jobs/{job_id}"
    run_once(client, 1, "release?token={token}")
    said = text(page(client, path))
    assert "Attempt 1 of 3, ready again: given back" in said
    assert re.search(r"Given back \S+ \S+ UTC ran \S+ m?s Waits for [\d.]+ m?s Priority", said)
    client.post(f"/jobs/{job_id}/process")
    assert re.search(r"Started \S+ \S+ UTC without a lease Runs for [\d.]+ m?s Priority", text(page(client, path)))
    client.post(f"/jobs/{job_id}/complete")
    assert re.search(r"without a lease Completed \S+ \S+ UTC ran [\d.]+ m?s Priority", text(page(client, path)))


def test_of_many_runs_the_last_ones_are_told_and_that_there_are_more(client: FlaskClient) -> None:
    job_id = create(client)
    for number in range(1, HISTORY + 3):
        run_once(client, number, "release?token={token}")
    said = text(page(client, f"/dashboard/jobs/{job_id}"))
    assert "Attempts 1 to 2 are not shown Attempt 3 by mill-3 Started" in said
    assert said.count(" Given back ") == HISTORY
    assert f"Attempt {HISTORY + 2}, ready again: given back" in said


# ---- Schedules, and running again


def test_a_scheduled_job_says_when_it_may_run_and_until_when_it_must_begin(client: FlaskClient) -> None:
    job_id = create(client, run_at=f"{YEAR}-11-26T03:00:00", expires_at=86_400, max_attempts=5)
    html = page(client, f"/dashboard/jobs/{job_id}")
    shown = f"{YEAR}-11-26 03:00:00 UTC"
    assert f'may start <time datetime="{YEAR}-11-26T03:00:00.000Z" title="{shown}">{shown}</time>' in html
    said = text(html)
    assert re.search(
        rf"Scheduled: may start {YEAR}-11-26 03:00:00 UTC, in \d+ d Must begin by \S+ \S+ UTC, in 1 d,", said
    )
    assert re.search(rf"Waits until {YEAR}-11-26 03:00:00 UTC, for \d+ d", said)
    assert "Attempts Up to 5" in said
    assert "Why is it waiting?" not in said
    soon = create(client, run_at=3_600 * 4)
    assert re.search(r"Scheduled: may start \S+ \S+ UTC, in 4 h", text(page(client, f"/dashboard/jobs/{soon}")))


def test_a_job_that_was_run_again_and_the_new_one_lead_to_each_other(client: FlaskClient) -> None:
    first = make_job(JobStatus.FAILED)
    assert "again of" not in text(page(client, f"/dashboard/jobs/{first.id}"))
    again = [client.post(f"/jobs/{first.id}/retry").get_json()["id"] for _ in range(2)]
    old, new = (page(client, f"/dashboard/jobs/{each}") for each in (first.id, again[0]))
    assert f"Was run again {again[1][-8:]}, {again[0][-8:]} Id" in text(old)
    assert all(f'<a href="/dashboard/jobs/{each}"' in old for each in again)
    assert f"Run again of {first.id[-8:]}" in text(new)
    assert f'<a href="/dashboard/jobs/{first.id}"' in new
    for _ in range(AGAIN_MAX):
        client.post(f"/jobs/{first.id}/retry")
    old = page(client, f"/dashboard/jobs/{first.id}")
    assert "and before that Id" in text(old)
    assert again[0] not in old
