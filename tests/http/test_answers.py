"""A response in memory is sent as it is, and one that a hook has changed as any other response of Flask."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from dashboard.http.answers import Answer, json_stream, not_modified

Change = Callable[[Response], object]


def client_of(made: Callable[[], Response], change: Change = lambda _: None) -> FlaskClient:
    """A client of an application with one view, and a hook that changes its response."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=made, endpoint="view")

    @app.after_request
    def hook(response: Response) -> Response:
        change(response)
        return response

    return app.test_client()


def answer() -> Answer:
    return Answer(b'{"a":1}', 200, "application/json")


def test_the_body_goes_out_with_its_length_and_type() -> None:
    got = client_of(answer).get("/")
    assert (got.status_code, got.data, got.mimetype, got.content_length) == (200, b'{"a":1}', "application/json", 7)


def test_head_has_the_headers_of_get_and_no_body() -> None:
    got, head = client_of(answer).get("/"), client_of(answer).head("/")
    assert (head.status_code, head.headers, head.data) == (200, got.headers, b"")


def test_nothing_new_is_304_with_the_tag_and_without_a_body() -> None:
    got = client_of(lambda: not_modified('"7"', "Accept-Encoding")).get("/")
    assert (got.status_code, got.data, got.headers["ETag"]) == (304, b"", '"7"')
    assert got.headers["Vary"] == "Accept-Encoding"
    assert "Content-Type" not in got.headers


@pytest.mark.parametrize("body", [iter([b"a"]), [b"a"], "a", None], ids=["stream", "list", "text", "none"])
def test_what_is_not_bytes_is_an_error_at_once(body: object) -> None:
    with pytest.raises(TypeError, match="stream"):
        Answer(body)  # type: ignore[arg-type]


def test_a_json_text_may_be_made_while_it_is_sent() -> None:
    closed: list[bool] = []

    def parts() -> Iterator[bytes]:
        try:
            yield from (b"[", b"1", b"]")
        finally:
            closed.append(True)

    got = client_of(lambda: json_stream(parts())).get("/", buffered=True)
    assert (got.get_json(), got.mimetype, closed) == ([1], "application/json", [True])
    assert "Content-Length" not in got.headers


def replace_by_stream(response: Response) -> None:
    response.response = (part for part in (b"new", b"er"))
    del response.headers["Content-Length"]


@pytest.mark.parametrize(
    ("change", "body", "length"),
    [
        (lambda response: response.set_data("newer"), b"newer", 5),
        (lambda response: response.stream.write(b"!"), b'{"a":1}!', 8),
        (replace_by_stream, b"newer", None),
    ],
    ids=["other data", "written to", "a stream"],
)
def test_a_hook_may_change_the_body(change: Change, body: bytes, length: int | None) -> None:
    got = client_of(answer, change).get("/", buffered=True)
    assert (got.data, got.content_length) == (body, length)
    head = client_of(answer, change).head("/", buffered=True)
    assert head.data == b""


def test_a_hook_may_make_it_conditional() -> None:
    def tagged(response: Response) -> None:
        response.add_etag()
        response.make_conditional(request)

    client = client_of(answer, tagged)
    again = client.get("/", headers={"If-None-Match": client.get("/").headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Length" not in again.headers


def test_what_is_to_run_when_it_is_closed_runs() -> None:
    closed = []
    got = client_of(answer, lambda response: response.call_on_close(lambda: closed.append(True))).get("/")
    got.close()
    assert (got.data, closed) == (b'{"a":1}', [True])
