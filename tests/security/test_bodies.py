"""Bodies that are too long, cut off or broken are rejected, whatever the server calls them; and forms of no browser."""

from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from tests.support.app import MakeApp
from tests.support.factory import make_job

JSON = b'{"type": "t"}'
# As gunicorn hands a body on, in chunks and with a length: Werkzeug itself then notices no end that comes early.
CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "", "wsgi.input_terminated": True}
ENDED = {"wsgi.input_terminated": True}


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    return make_app(sqlite_url, MAX_BODY_BYTES="2000")


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class BrokenChunks(BytesIO):
    """A body whose second chunk has no size, of which each server says so by an exception of its own."""

    def read(self, *_: Any) -> bytes:
        raise RuntimeError("no chunk size")

    readinto = read  # type: ignore[assignment]


def post(client: FlaskClient, body: bytes, environ: dict[str, Any], path: str = "/jobs") -> tuple[int, str]:
    answer = client.post(path, data=body, content_type="application/json", environ_overrides=environ)
    return answer.status_code, answer.get_json().get("detail", "") if answer.is_json else answer.text


def test_a_body_of_the_longest_length_is_taken_and_a_byte_more_is_413_with_the_limit_and_its_setting(
    client: FlaskClient,
) -> None:
    sentence = "The body is longer than 2,000 bytes, which MAX_BODY_BYTES allows"
    for environ in ({}, ENDED, CHUNKED):
        assert post(client, JSON.ljust(2_000), environ)[0] == 201
        assert post(client, JSON.ljust(2_001), environ) == (413, sentence)


def test_chunks_that_are_too_long_are_413_whatever_length_the_request_tells_too(client: FlaskClient) -> None:
    both = CHUNKED | {"CONTENT_LENGTH": "5"}
    assert post(client, JSON.ljust(2_000), both)[0] == 201
    assert post(client, JSON.ljust(2_001), both)[0] == 413


def test_a_body_that_is_too_long_is_413_where_no_body_is_read(client: FlaskClient) -> None:
    for path in ("/jobs/claim", "/jobs/summary", "/nothing"):
        assert client.post(path, data=b"x" * 2_001, headers={"Accept": "application/json"}).status_code == 413


@pytest.mark.parametrize("environ", [{}, ENDED], ids=["known end", "server's end"])
def test_a_body_that_is_shorter_than_its_length_is_400(client: FlaskClient, environ: dict[str, Any]) -> None:
    assert post(client, JSON, environ | {"CONTENT_LENGTH": str(len(JSON) + 1)})[0] == 400
    assert client.get("/jobs").get_json() == []


def test_a_form_that_is_shorter_than_its_length_is_400(client: FlaskClient) -> None:
    sent = {"data": b"type=t", "content_type": "application/x-www-form-urlencoded"}
    answer = client.post("/dashboard/jobs/new", **sent, environ_overrides=ENDED | {"CONTENT_LENGTH": "7"})
    assert answer.status_code == 400
    assert client.get("/jobs").get_json() == []


@pytest.mark.parametrize("environ", [CHUNKED, ENDED], ids=["chunks", "length"])
def test_a_body_that_the_server_cannot_read_is_400(client: FlaskClient, environ: dict[str, Any]) -> None:
    assert post(client, JSON, environ | {"wsgi.input": BrokenChunks(JSON)}) == (400, "The body is broken")


@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "abc", "1e3", "٣", "1 2"])
def test_a_content_length_that_is_not_a_number_is_400(client: FlaskClient, length: str) -> None:
    assert post(client, JSON, {"CONTENT_LENGTH": length}) == (400, "Content-Length must be a number of bytes")


def test_every_form_s_view_rejects_what_no_browser_sends(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        job_id = make_job(JobStatus.RUNNING).id
    site, paths = app.url_map.bind("localhost"), []
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and not rule.rule.startswith(("/jobs", "/queue")):
            values = {"job_id": job_id, "action": "complete"}
            paths.append(site.build(rule.endpoint, {name: values[name] for name in rule.arguments}, "POST"))
    assert {"/sign-in", "/sign-out", "/dashboard/jobs/new", "/dashboard/fragments/new"} < set(paths)
    form = "application/x-www-form-urlencoded"
    for path in paths:
        assert client.post(path, headers={"Transfer-Encoding": "chunked"}).status_code == 411
        assert client.post(path, data=b"{}", content_type="application/json").status_code == 415
        assert client.post(path, data=b"type=%ff", content_type=form).status_code == 400
        assert client.post(path, data=b"x" * 2_001, content_type=form).status_code == 413


def test_a_form_that_everyone_may_send_is_shorter_than_others(make_app: MakeApp, sqlite_url: str) -> None:
    client = make_app(sqlite_url).test_client()
    for length, statuses in ((10_000, (302, 303)), (10_001, (413, 413))):
        form = {"data": b"x" * length, "content_type": "application/x-www-form-urlencoded"}
        assert tuple(client.post(path, **form).status_code for path in ("/sign-in", "/sign-out")) == statuses
