"""HTML is sent compressed to those who accept it, and nothing else is."""

import gzip

import pytest
from flask.testing import FlaskClient

from tests.support.factory import make_many
from tests.support.html import timeless

ZIPPED = {"Accept-Encoding": "gzip, deflate, br"}

PAGES = (
    ("/dashboard/", 200),
    ("/dashboard/fragments/board", 200),
    ("/dashboard/queue", 200),
    ("/dashboard/jobs/new", 200),
    ("/dashboard/jobs/none", 404),
    ("/dashboard/?status=BOGUS", 422),
    ("/docs", 200),
)


@pytest.mark.parametrize(("path", "status"), PAGES)
def test_a_page_is_compressed_for_those_who_accept_it(client: FlaskClient, path: str, status: int) -> None:
    make_many(60)
    for accepts in ({}, {"Accept-Encoding": "br"}, {"Accept-Encoding": "gzip;q=0"}):
        plain = client.get(path, headers=accepts)
        assert "Content-Encoding" not in plain.headers
        assert plain.headers["Vary"] == "Accept-Encoding"
    zipped = client.get(path, headers=ZIPPED)
    assert (zipped.status_code, zipped.mimetype) == (status, "text/html")
    assert (zipped.headers["Content-Encoding"], zipped.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert zipped.content_length == len(zipped.data) < len(plain.data)
    assert timeless(gzip.decompress(zipped.data).decode()) == timeless(plain.text)


def test_the_page_of_fifty_jobs_is_a_fifth_as_long(client: FlaskClient) -> None:
    make_many(60)
    assert len(client.get("/dashboard/", headers=ZIPPED).data) < len(client.get("/dashboard/").data) / 5


def test_head_tells_of_the_compressed_page(client: FlaskClient) -> None:
    head, got = (client.open("/docs", method=method, headers=ZIPPED) for method in ("HEAD", "GET"))
    assert head.data == b""
    assert head.headers["Content-Encoding"] == "gzip"
    assert head.content_length
    assert got.content_length
    assert abs(head.content_length - got.content_length) < 50  # the time in it is another one


def test_a_poll_of_a_compressed_element_is_304_without_a_body(client: FlaskClient) -> None:
    make_many(60)
    path = "/dashboard/fragments/board"
    tag = client.get(path, headers=ZIPPED).headers["ETag"]
    for accepts in (ZIPPED, {}):
        again = client.get(path, headers={**accepts, "If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        assert (again.headers["ETag"], again.headers["Vary"]) == (tag, "Accept-Encoding")
        assert "Content-Encoding" not in again.headers


def test_what_fits_into_a_packet_is_sent_as_it_is(client: FlaskClient) -> None:
    answer = client.post("/dashboard/fragments/claim", headers=ZIPPED)
    assert answer.mimetype == "text/html"
    assert len(answer.data) < 1_000
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/jobs", "/jobs/summary", "/openapi.json", "/healthz"])
def test_json_is_left_alone(client: FlaskClient, path: str) -> None:
    make_many(60)
    answer = client.get(path, headers=ZIPPED)
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers
