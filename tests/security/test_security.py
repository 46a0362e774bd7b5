"""Host names, other sites, response headers, proxies; and when the server does not start."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.core.job import Job, JobStatus
from dashboard.database.transactions import reading, writing
from dashboard.store import counts
from tests.support import http
from tests.support.app import MakeApp
from tests.support.factory import make_job
from tests.support.html import timeless
from tests.support.routes import job_for, path_of, sent_to
from tests.support.server import ROOT, Server, StartServer, free_port

ADA = "ada:operator:press-the-button"
SIGN_IN = {"name": "ada", "password": "press-the-button"}
EVERYWHERE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    return make_app(sqlite_url)


def job_in(app: Flask, status: JobStatus = JobStatus.PENDING, name: str = "private-type") -> Job:
    with app.app_context():
        return make_job(status, name)


def revision(app: Flask) -> counts.Tally:
    with app.app_context(), reading() as tx:
        return counts.counts(tx)


# ---- Host names: DNS rebinding gets no data


def ask_as(app: Flask, host: str, path: str, method: str = "GET") -> TestResponse:
    return app.test_client().open(path, method=method, environ_overrides={"HTTP_HOST": host}, buffered=True)


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "LocalHost", "127.0.0.1:9", "[::1]", "[::1]:8080"])
def test_the_names_of_this_machine_are_allowed(app: Flask, host: str) -> None:
    assert ask_as(app, host, "/jobs").status_code == 200


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::7]", "jobs.example.com"])
def test_the_address_of_the_setting_host_is_allowed(make_app: MakeApp, sqlite_url: str, host: str) -> None:
    assert ask_as(make_app(sqlite_url, HOST=host, TOKENS=""), f"{host}:8080", "/jobs").status_code == 200


def test_allowed_hosts_replaces_the_names_that_are_allowed(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, ALLOWED_HOSTS="jobs.example.com .internal.example 192.0.2.7")
    answered = ("jobs.example.com", "jobs.example.com:8443", "a.b.internal.example", "192.0.2.7:80")
    refused = ("localhost", "example.com", "x.jobs.example.com", "jobs.example.com.evil.example", "notinternal.example")
    assert {ask_as(app, host, "/jobs").status_code for host in answered} == {200}
    assert {ask_as(app, host, "/jobs").status_code for host in refused} == {400}


HOSTILE_HOSTS = (
    *("evil.example", "localhost.evil.example", "evil.example:8080", "localhost@evil.example", "localhost#a"),
    *("localhost/a", "localhost, evil.example", "xlocalhost", "0.0.0.0", "127.0.0.2", "127.0.0.1.evil.example"),
    *("", " ", "a..b", "." * 5, "x" * 80, "[", "[::1", "localhost:99999", "localhost:x", "\xff"),
)


@pytest.mark.parametrize("host", HOSTILE_HOSTS, ids=ascii)
def test_another_host_gets_a_400_and_no_data(app: Flask, host: str) -> None:
    job_in(app)
    for path in ("/jobs", "/dashboard/fragments/board", "/dashboard/", "/sign-in", "/static/app.css"):
        answer = ask_as(app, host, path)
        assert (answer.status_code, answer.is_json) == (400, path == "/jobs")
        assert "private-type" not in answer.text
        assert not answer.is_json or [type(detail) for detail in answer.get_json().values()] == [str]


def test_another_host_changes_nothing(app: Flask) -> None:
    job = job_in(app)
    before = revision(app)
    for path in ("/jobs/claim", f"/jobs/{job.id}/fail", "/dashboard/claim", "/dashboard/fragments/claim"):
        assert ask_as(app, "evil.example", path, "POST").status_code == 400
    assert revision(app) == before


# ---- A page of another site changes nothing, whatever it can send

OTHER_SITES = (
    *({"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "", "cross-site, same-origin", "SAME-ORIGIN")),
    *({"Origin": origin} for origin in ("https://evil.example", "null", "", "localhost", "http://localhost:81")),
    *({"Origin": origin} for origin in ("http://localhost.evil.example", "http://localhost@evil.example", "http://[")),
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost", "Referer": "http://localhost/dashboard/"},
)
OURS: tuple[dict[str, str], ...] = (
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
)


def writing_rules(app: Flask) -> list[str]:
    """Every route that accepts a POST."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    assert len(rules) > 18
    return rules


@pytest.mark.parametrize("headers", OTHER_SITES, ids=ascii)
def test_no_route_accepts_a_post_from_another_site(app: Flask, headers: dict[str, str]) -> None:
    with app.app_context():
        jobs = {rule: job_for(rule) for rule in writing_rules(app)}
    before, client = revision(app), app.test_client()
    for rule, job in jobs.items():
        path = path_of(rule, job)
        for sent in (
            sent_to(rule, job),
            {"json": {"type": "a"}},
            {"data": {"type": "a"}},
            {"data": '{"type": 1}', "mimetype": "text/plain"},
        ):
            assert client.post(path, headers=headers, **sent).status_code == 403, path
    assert revision(app) == before


@pytest.mark.parametrize("headers", OURS, ids=ascii)
def test_every_route_accepts_posts_of_scripts_and_of_this_site(app: Flask, headers: dict[str, str]) -> None:
    for rule in writing_rules(app):
        with app.app_context():
            job = job_for(rule)
        answer = app.test_client().post(path_of(rule, job), headers=headers, **sent_to(rule, job))
        assert answer.status_code in ((302, 303, 422) if rule == "/sign-in" else (200, 201, 303)), rule


@pytest.mark.parametrize("mimetype", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_json_in_a_content_type_that_a_form_can_send_is_415(app: Flask, mimetype: str) -> None:
    before = revision(app)
    answer = app.test_client().post("/jobs", data=b'{"type": "a", "payload": {"x": "="}}', content_type=mimetype)
    assert answer.status_code == 415
    assert revision(app) == before


# ---- Headers of every answer


@pytest.fixture
def answers(make_app: MakeApp, sqlite_url: str) -> Callable[..., dict[int, list[TestResponse]]]:
    """Answers by status, of an application with these settings."""

    def ask(**environ: str) -> dict[int, list[TestResponse]]:
        app = make_app(sqlite_url, MAX_BODY_BYTES="1000", **environ)
        job, client = job_in(app), app.test_client()
        tag = client.get("/dashboard/fragments/board").headers["ETag"]
        css = client.get("/static/app.css", buffered=True).headers["ETag"]
        paths = ["/", "/dashboard", "/dashboard/", "/docs", "/jobs", "/openapi.json", "/healthz", "/nope", "/jobs/nope"]
        paths += ["/static/app.css", "/static/nope.js", "/static/", "/jobs?limit=0", "/dashboard/?before=0", "/%ff%00"]
        found = [client.get(path, buffered=True) for path in paths]
        found += [client.head("/jobs"), client.options("/jobs"), client.get("/dashboard/claim"), client.put("/jobs")]
        found += [client.get("/dashboard/fragments/board", headers={"If-None-Match": tag})]
        found += [
            client.get("/static/app.css", headers={"If-None-Match": css}, buffered=True),
            ask_as(app, "evil.example", "/"),
        ]
        found += [
            client.post("/dashboard/jobs/new", data={"type": "a"}),
            client.post("/jobs", data="{", mimetype="a/b"),
        ]
        found += [client.post("/jobs", data=b"x" * 1001), client.post("/jobs/claim", headers={"Origin": "null"})]
        found += [client.post("/dashboard/claim", headers={"Transfer-Encoding": "chunked"})]
        closed = make_app(sqlite_url, USERS=ADA, **environ).test_client()
        found += [closed.get(path) for path in ("/jobs", "/dashboard/", "/dashboard/fragments/board", "/sign-in")]
        found += [closed.post("/sign-in", data=SIGN_IN | {"password": "wrong"}) for _ in range(8)]
        with app.app_context(), writing() as tx:
            tx.exec_driver_sql("UPDATE jobs SET created_at = 'no time'")
        found += [client.get(f"/dashboard/jobs/{job.id}")]
        with app.app_context(), writing() as tx:
            tx.exec_driver_sql("DROP TABLE tally")
        found += [client.get(path) for path in ("/jobs/summary", "/dashboard/", "/dashboard/fragments/board")]
        return {
            status: [each for each in found if each.status_code == status] for status in {a.status_code for a in found}
        }

    return ask


def test_every_answer_has_the_security_headers(
    answers: Callable[..., dict[int, list[TestResponse]]],
) -> None:
    found = answers()
    assert set(found) == {200, 302, 303, 304, 308, 400, 401, 403, 404, 405, 411, 413, 415, 422, 429, 500, 503}
    for status, each in found.items():
        for answer in each:
            told = {name: ", ".join(answer.headers.getlist(name)) for name in EVERYWHERE}
            assert told == EVERYWHERE, f"{status} {answer.request.path}"
            assert "Strict-Transport-Security" not in answer.headers


def test_browsers_do_not_cache_data_or_errors(answers: Callable[..., dict[int, list[TestResponse]]]) -> None:
    for status, each in answers().items():
        for answer in each:
            kept = "no-cache" if answer.request.path == "/static/app.css" else "no-store"
            assert answer.headers["Cache-Control"] == kept, f"{status} {answer.request.path}"


def test_a_server_error_does_not_reveal_its_cause(answers: Callable[..., dict[int, list[TestResponse]]]) -> None:
    found = answers()
    for answer in (*found[500], *found[503]):
        assert not re.search(r"Traceback|Error\b|tally|no such table|no time|isoformat|sqlite|\.py", answer.text)


def test_hsts_is_sent_only_where_the_setting_says_that_there_is_tls(
    answers: Callable[..., dict[int, list[TestResponse]]],
) -> None:
    for each in answers(TLS="1").values():
        assert {answer.headers.get("Strict-Transport-Security") for answer in each} == {"max-age=31536000"}


def test_a_static_file_is_cached_for_good_under_the_url_with_its_hash(app: Flask) -> None:
    client = app.test_client()
    urls = [unescape(url) for url in re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/docs").text)]
    assert len(urls) >= 6
    for url in urls:
        answer = client.get(url, buffered=True)
        again = client.get(url, headers={"If-None-Match": answer.headers["ETag"]}, buffered=True)
        for each in (answer, again):
            assert each.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/static/1/nope.css").headers["Cache-Control"] == "no-store"


# ---- Headers of proxies count as far as the setting says

PROXIED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "jobs.example.com",
    "X-Forwarded-Prefix": "/queue",
}
PAGES = (
    *(
        "/dashboard/",
        "/dashboard/overview",
        "/dashboard/queue",
        "/dashboard/workers",
        "/dashboard/jobs/new",
        "/docs",
        "/sign-in",
        "/nope",
    ),
    "/dashboard/jobs/{}",
)
LINK = re.compile(r'(?:href|src|action|data-hx-get|data-hx-post)="(/[^"]*)"')


@pytest.fixture
def proxied(make_app: MakeApp, sqlite_url: str) -> FlaskClient:
    """A client behind a trusted proxy, whose URL is https://jobs.example.com/queue/."""
    client = make_app(sqlite_url, TRUSTED_PROXIES="1", ALLOWED_HOSTS="jobs.example.com").test_client()
    client.environ_base |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in PROXIED.items()}
    client.environ_base["HTTP_HOST"] = "10.0.0.5:8080"
    return client


def test_every_link_and_redirect_has_the_prefix(proxied: FlaskClient) -> None:
    job = job_in(proxied.application)
    for page in PAGES:
        links = LINK.findall(proxied.get(page.format(job.id)).text)
        assert links
        assert [link for link in links if not link.startswith("/queue/")] == []
    assert proxied.get("/").location == "/queue/dashboard/overview"
    assert urlsplit(proxied.get("/dashboard").location).path == "/queue/dashboard/"
    assert proxied.post("/dashboard/claim").location == f"/queue/dashboard/jobs/{job.id}"


def test_the_openapi_document_has_the_prefix(proxied: FlaskClient) -> None:
    assert proxied.get("/openapi.json").get_json()["servers"] == [{"url": "/queue"}]


@pytest.mark.parametrize("page", ["/dashboard/", "/dashboard/workers", "/dashboard/jobs/{}"])
def test_a_curl_line_has_the_whole_url(proxied: FlaskClient, page: str) -> None:
    job_id = job_in(proxied.application).id if "{}" in page else ""
    lines = [unescape(line) for line in re.findall(r"curl (.*?)</code>", proxied.get(page.format(job_id)).text)]
    assert lines
    assert [line for line in lines if not re.search(r" '?https://jobs\.example\.com/queue/jobs", line)] == []


def test_a_start_redirects_to_the_row_under_the_prefix(proxied: FlaskClient) -> None:
    job = job_in(proxied.application)
    headers = {"Referer": "https://jobs.example.com/queue/dashboard/?status=PENDING"}
    answer = proxied.post(f"/dashboard/jobs/{job.id}/process", headers=headers)
    assert answer.location == f"/queue/dashboard/?status=PENDING#job-{job.id}"


@pytest.mark.parametrize("path", ["/dashboard/?status=FAILED", "/docs", "/dashboard/fragments/board"])
def test_a_sign_in_redirects_back_under_the_prefix(make_app: MakeApp, sqlite_url: str, path: str) -> None:
    client = make_app(sqlite_url, USERS=ADA, TRUSTED_PROXIES="1", ALLOWED_HOSTS="jobs.example.com").test_client()
    shown = {"HX-Current-URL": "https://jobs.example.com/queue/dashboard/fragments/board"}
    away = client.get(path, headers=PROXIED | shown)
    place = away.location or unescape(re.findall(r'href="([^"]*)"', away.text)[0])
    assert place.startswith("/queue/sign-in?")
    form = client.get(place.removeprefix("/queue"), headers=PROXIED).text
    there = re.search(r'name="next"[^>]*? value="([^"]*)"', form)
    assert there
    back = client.post("/sign-in", data=SIGN_IN | {"next": unescape(there[1])}, headers=PROXIED)
    assert back.location == f"/queue{path}"


def test_posts_of_this_site_are_accepted_behind_tls(proxied: FlaskClient) -> None:
    job_in(proxied.application)
    for origin, status in (
        ("https://jobs.example.com", 303),
        ("https://evil.example", 403),
        ("http://10.0.0.5:8080", 403),
    ):
        assert proxied.post("/dashboard/claim", headers={"Origin": origin}).status_code == status


def test_the_host_that_the_proxy_forwards_must_be_allowed(proxied: FlaskClient) -> None:
    assert proxied.get("/jobs", headers={"X-Forwarded-Host": "evil.example"}).status_code == 400


def test_without_the_setting_forwarded_headers_are_ignored(app: Flask) -> None:
    client, job = app.test_client(), job_in(app)
    for page in PAGES:
        path = page.format(job.id)
        plain, told = (
            re.sub(r"[0-9T:.-]{20,}Z|[\d.]+ m?s|[0-2]\d:\d\d(:\d\d)?", "", timeless(client.get(path, headers=h).text))
            for h in ({}, PROXIED)
        )
        assert told == plain
    assert client.get("/", headers=PROXIED).location == "/dashboard/overview"
    assert client.get("/openapi.json", headers=PROXIED).get_json()["servers"] == [{"url": "/"}]
    refused = client.post("/jobs/claim", headers=PROXIED | {"Origin": "https://jobs.example.com"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("trusted", "forwarded", "status"),
    [
        ("0", "198.51.100.{}", 429),  # a client may invent all of them
        ("1", "198.51.100.{}, 203.0.113.9", 429),  # the proxy added the last; a client may invent the others
        ("1", "203.0.113.9, 198.51.100.{}", 422),
        ("2", "198.51.100.{}, 203.0.113.9, 10.0.0.1", 429),
    ],
)
def test_attempts_to_sign_in_count_for_the_address_that_the_trusted_proxy_saw(
    make_app: MakeApp, sqlite_url: str, trusted: str, forwarded: str, status: int
) -> None:
    client = make_app(sqlite_url, USERS=ADA, TRUSTED_PROXIES=trusted).test_client()
    for number in range(7):
        form = {"name": f"user-{number}", "password": "wrong"}
        last = client.post("/sign-in", data=form, headers={"X-Forwarded-For": forwarded.format(number)})
    assert last.status_code == status


# ---- The server


def start(**environ: str) -> tuple[int, str, int]:
    """The exit code of a gunicorn that cannot start, its output, and its port."""
    env = {**os.environ, "PORT": str(free_port()), "WEB_CONCURRENCY": "1", **environ}
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=20, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr, int(env["PORT"])


def test_the_server_does_not_start_on_a_public_address_without_credentials() -> None:
    code, said, port = start(HOST="0.0.0.0")
    assert code != 0
    assert "set USERS or TOKENS, or DASHBOARD_OPEN=1 if all who reach it may do everything" in said
    assert "Traceback" not in said
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("USERS", "ada:operator:hush-7", "USERS: entry 1 must be name:role:secret, with the role viewer or operator"),
        ("TRUSTED_PROXIES", "one", "TRUSTED_PROXIES must be a whole number from 0 on, not 'one'"),
        ("TOKENS_FILE", "/nowhere", "TOKENS_FILE cannot be read"),
    ],
)
def test_the_start_ends_with_a_sentence_about_a_wrong_setting(name: str, value: str, sentence: str) -> None:
    code, said, _ = start(**{name: value})
    assert code != 0
    assert f"Cannot start: {sentence}" in said
    assert "Traceback" not in said
    assert "hush" not in said


def raw(server: Server, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n", b"2\r\n{}XX", b"-2\r\n{}\r\n"])
def test_a_body_in_broken_chunks_is_400(server: Server, chunks: bytes) -> None:
    head = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert raw(server, head + chunks).startswith(b"HTTP/1.1 400 ")


def test_the_server_reveals_no_version(server: Server) -> None:
    for answer in (http.get(f"{server.url}{path}") for path in ("/dashboard/", "/jobs", "/nope", "/static/app.css")):
        assert answer.headers["Server"] == "gunicorn"
        assert "X-Powered-By" not in answer.headers
    assert not re.search(rb"gunicorn|python|\d+\.\d+\.\d+", raw(server, b"GARBAGE\r\n\r\n").lower())


def test_a_request_cannot_forge_a_line_of_the_log(sqlite_url: str, start_server: StartServer) -> None:
    server = start_server(sqlite_url, GUNICORN_CMD_ARGS="--access-logfile - --log-level debug")
    hostile = "a\r\nFORGED\n\x85FORGED\u2028FORGED\x1b[2K"
    with http.Client(base_url=server.url) as client:
        made = [client.post("/jobs", json={"type": hostile, "payload": {hostile: hostile}}).json() for _ in range(3)]
        for query in ({"reason": hostile}, {"status": hostile}, {hostile: hostile}):
            client.post(f"/jobs/{made[0]['id']}/fail", params=query)
            client.get("/dashboard/", params=query)
        client.get("/jobs/%0d%0aFORGED%0aFORGED", headers={"User-Agent": "a%0aFORGED", "Referer": "a\\nFORGED"})
        client.get("/jobs", headers={"User-Agent": "\x1b[2KFORGED"})
        client.post("/sign-in", data={"name": hostile, "password": hostile, "next": hostile})
        for line in (b"GET /a\rFORGED HTTP/1.1", b"GET /a HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\nFORGED"):
            raw(server, line + b"\r\nConnection: close\r\n\r\n")
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
            connection.executescript("UPDATE jobs SET created_at = type || 'no time'")
            assert client.get(f"/dashboard/jobs/{made[1]['id']}").status_code == 500
            connection.executescript("DROP TABLE tally")
        assert client.post("/jobs", json={"type": hostile}).status_code == 503
    log = server.log.read_text(errors="replace")
    assert "no such table" in log
    assert "GET /jobs/%0d%0aFORGED%0aFORGED" in log
    assert [line for line in log.splitlines() if line.startswith("FORGED")] == []
    assert "\x1b" not in log
