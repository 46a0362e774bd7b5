"""The log: a line for each request where it is wanted, an id in each line of a request, no forged line."""

import json
import logging
from collections.abc import Iterator
from functools import partial
from re import fullmatch
from typing import Any

import pytest
from flask import Flask
from flask.logging import default_handler
from flask.testing import FlaskClient

from dashboard.ops import logs
from tests.support import http
from tests.support.app import MakeApp
from tests.support.server import StartServer
from tests.support.waiting import eventually

TOKENS = "ci:operator:a-token-that-is-secret"
AUTH = {"Authorization": "Bearer a-token-that-is-secret"}


class Kept(logging.Handler):
    """What would be written, as Flask's handler writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(default_handler.format(record))


@pytest.fixture
def kept() -> Iterator[Kept]:
    """The lines of the application and of its requests; the handlers are as before afterwards."""
    kept, formatter = Kept(), default_handler.formatter
    loggers = [logs.requests, logging.getLogger("dashboard.app")]
    before = [(logger, logger.handlers, logger.level) for logger in loggers]
    yield kept
    default_handler.setFormatter(formatter)
    for logger, handlers, level in before:
        logger.handlers, logger.level = handlers, level


def made(make_app: MakeApp, url: str, kept: Kept, **environ: str) -> FlaskClient:
    app = make_app(url, TOKENS=TOKENS, **environ)
    for logger in (logs.requests, app.logger):
        logger.handlers = [kept]
    client = app.test_client()
    # The line is written when the response has been sent.
    client.open = partial(client.open, buffered=True)  # type: ignore[method-assign]
    return client


def fields(line: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in line.rpartition("] ")[2].split(" "))


def test_no_line_is_written_where_none_is_asked_for(make_app: MakeApp, sqlite_url: str, kept: Kept) -> None:
    client = made(make_app, sqlite_url, kept)
    assert client.get("/jobs", headers=AUTH).status_code == 200
    assert kept.lines == []


def test_a_line_tells_who_did_what_to_which_job(make_app: MakeApp, sqlite_url: str, kept: Kept) -> None:
    client = made(make_app, sqlite_url, kept, ACCESS_LOG="1")
    job = client.post("/jobs", json={"type": "t"}, headers=AUTH).get_json()["id"]
    client.post(f"/jobs/{job}/process", headers=AUTH)
    client.post("/jobs/batch", json=[{"type": "t"}] * 3, headers=AUTH)
    client.get("/jobs", headers=AUTH)
    client.get("/jobs")
    client.get("/nowhere", headers=AUTH)
    client.post("/dashboard/jobs/new", data={"type": "typed"}, headers=AUTH)
    found = [fields(line) for line in kept.lines]
    assert all(fullmatch("[0-9a-f]{16}", each.pop("request_id")) and float(each.pop("ms")) >= 0 for each in found)
    created = found[-1].pop("job")
    assert found == [
        {"method": "POST", "route": "/jobs", "who": "ci", "job": job, "now": "PENDING", "status": "201"},
        {
            "method": "POST",
            "route": "/jobs/<job_id>/process",
            "who": "ci",
            "job": job,
            "now": "RUNNING",
            "status": "200",
        },
        {"method": "POST", "route": "/jobs/batch", "who": "ci", "jobs": "3", "status": "201"},
        {"method": "GET", "route": "/jobs", "who": "ci", "status": "200"},
        {"method": "GET", "route": "/jobs", "who": "-", "status": "401"},
        {"method": "GET", "route": "-", "who": "ci", "status": "404"},
        {"method": "POST", "route": "/dashboard/jobs/new", "who": "ci", "now": "PENDING", "status": "303"},
    ]
    assert client.get(f"/jobs/{created}", headers=AUTH).status_code == 200


def test_json_lines_have_the_same_facts(make_app: MakeApp, sqlite_url: str, kept: Kept) -> None:
    client = made(make_app, sqlite_url, kept, ACCESS_LOG="1", LOG_FORMAT="json")
    job = client.post("/jobs", json={"type": "t"}, headers=AUTH | {"X-Request-ID": "mine-1"}).get_json()["id"]
    line: dict[str, Any] = json.loads(kept.lines[0])
    assert line.pop("time")
    assert line.pop("process")
    assert line.pop("ms") >= 0
    assert line == {
        **{"level": "INFO", "message": "request", "request_id": "mine-1", "method": "POST", "route": "/jobs"},
        **{"who": "ci", "job": job, "now": "PENDING", "status": 201},
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_each_line_of_a_request_has_its_id(make_app: MakeApp, sqlite_url: str, kept: Kept, log_format: str) -> None:
    client = made(make_app, sqlite_url, kept, LOG_FORMAT=log_format)
    app: Flask = client.application
    app.view_functions["api.summary"] = lambda: str(1 // 0)
    answer = client.get("/jobs/summary", headers=AUTH | {"X-Request-ID": "abc.1"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (500, "abc.1")
    [line] = kept.lines
    assert "ZeroDivisionError" in line
    assert json.loads(line)["request_id"] == "abc.1" if log_format == "json" else "request_id=abc.1" in line
    app.logger.warning("of no request")
    assert "request_id" not in kept.lines[1]


@pytest.mark.parametrize("sent", ["", "a b", "a\u2028b", "x" * 65, "who=root", "\x1b[2K", '"}'])
def test_an_id_that_could_forge_a_line_is_replaced(client: FlaskClient, sent: str) -> None:
    given = client.get("/healthz", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert fullmatch("[0-9a-f]{16}", given)


def test_two_requests_without_an_id_get_two(client: FlaskClient) -> None:
    given = {client.get("/healthz").headers["X-Request-ID"] for _ in range(2)}
    assert len(given) == 2


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_line_is_one_line_whatever_is_in_it(make_app: MakeApp, sqlite_url: str, kept: Kept, log_format: str) -> None:
    app = made(make_app, sqlite_url, kept, LOG_FORMAT=log_format).application
    app.logger.error("first\n[2026-01-01] forged \x1b[2K \u2028 %s", "é")
    [line] = kept.lines
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_no_line_of_a_traceback_looks_like_a_line_of_the_log(make_app: MakeApp, sqlite_url: str, kept: Kept) -> None:
    app = made(make_app, sqlite_url, kept).application
    try:
        raise ValueError("first\n[2026-01-01 00:00:00 +0000] [1] [INFO] forged \x1b[2K")
    except ValueError:
        app.logger.exception("it failed")
    [text] = kept.lines
    _, *more = text.split("\n")
    assert any("forged" in line for line in more)
    assert all(line.startswith("  ") and line.isprintable() for line in more)


@pytest.mark.parametrize("door", ["/jobs/bulk", "/dashboard/bulk"])
def test_a_line_tells_how_many_jobs_one_slice_changed(
    make_app: MakeApp, sqlite_url: str, kept: Kept, door: str
) -> None:
    client = made(make_app, sqlite_url, kept, ACCESS_LOG="1")
    client.post("/jobs/batch", json=[{"type": "t"}] * 3, headers=AUTH)
    if door == "/jobs/bulk":
        client.post(door, json={"action": "priority", "filter": {}, "priority": 4}, headers=AUTH)
    else:
        client.post(door, data={"action": "priority", "priority": "4"}, headers=AUTH)
    assert fields(kept.lines[-1])["jobs"] == "3"


def test_nothing_secret_is_in_any_line(make_app: MakeApp, sqlite_url: str, kept: Kept) -> None:
    client = made(make_app, sqlite_url, kept, ACCESS_LOG="1", USERS="ada:operator:press-the-button")
    client.post("/sign-in", data={"name": "ada", "password": "press-the-button"})
    client.post("/sign-in", data={"name": "ada", "password": "wrong-password"})
    client.post("/jobs", json={"type": "t", "payload": {"password": "hunter2"}}, headers=AUTH)
    token = "a-lease-token-of-somebody"
    client.post("/jobs/claim?lease=60", headers=AUTH | {"Idempotency-Key": token})
    client.get("/jobs?token=in-the-query", headers={"Authorization": "Bearer another-secret-token"})
    assert len(kept.lines) == 5
    secrets = ("press-the-button", "wrong-password", "hunter2", token, "in-the-query", "another-secret", "a-token-that")
    assert not any(secret in line for line in kept.lines for secret in secrets)


def test_a_server_writes_only_json_where_that_is_asked_for(sqlite_url: str, start_server: StartServer) -> None:
    server = start_server(sqlite_url, ACCESS_LOG="1", LOG_FORMAT="json")
    http.post(f"{server.url}/jobs", json={"type": "t"}, headers={"X-Request-ID": "trace-7"})
    eventually(lambda: "trace-7" in server.log.read_text(), "it is in the log")
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {"time", "level", "message", "process"} <= set.intersection(*(set(line) for line in lines))
    assert any(line["message"].startswith("The dashboard is at") for line in lines)
