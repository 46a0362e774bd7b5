"""The pages: where they are, where a post without JavaScript leads, and that they are safe."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.core.job import JobStatus
from dashboard.core.transitions import JOB_ACTIONS, Action
from dashboard.database.transactions import writing
from tests.support.factory import make_job
from tests.support.html import create, page

UNKNOWN = "00000000-0000-4000-8000-000000000000"
HOSTILE = "'\"><script>alert(1)</script><hx-partial hx-target='#board'></textarea></title>&lt;"
NEW = ("/dashboard/jobs/new", "/dashboard/fragments/new")  # the form without JavaScript, and with it
OTHER_SITES = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "null"},
    {"Origin": "http://["},
)
OURS: tuple[dict[str, str], ...] = (
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
)
REFERERS = (  # and where a Start leads back to
    ("http://localhost/dashboard/?status=PENDING&before=9", "/dashboard/?status=PENDING&before=9#job-{id}"),
    ("https://evil.example/dashboard/?status=PENDING", "/dashboard/?status=PENDING#job-{id}"),
    ("https://evil.example/", "/dashboard/jobs/{id}"),
    ("http://localhost//evil.example/dashboard/", "/dashboard/jobs/{id}"),
    ("http://[", "/dashboard/jobs/{id}"),
    ("", "/dashboard/jobs/{id}"),
)


def test_the_root_leads_to_the_overview(client: FlaskClient) -> None:
    assert client.get("/").location == "/dashboard/overview"


def test_the_forms_and_the_docs_are_pages_too(client: FlaskClient) -> None:
    job = make_job(JobStatus.RUNNING, type="send_email")
    assert '<option value="send_email">' in page(client, "/dashboard/jobs/new")
    assert 'name="result"' in page(client, f"/dashboard/jobs/{job.id}/complete")
    assert 'name="reason"' in page(client, f"/dashboard/jobs/{job.id}/fail")
    assert 'href="/openapi.json"' in page(client, "/docs")


@pytest.mark.parametrize("path", ["/nope", "/dashboard/nope", "/dashboard/jobs/7", f"/dashboard/jobs/{UNKNOWN}"])
def test_an_unknown_page_is_an_html_404(client: FlaskClient, path: str) -> None:
    assert "Status 404" in page(client, path, 404)


def test_a_post_without_javascript_leads_to_the_job(client: FlaskClient) -> None:
    answer = client.post("/dashboard/jobs/new", data={"type": "resize", "payload": '{"a": 1}', "priority": "3"})
    there = answer.location
    job = client.get(there.replace("/dashboard/", "/")).get_json()
    assert answer.status_code == 303
    assert (job["type"], job["payload"], job["priority"], job["status"]) == ("resize", {"a": 1}, 3, "PENDING")
    for path, data, status, result in (
        ("/dashboard/claim", {}, "RUNNING", None),
        (f"{there}/fail", {"reason": "out of paper"}, "FAILED", {"reason": "out of paper"}),
    ):
        answer = client.post(path, data=data)
        assert (answer.status_code, answer.location) == (303, there)
        job = client.get(there.replace("/dashboard/", "/")).get_json()
        assert (job["status"], job["result"]) == (status, result)


@pytest.mark.parametrize(("referer", "place"), REFERERS)
def test_a_start_leads_back_to_the_row_and_never_to_another_host(client: FlaskClient, referer: str, place: str) -> None:
    job = make_job()
    answer = client.post(f"/dashboard/jobs/{job.id}/process", headers={"Referer": referer})
    assert (answer.status_code, answer.location) == (303, place.format(id=job.id))
    assert urlsplit(urljoin("http://localhost/", answer.location)).netloc == "localhost"


def test_hostile_text_is_only_ever_text(client: FlaskClient) -> None:
    body = {"type": HOSTILE, "payload": {HOSTILE: HOSTILE}}
    ids = [create(client, **body) for _ in range(4)]
    twice = f"{{{json.dumps(HOSTILE)}: 1, {json.dumps(HOSTILE)}: 2}}"  # the complaint tells the key
    form = {"type": HOSTILE, "payload": twice, "priority": HOSTILE}
    answers = [client.post(f"/dashboard/fragments/jobs/{job_id}/process") for job_id in ids[1:]]
    answers.append(client.post(f"/dashboard/fragments/jobs/{ids[2]}/fail", data={"reason": HOSTILE}))
    client.post(f"/jobs/{ids[3]}/complete", json={"result": {HOSTILE: HOSTILE}})
    answers += [client.post(f"/dashboard/{path}", data=form) for path in ("jobs/new", "fragments/new")]
    urls = ["", "queue", "jobs/new", "fragments/board", "fragments/queue", "fragments/new"]
    urls += [f"{part}jobs/{job_id}" for part in ("", "fragments/") for job_id in ids]
    urls += [f"{part}jobs/{ids[1]}/{action}" for part in ("", "fragments/") for action in ("complete", "fail")]
    answers += [client.get(f"/dashboard/{url}") for url in urls]
    answers.append(client.get("/dashboard/", query_string={"type": HOSTILE, "q": HOSTILE}))
    answers.append(client.post("/dashboard/fragments/claim"))
    for answer in answers:
        assert answer.mimetype == "text/html"
        assert escape(HOSTILE) in answer.text
        assert HOSTILE not in answer.text
        assert "<hx-partial" not in answer.text
        assert all(tag.startswith(' src="/static/') for tag in re.findall(r"<script([^>]*)>", answer.text))


@pytest.mark.parametrize("headers", OTHER_SITES, ids=str)
def test_a_post_from_another_site_is_403_and_changes_nothing(client: FlaskClient, headers: dict[str, str]) -> None:
    pending, running, failed = make_job(), make_job(JobStatus.RUNNING), make_job(JobStatus.FAILED)
    before = client.get("/jobs").get_json()
    acts = [f"jobs/{pending.id}/process", f"jobs/{pending.id}/fail", f"jobs/{running.id}/complete"]
    acts.append(f"jobs/{failed.id}/retry")
    paths = [f"{door}/{act}" for door in ("", "/dashboard", "/dashboard/fragments") for act in acts]
    for path in (*paths, "/jobs", "/jobs/claim", "/dashboard/claim", "/dashboard/fragments/claim", *NEW):
        sent: dict[str, Any] = {"json" if path == "/jobs" else "data": {"type": "resize"}}
        assert client.post(path, headers=headers, **sent).status_code == 403, path
    assert client.get("/jobs").get_json() == before


@pytest.mark.parametrize("headers", OURS, ids=str)
def test_scripts_and_our_own_pages_may_post(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/jobs", json={"type": "resize"}, headers=headers).status_code == 201
    assert client.post("/dashboard/jobs/new", data={"type": "resize"}, headers=headers).status_code == 303


def test_every_answer_has_the_security_headers(
    client: FlaskClient, make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    tag = re.search(r'data-tag="([^"]+)"', client.get("/dashboard/fragments/board").text)
    assert tag
    paths = ["/", "/dashboard", "/dashboard/", "/docs", "/jobs", "/openapi.json", "/nope", "/static/app.css"]
    paths += ["/static/nope.js", "/jobs?limit=0", "/dashboard/?before=0", "/dashboard/claim"]
    answers = [client.get(path, buffered=True) for path in paths]
    answers += [client.get("/dashboard/fragments/board", headers={"If-None-Match": f'"{tag[1]}"'})]
    answers += [client.post("/jobs", data=b"x" * 1_000_001), client.post("/jobs/claim", headers={"Origin": "null"})]
    broken = make_app(sqlite_url)
    with broken.app_context(), writing() as tx:
        tx.exec_driver_sql("DROP TABLE tally")
    answers.append(broken.test_client().get("/dashboard/"))
    codes = {200, 302, 304, 308, 403, 404, 405, 413, 422}
    assert codes < {answer.status_code for answer in answers}
    assert answers[-1].status_code >= 500
    for answer in answers:
        assert "default-src 'none'; script-src 'self';" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_only_a_file_under_the_address_of_its_content_is_kept_by_browsers(client: FlaskClient) -> None:
    kept = re.search(r'href="(/static/[^/]+/app.css)"', page(client, "/dashboard/"))
    assert kept
    assert "immutable" in client.get(unescape(kept[1]), buffered=True).headers["Cache-Control"]
    for path in ("/dashboard/", "/dashboard/fragments/board", "/jobs", "/nope", "/static/1/nope.js"):
        assert client.get(path).headers["Cache-Control"] == "no-store", path


@pytest.mark.parametrize("text", ["nonexistent-id", "urn:uuid:{id}", "%7B{id}%7D", "{upper}", "{hex}", "%00", "%ff"])
def test_a_page_or_fragment_of_an_id_that_names_no_job_is_404(client: FlaskClient, text: str) -> None:
    job_id = make_job().id
    other = text.format(id=job_id, upper=job_id.upper(), hex=job_id.replace("-", ""))
    for door in ("/dashboard/jobs", "/dashboard/fragments/jobs"):
        says = "This job is gone" if "fragments" in door else "Job not found"
        assert says in page(client, f"{door}/{other}", 404)
        answers = [client.get(f"{door}/{other}/fail")]
        answers += [client.post(f"{door}/{other}/{action}") for action in (*JOB_ACTIONS, Action.UNDO)]
        for answer in answers:
            assert answer.status_code == 404
            assert "Job not found" in answer.text
