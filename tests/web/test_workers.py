"""The workers page: who holds which jobs by a lease."""

import re

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.web.filters import visible
from tests.support.app import MakeApp
from tests.support.html import create, page
from tests.support.leases import TOKEN, leased, pass_time

URL = "/dashboard/fragments/workers"


def test_an_empty_page_says_what_a_lease_is_and_how_to_claim_with_one(client: FlaskClient) -> None:
    html = page(client, URL)
    assert html in page(client, "/dashboard/workers")
    assert "A lease is a claim for a time" in html
    assert "curl -X POST 'http://localhost/jobs/claim?lease=60&amp;worker=mill-3'" in html
    create(client)
    client.post("/jobs/claim")  # without a lease, so no worker holds it
    assert page(client, URL) == html


def test_a_viewer_sees_who_holds_what(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, TOKENS="looks:viewer:token-that-looks-on does:operator:token-that-presses")
    viewer, operator = app.test_client(), app.test_client()
    viewer.environ_base["HTTP_AUTHORIZATION"] = "Bearer token-that-looks-on"
    operator.environ_base["HTTP_AUTHORIZATION"] = "Bearer token-that-presses"
    assert "curl" not in page(viewer, "/dashboard/workers")
    assert "Authorization: Bearer $TOKEN" in page(operator, "/dashboard/workers")
    create(operator)
    operator.post("/jobs/claim?lease=60")
    assert "<bdi>does</bdi>" in page(viewer, "/dashboard/workers")  # the name of the token


def test_each_worker_is_shown_with_the_jobs_that_it_holds(client: FlaskClient) -> None:
    first, second, third = (create(client, type=name) for name in ("resize", "crop", "send"))
    leased(client, "&worker=mill-7&attempts=3", token="token-of-the-first-1")
    leased(client, "&worker=mill-3", token="token-of-the-second")
    leased(client, "&worker=mill-7", token="token-of-the-first-2")
    html = page(client, "/dashboard/workers")
    assert re.findall(r'<bdi>(mill-\d)</bdi>|<tr id="held-([^"]+)"', html) == [
        ("mill-3", ""),
        ("", second),
        ("mill-7", ""),
        ("", first),
        ("", third),
    ]
    assert "2 workers hold 3 jobs" in html
    assert html.count("attempt 1 of 3") == 1
    for job_id in (first, second, third):
        assert f'href="/dashboard/jobs/{job_id}"' in html
    # For the one with two jobs, and for each job: since when it runs, when it was heard, and how long the lease holds.
    assert [html.count(part) for part in ("data-since=", "data-age", "data-until=")] == [4, 4, 4]


def test_a_heartbeat_moves_progress_and_nothing_else_turns_the_304_into_a_page(client: FlaskClient) -> None:
    create(client)
    job_id = leased(client, "&worker=mill-3")["id"]
    tag = client.get(URL).headers["ETag"]
    create(client)  # changes the board, not this
    assert client.get(URL, headers={"If-None-Match": tag}).status_code == 304
    client.post(f"/jobs/{job_id}/heartbeat?token={TOKEN}", json={"progress": 42, "message": "page 21 of 50"})
    answer = client.get(URL, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert re.search(
        r'<progress max="100" value="42" aria-label="[^"]+">42 %</progress> 42 % <bdi>page 21 of 50<', answer.text
    )
    tag = answer.headers["ETag"]
    assert client.get(URL, headers={"If-None-Match": tag}).data == b""
    client.post(f"/jobs/{job_id}/complete?token={TOKEN}")
    assert "No worker holds a job" in client.get(URL, headers={"If-None-Match": tag}).text


@pytest.mark.parametrize("seconds", [30, 90])
def test_how_long_the_lease_holds_is_shown_until_it_is_over(client: FlaskClient, seconds: int) -> None:
    create(client)
    leased(client)
    pass_time(seconds)
    shown = re.findall(r'data-until="[^"]+">([^<]+)<', page(client, "/dashboard/workers"))
    assert shown in ([["29 s"], ["30 s"]] if seconds < 60 else [["0 s"]])


def test_what_a_worker_says_is_escaped_and_isolated(client: FlaskClient) -> None:
    hostile = "<img src=x> '\"& \u202e"
    create(client, type=hostile)
    job = client.post("/jobs/claim", query_string={"lease": 60, "worker": hostile}).get_json()
    client.post(f"/jobs/{job['id']}/heartbeat?token={job['token']}", json={"message": hostile})
    html = page(client, "/dashboard/workers")
    assert html.count(f"<bdi>{escape(visible(hostile))}</bdi>") == 3  # the worker, the type, the message
    assert "<img src=x>" not in html
