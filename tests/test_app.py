"""The application is a Flask application: hooks, async views and extensions work as Flask documents them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from flask import Flask, g, request

from dashboard.database.engine import db
from tests.support.app import MakeApp


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    return make_app(sqlite_url)


def test_the_hooks_of_a_contributor_run_around_every_request(app: Flask) -> None:
    seen: list[str] = []

    @app.before_request
    def before() -> None:
        seen.append(f"before {request.path}")

    @app.after_request
    def after(response: Any) -> Any:
        response.headers["X-Hook"] = "ran"
        return response

    @app.teardown_request
    def teardown(_error: BaseException | None) -> None:
        seen.append(f"teardown {request.path}")

    paths = ("/jobs", "/dashboard/", "/healthz", "/nothing", "/static/app.css")
    for path in paths:
        assert app.test_client().get(path, buffered=True).headers["X-Hook"] == "ran"
    assert seen == [f"{when} {path}" for path in paths for when in ("before", "teardown")]


def test_a_hook_may_answer_instead_of_the_view(app: Flask) -> None:
    app.before_request(lambda: ("closed for repairs", 503))
    answer = app.test_client().get("/jobs")
    assert (answer.status_code, answer.text) == (503, "closed for repairs")


def test_a_request_that_is_rejected_reaches_no_hook_that_comes_after_the_checks(app: Flask) -> None:
    seen: list[str] = []
    app.before_request(lambda: seen.append(request.path))
    assert app.test_client().get("/jobs", headers={"Host": "evil.example"}).status_code == 400
    assert seen == []


def test_an_async_view_and_an_async_hook_are_run(app: Flask) -> None:
    def run(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            context = copy_context()
            with ThreadPoolExecutor(1) as other:  # the browser's tests keep a loop running in this thread
                return other.submit(context.run, lambda: asyncio.run(function(*arguments, **named))).result()

        return call

    app.async_to_sync = run  # type: ignore[method-assign, assignment]  # Flask's own needs its extra "async"

    @app.before_request
    async def before() -> None:
        await asyncio.sleep(0)
        g.name = "async"

    @app.get("/async")
    async def view() -> dict[str, str]:
        await asyncio.sleep(0)
        return {"ran": g.name}

    assert app.test_client().get("/async").get_json() == {"ran": "async"}


def test_an_extension_s_teardown_runs_and_learns_of_an_error(app: Flask) -> None:
    ended: list[str | None] = []

    class Extension:
        def init_app(self, app: Flask) -> None:
            app.teardown_appcontext(self.teardown)

        def teardown(self, error: BaseException | None) -> None:
            ended.append(str(error) if error else None)

    Extension().init_app(app)
    app.test_client().get("/jobs")
    with pytest.raises(RuntimeError), app.app_context():
        raise RuntimeError("broken")
    assert ended == [None, "broken"]


def test_the_session_of_flask_sqlalchemy_ends_with_the_request(app: Flask) -> None:
    sessions = []

    @app.get("/session")
    def view() -> dict[str, int]:
        sessions.append(db.session())
        return {"jobs": db.session.execute(db.text("SELECT count(*) FROM jobs")).scalar_one()}

    assert [app.test_client().get("/session").get_json() for _ in range(2)] == [{"jobs": 0}] * 2
    assert sessions[0] is not sessions[1]
    assert [session.in_transaction() for session in sessions] == [False, False]


def test_a_view_that_an_extension_adds_is_open_without_credentials_and_by_its_decorator_with_them(
    make_app: MakeApp, sqlite_url: str
) -> None:
    app = make_app(sqlite_url, TOKENS="script:viewer:token-that-looks-on")
    app.add_url_rule("/extra", view_func=lambda: "extra", endpoint="extra", methods=["GET", "POST"])
    client, viewer = app.test_client(), {"Authorization": "Bearer token-that-looks-on"}
    assert [client.get("/extra", headers=headers).status_code for headers in ({}, viewer)] == [302, 200]
    assert [client.post("/extra", headers=headers).status_code for headers in ({}, viewer)] == [302, 403]
