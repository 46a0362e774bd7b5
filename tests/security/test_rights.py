"""What a view is open to stands on the view, and every view that anyone may read says so."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.security.access import operators, public, public_without_database, viewers
from dashboard.security.hosts import any_host
from tests.support.app import MakeApp

TOKENS = {"viewer": "token-that-looks-on", "operator": "token-that-presses"}
DECORATORS = {"public": public, "public_without_database": public_without_database}
DECORATORS |= {"viewers": viewers, "operators": operators, "none": lambda view: view}
# For a client without a credential, a viewer and an operator.
GET = {
    "public": (200, 200, 200),
    "public_without_database": (200, 200, 200),
    "viewers": (401, 200, 200),
    "operators": (401, 403, 200),
    "none": (401, 200, 200),
}
POST = GET | {"none": (401, 403, 200)}


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    return make_app(sqlite_url, TOKENS=" ".join(f"{role}-script:{role}:{token}" for role, token in TOKENS.items()))


def clients(app: Flask) -> list[FlaskClient]:
    made = [app.test_client() for _ in range(3)]
    for client, token in zip(made[1:], TOKENS.values(), strict=True):
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return made


@pytest.mark.parametrize("name", DECORATORS)
def test_a_view_is_open_to_those_that_its_decorator_names(app: Flask, name: str) -> None:
    view = DECORATORS[name](lambda: "seen")
    app.add_url_rule("/jobs/a/b", view_func=view, endpoint="view", methods=["GET", "POST"])
    for method, expected in (("GET", GET), ("HEAD", GET), ("POST", POST)):
        statuses = [client.open("/jobs/a/b", method=method).status_code for client in clients(app)]
        assert tuple(statuses) == expected[name], method


def test_every_view_that_answers_a_get_says_whom_it_is_open_to(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert endpoints
    assert [name for name in sorted(endpoints) if not hasattr(app.view_functions[name], "roles")] == []


def test_a_view_answers_under_another_host_name_only_where_it_says_so(app: Flask) -> None:
    app.add_url_rule("/a", view_func=any_host(public(lambda: "seen")), endpoint="a")
    app.add_url_rule("/b", view_func=public(lambda: "seen"), endpoint="b")
    statuses = [app.test_client().get(path, headers={"Host": "10.1.2.3"}).status_code for path in ("/a", "/b")]
    assert statuses == [200, 400]


def test_only_a_view_that_needs_no_database_is_served_while_there_is_none(make_app: MakeApp) -> None:
    app = make_app("postgresql://me@127.0.0.1:1/jobs")
    app.add_url_rule("/a", view_func=public_without_database(lambda: "seen"), endpoint="a")
    app.add_url_rule("/b", view_func=public(lambda: "seen"), endpoint="b")
    client = app.test_client()
    paths = ("/a", "/healthz", "/static/app.css", "/b", "/sign-in", "/readyz")
    assert [client.get(path, buffered=True).status_code for path in paths] == [200, 200, 200, 503, 503, 503]
