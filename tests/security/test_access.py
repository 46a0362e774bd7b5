"""What each role may do, sign-in and its cookie, and the waiting times after wrong passwords."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from sqlalchemy import select
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from dashboard.core.job import Job, JobStatus
from dashboard.database.schema import attempts, runs, sessions, views
from dashboard.database.transactions import reading, writing
from dashboard.security import passwords
from dashboard.security.sessions import LASTS
from dashboard.security.throttle import FORGET_AFTER, FREE, KNOWN_FOR, WAIT_MAX
from dashboard.store import counts, pause
from tests.support.app import MakeApp
from tests.support.factory import UNKNOWN, make_job
from tests.support.html import timeless
from tests.support.routes import job_for, path_of, sent_to
from tests.support.statements import statements

PASSWORDS = {"viewer": "only-looks-on", "worker": "claims-and-ends", "operator": "presses:buttons"}
TOKENS = {"viewer": "token-that-looks-on", "worker": "token-that-claims-jobs", "operator": "token-that-presses"}
CHEAP = "pbkdf2:sha256:1000"  # fast to check; the method that werkzeug chooses is slow on purpose
OF_AN_UNKNOWN_NAME = passwords.UNKNOWN  # all other tests have one that is fast to check
ACCESS = {
    "USERS": " ".join(f"{role}:{role}:{generate_password_hash(word, CHEAP)}" for role, word in PASSWORDS.items()),
    "TOKENS": " ".join(f"{role}-script:{role}:{token}" for role, token in TOKENS.items()),
}
COOKIE = "job-queue"
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
# The status for a client without a credential, a viewer, a worker, an operator, and, on a page of another site, for the
# browser of each role that may do it.
TABLE = {
    "GET /": (302, 302, 403, 302, 302),
    "GET /static/<name>": (200, 200, 200, 200, 200),
    "GET /static/<version>/<name>": (200, 200, 200, 200, 200),
    "GET /healthz": (200, 200, 200, 200, 200),
    "GET /readyz": (200, 200, 200, 200, 200),
    "GET /sign-in": (200, 200, 200, 200, 200),
    "POST /sign-in": (303, 303, 303, 303, 403),
    "POST /sign-out": (303, 303, 303, 303, 403),
    "GET /docs": (302, 200, 403, 200, 200),
    "GET /openapi.json": (401, 200, 200, 200, 200),
    "GET /client.py": (401, 200, 200, 200, 200),
    "GET /metrics": (401, 200, 403, 200, 200),
    "GET /jobs": (401, 200, 200, 200, 200),
    "POST /jobs": (401, 403, 201, 201, 403),
    "GET /jobs/queue": (401, 200, 200, 200, 200),
    "GET /jobs/export": (401, 200, 403, 200, 200),
    "GET /jobs/summary": (401, 200, 200, 200, 200),
    "GET /jobs/<job_id:job_id>": (401, 200, 200, 200, 200),
    "DELETE /jobs/<deletable_id:job_id>": (401, 403, 403, 204, 403),
    "POST /jobs/claim": (401, 403, 200, 200, 403),
    "POST /jobs/<job_id>/process": (401, 403, 200, 200, 403),
    "POST /jobs/<job_id>/complete": (401, 403, 200, 200, 403),
    "POST /jobs/<job_id>/fail": (401, 403, 200, 200, 403),
    "POST /jobs/<job_id>/heartbeat": (401, 403, 200, 200, 403),
    "POST /jobs/<job_id>/release": (401, 403, 200, 200, 403),
    "POST /jobs/<job_id>/retry": (401, 403, 403, 201, 403),
    "POST /jobs/release": (401, 403, 200, 200, 403),
    "POST /jobs/report": (401, 403, 200, 200, 403),
    "POST /jobs/batch": (401, 403, 201, 201, 403),
    "POST /jobs/bulk": (401, 403, 403, 200, 403),
    "GET /workers": (401, 200, 403, 200, 200),
    "POST /queue/pause": (401, 403, 403, 200, 403),
    "POST /queue/resume": (401, 403, 403, 200, 403),
    "GET /dashboard/pause": (302, 403, 403, 200, 200),
    "POST /dashboard/pause": (302, 403, 403, 303, 403),
    "POST /dashboard/resume": (302, 403, 403, 303, 403),
    "GET /activity": (401, 200, 403, 200, 200),
    "GET /dashboard/activity": (302, 200, 403, 200, 200),
    "GET /dashboard/": (302, 200, 403, 200, 200),
    "GET /dashboard/export": (302, 200, 403, 200, 200),
    "GET /dashboard/overview": (302, 200, 403, 200, 200),
    "GET /dashboard/queue": (302, 200, 403, 200, 200),
    "GET /dashboard/workers": (302, 200, 403, 200, 200),
    "GET /dashboard/jobs/<job_id>": (302, 200, 403, 200, 200),
    "GET /dashboard/jobs/new": (302, 403, 403, 200, 200),
    "POST /dashboard/jobs/new": (302, 403, 403, 303, 403),
    "GET /dashboard/bulk": (302, 403, 403, 200, 200),
    "POST /dashboard/bulk": (302, 403, 403, 303, 403),
    "GET /dashboard/jobs/<job_id>/delete": (302, 403, 403, 200, 200),
    "POST /dashboard/jobs/<job_id>/delete": (302, 403, 403, 303, 403),
    "GET /dashboard/fragments/jobs/<job_id>/delete": (401, 403, 403, 200, 200),
    "POST /dashboard/fragments/jobs/<job_id>/delete": (401, 403, 403, 200, 403),
    "POST /dashboard/claim": (302, 403, 403, 303, 403),
    "GET /dashboard/jobs/<job_id>/<any(complete, fail):action>": (302, 403, 403, 200, 200),
    "POST /dashboard/jobs/<job_id>/<any(process, complete, fail, undo, retry):action>": (302, 403, 403, 303, 403),
    "GET /dashboard/views": (302, 200, 403, 200, 200),
    "GET /dashboard/views/new": (302, 200, 403, 200, 200),
    "POST /dashboard/views/new": (302, 303, 403, 303, 403),
    "POST /dashboard/views/shared": (302, 403, 403, 303, 403),
    "POST /dashboard/views/delete": (302, 303, 403, 303, 403),
    "POST /dashboard/views/shared/delete": (302, 403, 403, 303, 403),
    "GET /dashboard/fragments/views": (401, 200, 403, 200, 200),
    "GET /dashboard/fragments/views/new": (401, 200, 403, 200, 200),
    "POST /dashboard/fragments/views/new": (401, 200, 403, 200, 403),
    "POST /dashboard/fragments/views/shared": (401, 403, 403, 200, 403),
    "GET /dashboard/fragments/activity": (401, 200, 403, 200, 200),
    "GET /dashboard/fragments/pause": (401, 403, 403, 200, 200),
    "POST /dashboard/fragments/pause": (401, 403, 403, 200, 403),
    "GET /dashboard/fragments/board": (401, 200, 403, 200, 200),
    "GET /dashboard/fragments/overview": (401, 200, 403, 200, 200),
    "GET /dashboard/fragments/queue": (401, 200, 403, 200, 200),
    "GET /dashboard/fragments/workers": (401, 200, 403, 200, 200),
    "GET /dashboard/fragments/jobs/<job_id>": (401, 200, 403, 200, 200),
    "GET /dashboard/fragments/new": (401, 403, 403, 200, 200),
    "POST /dashboard/fragments/new": (401, 403, 403, 200, 403),
    "POST /dashboard/fragments/claim": (401, 403, 403, 200, 403),
    "GET /dashboard/fragments/jobs/<job_id>/<any(complete, fail):action>": (401, 403, 403, 200, 200),
    "POST /dashboard/fragments/jobs/<job_id>/<any(process, complete, fail, undo, retry):action>": (
        401,
        403,
        403,
        200,
        403,
    ),
}


JSON = ("/jobs", "/workers", "/activity", "/queue", "/metrics")  # what answers refusals as JSON


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    """An application with a viewer and an operator, each with a password and a token."""
    return make_app(sqlite_url, **ACCESS)


def sign_in(client: FlaskClient, name: str, password: str | None = None, address: str = "::1", **form: str) -> Any:
    form |= {"name": name, "password": PASSWORDS[name] if password is None else password}
    return client.post("/sign-in", data=form, environ_overrides={"REMOTE_ADDR": address})


def by_password(app: Flask, name: str) -> FlaskClient:
    client = app.test_client()
    assert sign_in(client, name).status_code == 303
    return client


def by_token(app: Flask, role: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKENS[role]}"
    return client


def job_of(app: Flask, line: str) -> Job:
    """A job that allows the action of this line of the table."""
    with app.app_context():
        return job_for(line.split(" ", 1)[1])


def ask(client: FlaskClient, line: str, job: Job, **sent: Any) -> TestResponse:
    """Send a line of the table, about this job."""
    method, rule = line.split(" ", 1)
    if rule == "/sign-in":
        sent["data"] = {"name": "operator", "password": PASSWORDS["operator"]}
    elif method == "POST":
        sent |= sent_to(rule, job)
    return client.open(path_of(rule, job, name="app.css"), method=method, buffered=True, **sent)


def state(app: Flask) -> object:
    """Of the jobs, their runs, the saved views, and whether claims are paused; equal where nothing has changed."""
    with app.app_context(), reading() as tx:
        return counts.counts(tx), *(tx.execute(select(table)).all() for table in (runs, views)), pause.get(tx)


# ---- Every route, method and role


def test_the_table_has_every_route_and_method(app: Flask) -> None:
    rules = app.url_map.iter_rules()
    assert set(TABLE) == {
        f"{method} {rule}" for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


@pytest.mark.parametrize("way", [by_password, by_token], ids=["password", "token"])
@pytest.mark.parametrize("line", TABLE)
def test_each_role_may_do_what_the_table_says(app: Flask, line: str, way: Callable[[Flask, str], FlaskClient]) -> None:
    nobody, *roles = app.test_client(), *(way(app, role) for role in PASSWORDS)
    statuses = []
    for client in (nobody, *roles):
        job, before = job_of(app, line), state(app)
        answer = ask(client, line, job)
        statuses.append(answer.status_code)
        acts = line.startswith(("POST", "DELETE")) and "/sign-" not in line
        assert (state(app) != before) == (acts and answer.status_code in (200, 201, 204, 303))
        if line.startswith("GET"):
            assert ask(client, line.replace("GET", "HEAD", 1), job).status_code == answer.status_code
        if answer.status_code in (401, 403) and line.split()[1].startswith(JSON):
            assert [type(detail) for detail in answer.get_json().values()] == [str]
            assert answer.headers.get("WWW-Authenticate") == ("Bearer" if client is nobody else None)
        elif answer.status_code in (302, 401) and client is nobody:
            asked = answer.get_json()["detail"] if answer.is_json else answer.location or sign_in_link(answer)
            assert asked.startswith(("Sign in", "/sign-in?next=/"))
    assert tuple(statuses) == TABLE[line][:4]


@pytest.mark.parametrize("way", [by_password, by_token], ids=["password", "token"])
@pytest.mark.parametrize("line", TABLE)
def test_on_a_page_of_another_site_no_role_changes_anything(
    app: Flask, line: str, way: Callable[[Flask, str], FlaskClient]
) -> None:
    *statuses, elsewhere = TABLE[line]
    for role, status in zip(PASSWORDS, statuses[1:], strict=True):
        if status < 400:
            job, before = job_of(app, line), state(app)
            assert ask(way(app, role), line, job, headers=FROM_ELSEWHERE).status_code == elsewhere, role
            assert state(app) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "INVENTED"])
def test_a_method_that_no_route_has_is_refused_to_each_role_as_a_write_is(app: Flask, method: str) -> None:
    people = (app.test_client(), *(by_token(app, role) for role in TOKENS))
    assert [client.open("/jobs", method=method).status_code for client in people] == [401, 403, 403, 405]
    assert [client.options("/jobs").status_code for client in people] == [401, 200, 200, 200]


@pytest.mark.parametrize("path", ["/nope", "/jobs/a/b/c", "/dashboard/nope"])
def test_an_address_that_there_is_not_is_404_for_each_role_and_tells_nobody_else_anything(
    app: Flask, path: str
) -> None:
    for method in ("GET", "POST"):
        assert app.test_client().open(path, method=method).status_code in (302, 401)
        for role in TOKENS:
            assert by_token(app, role).open(path, method=method).status_code == 404
    assert by_token(app, "operator").get("/activity?action=refused").get_json() == []


def test_the_bar_tells_who_is_signed_in_and_as_what(app: Flask, make_app: MakeApp, sqlite_url: str) -> None:
    for client, name in ((by_password(app, "viewer"), "viewer"), (by_token(app, "viewer"), "viewer-script")):
        html = client.get("/dashboard/").text
        assert f'<span class="who"><bdi>{name}</bdi> <span class="hint">· viewer</span></span>' in html
        assert ("Sign out" in html) == (name == "viewer")
    for client in (app.test_client(), make_app(sqlite_url).test_client()):
        assert 'class="who"' not in client.get("/dashboard/", follow_redirects=True).text


# ---- Tokens


VIEWER = TOKENS["viewer"]
WRONG_TOKENS = (
    *("Bearer", "Bearer ", "Bearer wrong", f"Bearer {VIEWER[:-1]}", f"Bearer {VIEWER}x", f"Bearer {VIEWER.upper()}"),
    *(f"Bearer {VIEWER}, Bearer {VIEWER}", f"Bearer viewer-script:{VIEWER}", f"Bearer {PASSWORDS['viewer']}"),
    *(f"Basic {VIEWER}", f"Token {VIEWER}", f"Bearer\t{VIEWER}", VIEWER, "Bearer \xe4\xff\x80", "\xff"),
)


@pytest.mark.parametrize("header", WRONG_TOKENS, ids=ascii)
def test_a_token_that_is_not_exactly_one_of_the_setting_is_401_in_the_contract_s_shape(app: Flask, header: str) -> None:
    answer = app.test_client().get("/jobs", headers={"Authorization": header})
    assert (answer.status_code, list(answer.get_json()), answer.headers["WWW-Authenticate"]) == (
        401,
        ["detail"],
        "Bearer",
    )
    assert VIEWER not in answer.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_of_a_token_may_be_in_upper_or_lower_case(app: Flask, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {VIEWER}"}
    assert app.test_client().get("/jobs", headers=headers).status_code == 200


def test_a_wrong_token_is_401_also_with_a_valid_cookie_and_a_right_one_sets_no_cookie(app: Flask) -> None:
    signed_in, script = by_password(app, "operator"), by_token(app, "operator")
    assert signed_in.get("/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert "Set-Cookie" not in script.get("/dashboard/").headers


# ---- The way to the sign-in page and back


def sign_in_link(toast: TestResponse) -> str:
    found = re.search(r'href="([^"]*)"', toast.text)
    assert found
    return unescape(found[1])


def next_of(page: TestResponse) -> str:
    found = re.search(r'name="next"[^>]*? value="([^"]*)"', page.text)
    assert found
    return unescape(found[1])


@pytest.mark.parametrize(
    "place", ["/", "/dashboard/?status=FAILED&q=a%20%26%22b", f"/dashboard/jobs/{UNKNOWN}", "/docs", "/nope?a=1"]
)
def test_a_page_redirects_to_the_sign_in_which_redirects_back(app: Flask, place: str) -> None:
    client = app.test_client()
    away = client.get(place)
    assert (away.status_code, urlsplit(away.location).path) == (302, "/sign-in")
    back = sign_in(client, "viewer", next=next_of(client.get(away.location)))
    assert (back.status_code, back.location) == (303, place)


def test_after_a_post_without_a_session_the_sign_in_redirects_to_the_jobs(app: Flask) -> None:
    client = app.test_client()
    away = client.post("/dashboard/jobs/new?a=1", data={"type": "lost"})
    assert sign_in(client, "operator", next=next_of(client.get(away.location))).location == "/dashboard/"


def test_a_wrong_password_keeps_the_way_back(app: Flask) -> None:
    assert next_of(sign_in(app.test_client(), "viewer", "wrong", next="/docs")) == "/docs"


@pytest.mark.parametrize("fragment", ["board", "queue", "new", "claim", f"jobs/{UNKNOWN}"])
def test_a_fragment_links_to_the_sign_in_which_redirects_back_to_its_page(app: Flask, fragment: str) -> None:
    headers = {"HX-Current-URL": "http://localhost/dashboard/?status=FAILED&q=a%20b"}
    method = "POST" if fragment == "claim" else "GET"
    answer = app.test_client().open(f"/dashboard/fragments/{fragment}", method=method, headers=headers)
    assert answer.status_code == 401
    assert not {"HX-Redirect", "Location"} & {*answer.headers.keys()}
    there = urlsplit(sign_in_link(answer))
    assert (there.netloc, there.path) == ("", "/sign-in")
    assert parse_qs(there.query) == {"next": ["/dashboard/?status=FAILED&q=a%20b"]}


ELSEWHERE = (
    *("", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "@evil.a"),
    *("https://evil.example", "https:evil.example", "http:/evil.example", "HTTPS:evil.example", "evil.example", "?a=1"),
    *("javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "#a", "/\t/evil.example", "/\n/evil.example"),
    *("/a\r\nSet-Cookie: a=b", "\t//evil.example", " //evil.example", "/\0/evil.example", "/\u2028/evil.example"),
    *("/\u202e/evil.example", "%2F%2Fevil.example", "%5C%5Cevil.example", "dashboard/", "http://localhost/docs"),
)
ODD_BUT_OURS = ("/%2F%2Fevil.example", "/%5Cevil.example", "/%09/evil.example", "/@evil.example", "/.//evil.example")


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_sign_in_never_redirects_to_another_site(app: Flask, place: str) -> None:
    answer = sign_in(app.test_client(), "viewer", next=place)
    assert (answer.status_code, answer.headers.getlist("Location")) == (303, ["/dashboard/"])


@pytest.mark.parametrize("place", ["//evil.example", "javascript:alert(1)", "https://evil.example//evil.example", ""])
def test_a_sign_in_after_a_fragment_never_redirects_to_another_site(app: Flask, place: str) -> None:
    client = app.test_client()
    away = client.get("/dashboard/fragments/board", headers={"HX-Current-URL": place})
    back = sign_in(client, "viewer", next=next_of(client.get(sign_in_link(away))))
    assert back.location in ("/", "/dashboard/")


@pytest.mark.parametrize("place", ODD_BUT_OURS)
def test_an_unusual_path_of_this_site_is_kept(app: Flask, place: str) -> None:
    assert sign_in(app.test_client(), "viewer", next=place).location == place


# ---- The cookie


def test_the_cookie_is_hidden_from_scripts_and_other_sites_and_expires(app: Flask) -> None:
    (header,) = sign_in(app.test_client(), "viewer").headers.getlist("Set-Cookie")
    assert header.startswith("job-queue=")
    attributes = dict((*part.strip().split("=", 1), "")[:2] for part in header.split(";")[1:])
    end = parsedate_to_datetime(attributes.pop("Expires"))
    assert attributes == {"HttpOnly": "", "Path": "/", "SameSite": "Lax"}
    assert abs(end - datetime.now(UTC) - LASTS) < timedelta(minutes=1)
    assert PASSWORDS["viewer"] not in header


def test_the_cookie_is_for_tls_and_this_host_only_when_the_setting_says_so(make_app: MakeApp, sqlite_url: str) -> None:
    client = make_app(sqlite_url, TLS="1", TRUSTED_PROXIES="1", **ACCESS).test_client()
    client.environ_base |= {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_PREFIX": "/queue"}
    header = sign_in(client, "viewer").headers["Set-Cookie"]
    name, *attributes = [part.strip() for part in header.split(";")]
    assert name.startswith("__Host-job-queue=")  # a browser requires the attributes below for it
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} == {each for each in attributes if "Expires" not in each}
    assert client.get("/jobs", base_url="https://localhost").status_code == 200
    assert "Secure" in client.post("/sign-out", base_url="https://localhost").headers["Set-Cookie"]
    assert client.get("/jobs", base_url="https://localhost").status_code == 401


def signed(app: Flask, age: timedelta = timedelta(), **changed: str) -> str:
    """A viewer's cookie with changed values, signed by the application's key, and of this age."""

    class Signer(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - int(age.total_seconds())

    cookie = by_password(app, "viewer").get_cookie(COOKIE)
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert cookie
    assert isinstance(serializer, URLSafeTimedSerializer)
    session = serializer.loads(cookie.value) | changed
    serializer.signer = Signer
    return str(serializer.dumps(session))


def status_with(app: Flask, cookie: str) -> int:
    client = app.test_client()
    client.set_cookie(COOKIE, cookie)
    return client.get("/jobs").status_code


def test_a_cookie_expires_after_its_lifetime(app: Flask) -> None:
    limit, minute = LASTS, timedelta(minutes=1)
    assert status_with(app, signed(app, limit - minute)) == 200
    assert status_with(app, signed(app, limit + minute)) == 401


def test_a_forged_cookie_is_401(app: Flask, make_app: MakeApp, sqlite_url: str) -> None:
    good = signed(app)
    payload, *signature = good.rsplit(".", 2)
    other = signed(app, user="operator").rsplit(".", 2)[0]
    theirs = signed(make_app(sqlite_url, SECRET_KEY="another key, as long as it should be", **ACCESS))
    forged = ["", "x", "..", payload, ".".join((other, *signature)), good[:-2], f"{good}.", good.swapcase(), theirs]
    forged += [signed(app, user=""), signed(app, user="nobody")]
    assert status_with(app, good) == 200
    assert [status_with(app, cookie) for cookie in forged] == [401] * len(forged)


def test_a_sign_out_ends_the_session(app: Flask) -> None:
    client = by_password(app, "operator")
    assert ">Sign out</button>" in client.get("/dashboard/").text
    answer = client.post("/sign-out")
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert (client.get("/jobs").status_code, client.get_cookie(COOKIE)) == (401, None)


def test_a_sign_out_in_any_process_ends_copies_of_the_cookie_too(
    processes_of_each: list[Flask],
) -> None:
    here, there = processes_of_each
    client, other = by_password(here, "operator"), by_password(here, "operator")
    copy = client.get_cookie(COOKIE)
    assert copy
    assert [status_with(app, copy.value) for app in (here, there)] == [200, 200]
    client.post("/sign-out")
    assert [status_with(app, copy.value) for app in (here, there)] == [401, 401]
    assert other.get("/jobs").status_code == 200


def test_a_second_sign_in_ends_the_first_session_of_the_browser(app: Flask) -> None:
    client = by_password(app, "operator")
    before = client.get_cookie(COOKIE)
    assert before
    assert sign_in(client, "viewer").status_code == 303
    assert (status_with(app, before.value), client.post("/jobs/claim").status_code) == (401, 403)


def test_the_row_of_a_session_is_deleted_after_its_end(app: Flask) -> None:
    by_password(app, "operator").post("/sign-out")
    by_password(app, "operator")
    with app.app_context(), writing() as tx:
        assert len(tx.execute(sessions.select()).all()) == 1
        tx.execute(sessions.update().values(ends_at=sessions.c.ends_at - LASTS))
    by_password(app, "viewer")
    with app.app_context(), reading() as tx:
        assert len(tx.execute(sessions.select()).all()) == 1


def test_a_session_costs_one_query_and_a_token_or_a_static_file_none(app: Flask) -> None:
    script, person = by_token(app, "operator"), by_password(app, "operator")
    path = "/dashboard/fragments/board"
    tag = {"If-None-Match": script.get(path).headers["ETag"]}

    def asked(client: FlaskClient, path: str, headers: dict[str, str]) -> list[str]:
        with app.app_context():
            return [sql for sql, _ in statements(lambda: client.get(path, headers=headers, buffered=True))]

    assert [sql for sql in asked(script, path, tag) if "sessions" in sql] == []
    assert len(asked(person, path, tag)) == len(asked(script, path, tag)) + 1
    assert asked(person, "/static/app.css", {}) == []


@pytest.mark.parametrize(
    ("users", "status"),
    [
        ("viewer:viewer:only-looks-on", 401),
        ("operator:viewer:presses:buttons", 403),
        ("operator:operator:another-password", 401),
        ("operator:operator:presses:buttons viewer:viewer:another-password", 404),
    ],
    ids=["removed", "a viewer now", "another password", "somebody else's password"],
)
def test_a_change_of_the_users_applies_at_once(make_app: MakeApp, sqlite_url: str, users: str, status: int) -> None:
    key = {"SECRET_KEY": "a key that stays the same from one start to the next"}
    app = make_app(sqlite_url, USERS="operator:operator:presses:buttons viewer:viewer:only-looks-on", **key)
    cookie = by_password(app, "operator").get_cookie(COOKIE)
    assert cookie
    client = make_app(sqlite_url, USERS=users, **key).test_client()
    client.set_cookie(COOKIE, cookie.value)
    assert client.post("/jobs/claim").status_code == status


# ---- What pages show

ACTS = ("new job", "claim next", ">start<", "complete…", "fail…", "curl ", "undo")


def shown(client: FlaskClient, jobs: list[Job]) -> str:
    paths = ["", "queue", *(f"jobs/{job.id}" for job in jobs)]
    answers = [client.get(f"/dashboard/{part}{path}") for path in paths for part in ("", "fragments/") if part + path]
    answers += [client.get("/dashboard/fragments/board"), client.get("/nope")]
    answers += [client.post("/dashboard/fragments/new", data={"type": "job"})]
    return "".join(unescape(answer.text).lower() for answer in answers)


def test_pages_do_not_show_a_viewer_what_only_operators_may_do(app: Flask) -> None:
    for statuses in ((), (JobStatus.PENDING, JobStatus.RUNNING)):  # the empty board has a button and a curl line too
        with app.app_context():
            jobs = [make_job(status) for status in statuses]
        seen = shown(by_token(app, "viewer"), jobs)
        assert [text for text in ACTS if text in seen] == []
    seen = shown(by_token(app, "operator"), jobs)
    assert [text for text in ACTS if text not in seen] == []


def test_the_tag_of_an_element_differs_by_role(app: Flask) -> None:
    path = "/dashboard/fragments/board"
    tags = [by_token(app, role).get(path).headers["ETag"] for role in ("viewer", "operator")]
    answers = [by_token(app, "viewer").get(path, headers={"If-None-Match": tag}).status_code for tag in tags]
    assert answers == [304, 200]


# ---- Passwords, and attempts to guess them


@pytest.mark.parametrize("password", ["plain:and:simple", "pässwörd-🔑", "scrypt-is-how-it-begins"])
@pytest.mark.parametrize("method", [None, "scrypt:1024:8:1", CHEAP])
def test_only_the_password_itself_signs_in_and_not_its_hash(
    make_app: MakeApp, sqlite_url: str, password: str, method: str | None
) -> None:
    kept = generate_password_hash(password, method) if method else password
    app = make_app(sqlite_url, USERS=f"ada:viewer:{kept}")
    near = [password[:-1], f"{password} ", password.upper(), "", *([kept] if method else [])]
    assert {sign_in(app.test_client(), "ada", wrong).status_code for wrong in near[:FREE]} == {422}
    later(app, WAIT_MAX)
    assert sign_in(app.test_client(), "ada", password).status_code == 303


@pytest.mark.parametrize(
    "name", ["viewer", "Operator", "operator ", " operator", "operator\0", "x" * 101, ""], ids=ascii
)
def test_a_password_signs_in_under_its_own_name_only(app: Flask, name: str) -> None:
    answer = sign_in(app.test_client(), name, PASSWORDS["operator"])
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (422, None)


def test_the_answer_does_not_reveal_whether_a_name_exists(app: Flask) -> None:
    known, unknown = (sign_in(app.test_client(), name, "wrong").text for name in ("operator", "xoperator"))
    assert timeless(known) == timeless(unknown.replace("xoperator", "operator"))


@pytest.mark.parametrize("method", [None, "scrypt"])
def test_the_time_of_the_answer_does_not_reveal_whether_a_name_exists(
    make_app: MakeApp, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, method: str | None
) -> None:
    monkeypatch.setattr(passwords, "UNKNOWN", OF_AN_UNKNOWN_NAME)
    kept = generate_password_hash("press-the-button", method) if method else "press-the-button"
    app = make_app(sqlite_url, USERS=f"operator:operator:{kept}")

    def seconds(name: str) -> float:
        """The shortest CPU time of some attempts: the load of the machine does not matter."""
        taken = []
        for number in range(FREE - 1):
            begun = time.thread_time()
            sign_in(app.test_client(), name, "wrong", address=f"192.0.2.{number}{len(name)}")
            taken.append(time.thread_time() - begun)
        return min(taken)

    assert 0.5 < seconds("operator") / seconds("nobody") < 2


@pytest.fixture
def processes(make_app: MakeApp, sqlite_url: str) -> list[Flask]:
    """Two applications over one database, as two processes are."""
    return [make_app(sqlite_url, **ACCESS) for _ in range(2)]


@pytest.fixture
def processes_of_each(make_app: MakeApp, database_url: str) -> list[Flask]:
    """Two applications over one database of each kind in turn, without attempts."""
    apps = [make_app(database_url, **ACCESS) for _ in range(2)]
    with apps[0].app_context(), writing() as tx:
        tx.execute(attempts.delete())
    return apps


def later(app: Flask, seconds: float) -> None:
    """Move all attempts back in time, as if this time had passed; a negative time makes the waits longer."""
    by = timedelta(seconds=seconds)
    with app.app_context(), writing() as tx:
        for row in tx.execute(attempts.select()).all():
            moved = attempts.update().where(attempts.c.name == row.name, attempts.c.address == row.address)
            succeeded_at = row.succeeded_at and row.succeeded_at - by
            tx.execute(moved.values(tried_at=row.tried_at - by, succeeded_at=succeeded_at))


def kept(app: Flask) -> Sequence[Any]:
    with app.app_context(), reading() as tx:
        return tx.execute(attempts.select()).all()


def guess(processes: list[Flask], count: int, name: str = "operator", address: str = "::1") -> list[int]:
    """The statuses of so many wrong passwords, sent to the processes in turn; `{}` becomes the attempt's number."""
    clients = [app.test_client() for app in processes]
    return [
        sign_in(clients[number % 2], name.format(number), "wrong", address.format(number)).status_code
        for number in range(count)
    ]


@pytest.mark.parametrize(("name", "address"), [("operator", "192.0.2.{}"), ("user-{}", "::1"), ("nobody", "::1")])
def test_wrong_passwords_make_a_name_and_an_address_wait_in_every_process(
    processes_of_each: list[Flask], name: str, address: str
) -> None:
    processes, begun = processes_of_each, time.monotonic()
    assert guess(processes, FREE, name, address) == [422] * FREE
    later(processes[0], -60)
    for app in processes:
        refused = sign_in(app.test_client(), name.format("x"), "wrong", address.format("200"))
        assert refused.status_code == 429
        assert 61 - (time.monotonic() - begun) <= int(refused.headers["Retry-After"]) <= 61
        assert f"try again in {refused.headers['Retry-After']} s" in refused.text
    assert guess(processes, 1, name="somebody else", address="198.51.100.1") == [422]


def test_the_right_password_has_to_wait_too_and_signs_in_afterwards(processes: list[Flask]) -> None:
    guess(processes, FREE)
    later(processes[0], -60)
    client = processes[0].test_client()
    refused = sign_in(client, "operator")
    assert (refused.status_code, refused.headers.get("Set-Cookie")) == (429, None)
    later(processes[0], int(refused.headers["Retry-After"]))
    assert sign_in(client, "operator").status_code == 303


def test_each_wait_is_twice_the_one_before_up_to_a_maximum(processes: list[Flask]) -> None:
    guess(processes, FREE - 1)
    for seconds in (1, 2, 4, 8, 16, 32, 64, 128, 256, WAIT_MAX, WAIT_MAX):
        begun = time.monotonic()
        assert guess(processes, 1) == [422]
        later(processes[0], -60)
        wait = int(sign_in(processes[0].test_client(), "operator").headers["Retry-After"]) - 60
        assert seconds - (time.monotonic() - begun) <= wait <= seconds
        later(processes[0], 60 + WAIT_MAX)


def test_attempts_during_the_wait_do_not_make_it_longer(processes: list[Flask]) -> None:
    guess(processes, FREE)
    later(processes[0], -60)
    assert guess(processes, 20) == [429] * 20
    later(processes[0], 61)
    assert guess(processes, 1) == [422]


def test_a_success_resets_the_count_of_its_name_and_address(processes: list[Flask]) -> None:
    for _ in range(3):
        assert guess(processes, FREE - 1) == [422] * (FREE - 1)
        assert sign_in(processes[0].test_client(), "operator").status_code == 303


def test_attempts_from_elsewhere_do_not_lock_out_an_address_that_succeeded(processes_of_each: list[Flask]) -> None:
    app, home = processes_of_each[0], "198.51.100.1"
    assert sign_in(app.test_client(), "operator", address=home).status_code == 303
    later(app, KNOWN_FOR.total_seconds() - 100)
    guess(processes_of_each, FREE, address="192.0.2.{}")
    later(app, -60)
    for address, status in (("192.0.2.99", 429), ("203.0.113.1", 429), (home, 303)):
        assert sign_in(app.test_client(), "operator", address=address).status_code == status


def test_an_address_whose_success_is_long_ago_has_to_wait_as_any_other(processes: list[Flask]) -> None:
    app, home = processes[0], "198.51.100.1"
    assert sign_in(app.test_client(), "operator", address=home).status_code == 303
    later(app, KNOWN_FOR.total_seconds())
    guess(processes, FREE, address="192.0.2.{}")
    later(app, -60)
    assert sign_in(app.test_client(), "operator", address=home).status_code == 429


def test_an_address_that_succeeded_waits_after_its_own_attempts_and_makes_no_other_wait(processes: list[Flask]) -> None:
    app, home = processes[0], "198.51.100.1"
    assert sign_in(app.test_client(), "operator", address=home).status_code == 303
    assert guess(processes, FREE, address=home) == [422] * FREE
    later(app, -60)
    assert sign_in(app.test_client(), "operator", address=home).status_code == 429
    assert guess(processes, 1, address="203.0.113.1") == [422]


def test_old_attempts_of_an_address_that_succeeded_are_not_added_to_new_ones(processes: list[Flask]) -> None:
    assert sign_in(processes[0].test_client(), "operator").status_code == 303
    for _ in range(3):
        assert guess(processes, FREE - 1) == [422] * (FREE - 1)
        later(processes[0], FORGET_AFTER.total_seconds())


def test_a_success_does_not_reset_the_count_of_other_names(processes_of_each: list[Flask]) -> None:
    app = processes_of_each[0]
    for number in range(FREE):
        assert guess(processes_of_each, 1, name=f"user-{number}") == [422]
        later(app, 1)
        if number < FREE - 1:
            assert sign_in(app.test_client(), "viewer").status_code == 303
    later(app, -60)
    assert sign_in(app.test_client(), "viewer").status_code == 429


@pytest.mark.parametrize(
    ("guessed_from", "same", "other"),
    [
        ("2001:db8:1:2::{}", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1"),
        ("::ffff:192.0.2.7", "192.0.2.7", "::ffff:192.0.2.8"),
        ("fe80::1%eth0", "fe80::2%eth1", "fe81::1"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(
    processes: list[Flask], guessed_from: str, same: str, other: str
) -> None:
    guess(processes, FREE, name="user-{}", address=guessed_from)
    later(processes[0], -60)
    statuses = [sign_in(processes[0].test_client(), "viewer", address=address).status_code for address in (same, other)]
    assert statuses == [429, 303]


def test_the_answer_during_the_wait_is_the_form_with_the_typed_name_and_without_the_password(app: Flask) -> None:
    guess([app, app], FREE)
    later(app, -60)
    answer = sign_in(app.test_client(), "operator", "typed-in-vain", next="/docs")
    assert (answer.status_code, answer.mimetype) == (429, "text/html")
    assert f"Too many wrong passwords: try again in {answer.headers['Retry-After']} s" in answer.text
    assert re.search(r'name="name"[^>]* value="operator"', answer.text)
    assert next_of(answer) == "/docs"
    assert "typed-in-vain" not in answer.text


def test_attempts_are_deleted_after_a_day(processes: list[Flask]) -> None:
    guess(processes, FREE + 1, address="192.0.2.{}")
    later(processes[0], FORGET_AFTER.total_seconds())
    assert guess(processes, FREE) == [422] * FREE
    assert [row.failed for row in kept(processes[0])] == [FREE]


def test_concurrent_attempts_get_no_more_tries_than_others(processes_of_each: list[Flask]) -> None:
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: guess(processes_of_each, 1)[0], range(24)))
    assert set(statuses) <= {422, 429}
    assert statuses.count(422) <= FREE


def test_the_table_of_attempts_has_hashes_only(processes: list[Flask]) -> None:
    guess(processes, 1, address="192.0.2.77")
    rows = kept(processes[0])
    assert len(rows) == 1
    assert all(re.fullmatch("[0-9a-f]{64}", value) for row in rows for value in (row.name, row.address))


# ---- Without credentials, and secrets


def test_without_credentials_everything_is_open_and_no_cookie_is_set(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url)
    client = app.test_client()
    client.set_cookie(COOKIE, "x")
    assert client.post("/sign-out").status_code == 303
    for line in TABLE:
        answer = ask(client, line, job_of(app, line), headers={"Authorization": "Bearer wrong"})
        if "/sign-" not in line:
            assert answer.status_code == TABLE[line][3], line
            assert "Set-Cookie" not in answer.headers
            assert not re.search(r'(href|action)="[^"]*sign-in', answer.text)
    assert 'type="password"' not in client.get("/sign-in").text


def test_no_log_line_and_no_answer_contains_a_secret(
    make_app: MakeApp, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = "a key that nobody else may know of"
    app = make_app(sqlite_url, SECRET_KEY=key, **ACCESS)
    answers = [by_token(app, role).get(path) for role in TOKENS for path in ("/jobs", "/nope", "/dashboard/?before=x")]
    answers += [sign_in(app.test_client(), *pair) for pair in (("somebody", "typed wrongly"), ("viewer", None))]
    with app.app_context(), writing() as tx:
        tx.exec_driver_sql("DROP TABLE tally")
        tx.exec_driver_sql("DROP TABLE attempts")
    answers += [by_token(app, role).get("/jobs/summary") for role in TOKENS]
    answers += [sign_in(app.test_client(), "operator"), sign_in(app.test_client(), "somebody", "typed wrongly")]
    assert {answer.status_code for answer in answers} == {200, 303, 403, 404, 422, 503}
    assert "no such table" in caplog.text
    told = caplog.text + "".join(f"{answer.headers}{answer.text}" for answer in answers)
    for secret in (*PASSWORDS.values(), *TOKENS.values(), key, "typed wrongly"):
        assert secret not in told


def test_a_database_that_cannot_be_reached_is_logged_without_its_password(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app("postgresql://me:hush-hush-hush@127.0.0.1:1/jobs")
    answer = app.test_client().get("/jobs")
    assert answer.status_code == 503
    assert "127.0.0.1" in caplog.text
    assert "hush" not in caplog.text + answer.text
