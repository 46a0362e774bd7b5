"""The pages, fragments and forms: what they show, where a post leads, and what they refuse."""

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.core.job import PRIORITY_MAX, JobStatus
from dashboard.core.transitions import JOB_ACTIONS, TRANSITIONS, Action, allowed
from dashboard.database.transactions import writing
from dashboard.store import listing
from dashboard.web.board import PAGE_SIZE
from dashboard.web.filters import GAP
from tests.support.factory import make_job

UNKNOWN = "00000000-0000-4000-8000-000000000000"
HOSTILE = "'\"><script>alert(1)</script><hx-partial hx-target='#board'></textarea></title>&lt;"
NEW = ("/dashboard/jobs/new", "/dashboard/fragments/new")  # the form without JavaScript, and with it
TICKING = re.compile(r'(data-age|data-since="[^"]+")>[^<]*<')  # the only text that depends on when one asks

WRONG = (
    ("type", "", "A job needs a type"),
    ("type", "x" * 101, "100 characters"),
    ("type", "a\0b", "NUL"),
    ("payload", '{"a": 1', "This is no JSON"),
    ("payload", '{"a": NaN}', "This is no JSON"),
    ("payload", '{"a": 1e999}', "too large"),
    ("payload", '{"a": "\\ud800"}', "This is no JSON"),
    ("payload", '{"a": 1, "a": 2}', "This is no JSON"),
    ("payload", '{"a":' * 300 + "1" + "}" * 300, "This is no JSON"),
    ("payload", "[1]", "must be a JSON object"),
    ("priority", "-1", "between 0 and"),
    ("priority", "1.5", "integer"),
    ("priority", "abc", "integer"),
    ("priority", str(PRIORITY_MAX + 1), "between 0 and"),
    ("priority", "9" * 5000, "integer"),
)
BAD_FILTERS = (
    "status=LOST",
    "before=0",
    "after=1.5",
    f"after={2**63}",
    "type=a%00",
    f"q={'x' * 201}",
    "hold=x",
    "after=5&before=9",
)
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
OURS = ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"})
REFERERS = (  # and where a Start leads back to
    ("http://localhost/dashboard/?status=PENDING&before=9", "/dashboard/?status=PENDING&before=9#job-{id}"),
    ("https://evil.example/dashboard/?status=PENDING", "/dashboard/?status=PENDING#job-{id}"),
    ("https://evil.example/", "/dashboard/jobs/{id}"),
    ("http://localhost//evil.example/dashboard/", "/dashboard/jobs/{id}"),
    ("http://[", "/dashboard/jobs/{id}"),
    ("", "/dashboard/jobs/{id}"),
)


def create(client: FlaskClient, **body: Any) -> str:
    job_id: str = client.post("/jobs", json={"type": "resize", **body}).json["id"]
    return job_id


def page(client: FlaskClient, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert (answer.status_code, answer.mimetype) == (status, "text/html"), url
    return answer.text


def still(html: str) -> str:
    return TICKING.sub(r"\1><", html)


def rows(html: str) -> dict[str, str]:
    """The rows of the jobs' table by their jobs' ids, in the order shown."""
    return dict(re.findall(r'<tr id="job-([^"]+)">(.*?)</tr>', html, re.DOTALL))


def counters(html: str) -> dict[str, int]:
    found = re.findall(r'<span class="badge \w+">(\w+)</span> <b>([\d,]+)</b>', html)
    return {status: int(number.replace(",", "")) for status, number in found}


def walk(client: FlaskClient, url: str, rel: str) -> Iterator[tuple[str, list[str]]]:
    """Each page's URL and jobs, along its links of one kind."""
    while url:
        html = page(client, url)
        yield url, list(rows(html))
        link = re.search(rf'<a href="([^"]+)" rel="{rel}">', html)
        url = unescape(link[1]) if link else ""


# ---- What the pages show


def test_the_root_leads_to_the_jobs(client: FlaskClient) -> None:
    assert client.get("/").location == "/dashboard/"


def test_an_empty_board_tells_how_to_create_the_first_job(client: FlaskClient) -> None:
    html = page(client, "/dashboard/")
    assert "No jobs yet" in html
    assert "http://localhost/jobs" in html


@pytest.mark.parametrize(("status", "says"), [("RUNNING", "All done"), ("FAILED", "Nothing matches")])
def test_a_filter_that_no_job_passes_says_so(client: FlaskClient, status: str, says: str) -> None:
    make_job()
    html = page(client, f"/dashboard/?status={status}")
    assert says in html
    assert not rows(html)


def test_a_row_shows_the_type_the_payload_and_the_priority(client: FlaskClient) -> None:
    job_id = create(client, type="send_email", payload={"to": "ada"}, priority=7)
    row = rows(page(client, "/dashboard/"))[job_id]
    for part in ("send_email", escape('{"to":"ada"}'), ">7<", job_id[-8:], f'href="/dashboard/jobs/{job_id}"'):
        assert part in row


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


def test_the_forms_and_the_docs_are_pages_too(client: FlaskClient) -> None:
    job = make_job(JobStatus.RUNNING, type="send_email")
    assert '<option value="send_email">' in page(client, "/dashboard/jobs/new")
    assert 'name="result"' in page(client, f"/dashboard/jobs/{job.id}/complete")
    assert 'name="reason"' in page(client, f"/dashboard/jobs/{job.id}/fail")
    assert 'data-url="/openapi.json"' in page(client, "/docs")


@pytest.mark.parametrize("path", ["/nope", "/dashboard/nope", "/dashboard/jobs/7", f"/dashboard/jobs/{UNKNOWN}"])
def test_an_unknown_page_is_an_html_404(client: FlaskClient, path: str) -> None:
    assert "Status 404" in page(client, path, 404)


def test_the_queue_page_shows_both_orders(client: FlaskClient) -> None:
    last, first = make_job(), make_job(priority=9)
    html = page(client, "/dashboard/queue")
    assert re.findall(r'<tr id="entry-([^"]+)"', html) == [first.id, last.id]
    assert re.findall(r'<tr id="pending-([^"]+)"', html) == [first.id, last.id]
    assert re.search(rf'"entry-{first.id}".*?next to be claimed.*?"entry-{last.id}"', html, re.DOTALL)


def test_the_queue_page_tells_a_stale_entry_from_a_live_one(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    client = make_app(sqlite_url).test_client()
    _, called_off, live = create(client), create(client), create(client)
    client.post("/jobs/claim")  # takes the first, and the others into the queue
    assert "agree on what is next" in page(client, "/dashboard/queue")
    client.post(f"/jobs/{called_off}/fail")
    html = page(client, "/dashboard/queue")
    assert re.search(rf'"entry-{called_off}".*?stale: FAILED since \d\d:\d\d', html, re.DOTALL)
    assert re.search(rf'"entry-{live}".*?next to be claimed.*?>live</td>', html, re.DOTALL)


# ---- The board: counters, filter, pages, actions


def test_the_counters_equal_the_table_and_the_summary(client: FlaskClient) -> None:
    for number, status in enumerate(JobStatus, start=1):
        for _ in range(number):
            make_job(status)
    html = page(client, "/dashboard/")
    shown = re.findall(r'class="badge \w+">(\w+)<', "".join(rows(html).values()))
    assert counters(html) == {status: shown.count(status) for status in JobStatus}
    assert counters(html) == {name.upper(): n for name, n in client.get("/jobs/summary").json.items()}


@pytest.mark.parametrize("status", JobStatus)
def test_a_status_in_the_address_filters_the_table_and_not_the_counters(client: FlaskClient, status: JobStatus) -> None:
    ids = {each: make_job(each).id for each in JobStatus}
    html = page(client, f"/dashboard/?status={status}")
    assert list(rows(html)) == [ids[status]]
    assert set(counters(html).values()) == {1}


def test_a_type_and_a_text_in_the_address_filter_the_table(client: FlaskClient) -> None:
    # No id can have this text in it: an n is no hexadecimal digit.
    wanted = create(client, type="send_email", payload={"to": "ann"})
    create(client, type="send_email")
    create(client, payload={"to": "ann"})
    assert list(rows(page(client, "/dashboard/?type=send_email&q=ANN"))) == [wanted]
    assert list(rows(page(client, f"/dashboard/?q={wanted}"))) == [wanted]


@pytest.mark.parametrize("query", ["", "?status=PENDING", "?sort=oldest", "?status=PENDING&sort=oldest"])
def test_older_and_newer_lead_through_all_jobs_once_and_back(client: FlaskClient, query: str) -> None:
    jobs = [make_job(JobStatus.RUNNING if number % 9 == 0 else JobStatus.PENDING) for number in range(140)]
    wanted = [job.id for job in reversed(jobs) if "PENDING" not in query or job.status == "PENDING"]
    if "oldest" in query:
        wanted.reverse()
    there = list(walk(client, f"/dashboard/{query}", "next"))
    back = list(walk(client, there[-1][0], "prev"))
    assert [job_id for _, ids in there for job_id in ids] == wanted
    assert [ids for _, ids in back] == [ids for _, ids in reversed(there)]


def test_a_search_whose_window_ended_says_how_to_go_on(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SEARCH_WINDOW", 20)
    jobs = [create(client, type="needle"), *(create(client) for _ in range(50)), create(client, type="needle")]
    for query, wanted in (("sort=oldest", [jobs[0], jobs[-1]]), ("", [jobs[-1], jobs[0]])):
        found, url = [], f"/dashboard/?q=needle&{query}"
        while url:
            html = page(client, url)
            found += list(rows(html))
            link = re.search(r'<a href="([^"]+)">look further|<a href="([^"]+)" rel="next">', html)
            url = unescape(link[1] or link[2]) if link else ""
        assert found == wanted


def test_a_type_and_a_payload_cannot_take_the_place_of_a_time(client: FlaskClient) -> None:
    gap = "".join(GAP)
    job_id = create(client, type=gap, payload={"text": gap})
    row = rows(page(client, "/dashboard/"))[job_id]
    assert row.count(str(escape(gap))) == 2
    assert gap not in row
    assert len(re.findall(r">\d+ s</time>", row)) == 1


@pytest.mark.parametrize("query", BAD_FILTERS)
def test_a_filter_that_cannot_be_is_422(client: FlaskClient, query: str) -> None:
    for path in ("/dashboard/", "/dashboard/fragments/board"):
        assert f"The {query.split('=')[0]} in the address is not valid" in page(client, f"{path}?{query}", 422)


@pytest.mark.parametrize("status", JobStatus)
def test_only_the_actions_that_a_status_allows_are_drawn(client: FlaskClient, status: JobStatus) -> None:
    job = make_job(status)
    wanted = {f"/dashboard/jobs/{job.id}/{action}" for action in allowed(status)}
    row, whole = rows(page(client, "/dashboard/"))[job.id], page(client, f"/dashboard/jobs/{job.id}")
    for html in (row, whole):
        assert set(re.findall(rf'(?:action|href)="(/dashboard/jobs/{job.id}/\w+)"', html)) == wanted


# ---- Fragments and refreshes


@pytest.mark.parametrize("query", ["", "?status=PENDING", "?status=FAILED", "?before=50", "?status=RUNNING&after=2"])
def test_the_board_refreshes_to_what_its_page_shows(client: FlaskClient, query: str) -> None:
    for number in range(PAGE_SIZE + 10):
        make_job(JobStatus.RUNNING if number % 7 == 0 else JobStatus.PENDING)
    html = page(client, f"/dashboard/{query}")
    url = re.search(r'id="board"[^>]*?\sdata-hx-get="([^"]+)"', html)
    assert url
    assert still(page(client, unescape(url[1]))) in still(html)


@pytest.mark.parametrize("status", JobStatus)
def test_a_job_refreshes_to_what_its_page_shows(client: FlaskClient, status: JobStatus) -> None:
    path = f"jobs/{make_job(status).id}"
    assert still(page(client, f"/dashboard/fragments/{path}")) in still(page(client, f"/dashboard/{path}"))


def test_the_queue_refreshes_to_what_its_page_shows(client: FlaskClient) -> None:
    for status in JobStatus:
        make_job(status)
    assert still(page(client, "/dashboard/fragments/queue")) in still(page(client, "/dashboard/queue"))


@pytest.mark.parametrize("part", ["board", "board?status=FAILED", "queue", "jobs/{id}"])
def test_a_refresh_is_304_without_a_body_until_something_changes(client: FlaskClient, part: str) -> None:
    job_id = create(client)
    url, has = "/dashboard/fragments/" + part.format(id=job_id), {}
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


def test_a_tag_that_a_proxy_has_made_weak_is_known_again(client: FlaskClient) -> None:
    tag = client.get("/dashboard/fragments/board").headers["ETag"]
    assert client.get("/dashboard/fragments/board", headers={"If-None-Match": f"W/{tag}"}).status_code == 304


def test_a_refresh_that_holds_its_rows_gets_them_again_and_the_number_of_newer_ones(client: FlaskClient) -> None:
    job = make_job()
    html = page(client, "/dashboard/?status=PENDING")
    seq, since = re.search(r'data-seq="(\d+)"', html), re.search(r'data-since="(\d+)"', html)
    assert seq
    assert since
    for _ in range(3):
        make_job()
    client.post("/jobs/claim")
    html = page(client, f"/dashboard/fragments/board?status=PENDING&hold={seq[1]}&since={since[1]}")
    assert list(rows(html)) == [job.id]
    assert "RUNNING" in rows(html)[job.id]
    assert "3 newer jobs" in html


# ---- Posts


def test_a_post_without_javascript_leads_to_the_job(client: FlaskClient) -> None:
    answer = client.post("/dashboard/jobs/new", data={"type": "resize", "payload": '{"a": 1}', "priority": "3"})
    there = answer.location
    job = client.get(there.replace("/dashboard/", "/")).json
    assert answer.status_code == 303
    assert (job["type"], job["payload"], job["priority"], job["status"]) == ("resize", {"a": 1}, 3, "PENDING")
    for path, data, status, result in (
        ("/dashboard/claim", {}, "RUNNING", None),
        (f"{there}/fail", {"reason": "out of paper"}, "FAILED", {"reason": "out of paper"}),
    ):
        answer = client.post(path, data=data)
        assert (answer.status_code, answer.location) == (303, there)
        job = client.get(there.replace("/dashboard/", "/")).json
        assert (job["status"], job["result"]) == (status, result)


def test_a_completed_job_has_the_result_that_was_typed(client: FlaskClient) -> None:
    job = make_job(JobStatus.RUNNING)
    answer = client.post(f"/dashboard/jobs/{job.id}/complete", data={"result": '{"b": 2}'})
    assert (answer.status_code, answer.location) == (303, f"/dashboard/jobs/{job.id}")
    assert client.get(f"/jobs/{job.id}").json["result"] == {"b": 2}


@pytest.mark.parametrize(("referer", "place"), REFERERS)
def test_a_start_leads_back_to_the_row_and_never_to_another_host(client: FlaskClient, referer: str, place: str) -> None:
    job = make_job()
    answer = client.post(f"/dashboard/jobs/{job.id}/process", headers={"Referer": referer})
    assert (answer.status_code, answer.location) == (303, place.format(id=job.id))
    assert urlsplit(urljoin("http://localhost/", answer.location)).netloc == "localhost"


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("action", [Action.CLAIM, *JOB_ACTIONS])
def test_a_form_refuses_what_the_api_refuses_in_the_same_words(
    client: FlaskClient, action: Action, status: JobStatus
) -> None:
    for door, success in (("/dashboard", 303), ("/dashboard/fragments", 200)):
        job = make_job(status)
        path = "claim" if action is Action.CLAIM else f"jobs/{job.id}/{action}"
        if status in TRANSITIONS[action].sources:
            assert client.post(f"{door}/{path}").status_code == success
        else:
            before = client.get("/jobs").json
            told = client.post(f"/{path}" if action is not Action.CLAIM else "/jobs/claim")
            answer = client.post(f"{door}/{path}")
            assert answer.status_code == told.status_code >= 400
            assert f">{told.json['detail']}</" in answer.text
            assert client.get("/jobs").json == before


@pytest.mark.parametrize(("field", "text", "says"), WRONG)
def test_a_wrong_field_is_told_under_it_and_what_was_typed_stays(
    client: FlaskClient, field: str, text: str, says: str
) -> None:
    typed = {"type": "resize", "payload": '{"ok": "<&>"}', "priority": "7"} | {field: text}
    for url in NEW:
        answer = client.post(url, data=typed)
        told = {name: text for name, text in re.findall(r'id="(\w+)-error">(.*?)</p>', answer.text, re.DOTALL) if text}
        assert (answer.status_code, set(told)) == (422, {field})
        assert says in told[field]
        assert f"{escape(typed['payload'])}</textarea>" in answer.text
        for name in ("type", "priority"):
            assert re.search(rf'name="{name}"[^>]*? value="{re.escape(escape(typed[name]))}"', answer.text)
    assert client.get("/jobs").json == []


def test_a_result_that_is_no_object_completes_nothing(client: FlaskClient) -> None:
    job = make_job(JobStatus.RUNNING)
    for door in ("/dashboard", "/dashboard/fragments"):
        answer = client.post(f"{door}/jobs/{job.id}/complete", data={"result": "[1]"})
        assert answer.status_code == 422
        assert re.search(r'id="result-error">This must be a JSON object', answer.text)
    assert client.get(f"/jobs/{job.id}").json["status"] == "RUNNING"


def test_a_type_and_a_payload_at_their_limits_pass_through_the_form(client: FlaskClient) -> None:
    typed = {"type": "ä" * 100, "payload": '{"text": "' + "x" * 900_000 + '"}', "priority": str(PRIORITY_MAX)}
    assert client.post("/dashboard/jobs/new", data=typed).status_code == 303


# ---- Safety


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
    pending, running = make_job(), make_job(JobStatus.RUNNING)
    before = client.get("/jobs").json
    acts = [f"jobs/{pending.id}/process", f"jobs/{pending.id}/fail", f"jobs/{running.id}/complete"]
    paths = [f"{door}/{act}" for door in ("", "/dashboard", "/dashboard/fragments") for act in acts]
    for path in (*paths, "/jobs", "/jobs/claim", "/dashboard/claim", "/dashboard/fragments/claim", *NEW):
        sent: dict[str, Any] = {"json" if path == "/jobs" else "data": {"type": "resize"}}
        assert client.post(path, headers=headers, **sent).status_code == 403, path
    assert client.get("/jobs").json == before


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
    kept = re.search(r'href="(/static/app.css[^"]+)"', page(client, "/dashboard/"))
    assert kept
    assert "immutable" in client.get(unescape(kept[1]), buffered=True).headers["Cache-Control"]
    for path in ("/dashboard/", "/dashboard/fragments/board", "/jobs", "/nope", "/static/nope.js?v=1"):
        assert client.get(path).headers["Cache-Control"] == "no-store", path


@pytest.mark.parametrize("text", ["nonexistent-id", "urn:uuid:{id}", "%7B{id}%7D", "{upper}", "{hex}", "%00", "%ff"])
def test_a_page_or_fragment_of_an_id_that_names_no_job_is_404(client: FlaskClient, text: str) -> None:
    job_id = make_job().id
    other = text.format(id=job_id, upper=job_id.upper(), hex=job_id.replace("-", ""))
    for door in ("/dashboard/jobs", "/dashboard/fragments/jobs"):
        answers = [client.get(f"{door}/{other}"), client.get(f"{door}/{other}/fail")]
        answers += [client.post(f"{door}/{other}/{action}") for action in JOB_ACTIONS]
        for answer in answers:
            assert answer.status_code == 404
            assert "Job not found" in answer.text
    assert client.post(f"/dashboard/fragments/jobs/{other}/undo").status_code == 404
