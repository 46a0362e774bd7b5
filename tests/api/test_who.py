"""Who created, started and ended a job: kept, shown on its page and in conflicts, and in no answer of the nine keys."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.core.who import Hands
from dashboard.database.schema import jobs
from dashboard.database.transactions import reading
from tests.support.app import MakeApp
from tests.support.html import page

TOKENS = {"ci": "token-of-ci-0123456", "mill": "token-of-mill-01234"}
KEYS = {"id", "type", "payload", "priority", "status", "result", "created_at", "started_at", "completed_at"}


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    tokens = " ".join(f"{name}:operator:{token}" for name, token in TOKENS.items())
    return make_app(database_url, TOKENS=tokens, USERS="ada:operator:presses-buttons")


def script(app: Flask, name: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKENS[name]}"
    return client


def person(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.post("/sign-in", data={"name": "ada", "password": "presses-buttons"})
    return client


def hands(app: Flask, job_id: str) -> Hands:
    with app.app_context(), reading() as tx:
        found = select(*(jobs.c[name] for name in Hands._fields)).where(jobs.c.id == job_id)
        return Hands._make(tx.execute(found).one())


def test_the_names_of_those_who_create_start_and_end_a_job_are_kept(app: Flask) -> None:
    ci, mill = script(app, "ci"), script(app, "mill")
    job = ci.post("/jobs", json={"type": "t"}).get_json()
    claimed = mill.post("/jobs/claim").get_json()
    ended = ci.post(f"/jobs/{job['id']}/complete").get_json()
    assert hands(app, job["id"]) == ("ci", "mill", "ci")
    assert {frozenset(answer) for answer in (job, claimed, ended)} == {frozenset(KEYS)}


@pytest.mark.parametrize("claim", ["claim?lease=60", "claim?lease=60&type=t", "claim?limit=2", "claim?type=t"])
def test_each_way_to_claim_keeps_the_name(app: Flask, claim: str) -> None:
    ci, mill = script(app, "ci"), script(app, "mill")
    made = ci.post("/jobs/batch", json=[{"type": "t", "max_attempts": 2}]).get_json()[0]
    mill.post(f"/jobs/{claim}")
    assert hands(app, made["id"]) == ("ci", "mill", None)


@pytest.mark.parametrize("end", ["complete", "fail", "report", "bulk", "taken"])
def test_each_way_to_end_keeps_the_name(app: Flask, end: str) -> None:
    ci, mill = script(app, "ci"), script(app, "mill")
    made = ci.post("/jobs", json={"type": "t"}, headers={"Idempotency-Key": "one"}).get_json()["id"]
    token = mill.post(f"/jobs/{made}/process?lease=60").get_json()["token"]
    if end == "report":
        mill.post("/jobs/report", json=[{"id": made, "token": token, "action": "complete"}])
    elif end == "bulk":
        mill.post("/jobs/bulk", json={"action": "fail", "filter": {"status": "RUNNING"}})
    elif end == "taken":
        mill.post(f"/jobs/{made}/fail")
    else:
        mill.post(f"/jobs/{made}/{end}?token={token}")
    assert hands(app, made) == ("ci", "mill", "mill")


def test_a_job_that_is_given_back_was_started_by_nobody(app: Flask) -> None:
    ci = script(app, "ci")
    made = ci.post("/jobs", json={"type": "t"}).get_json()["id"]
    token = ci.post(f"/jobs/{made}/process?lease=60").get_json()["token"]
    ci.post(f"/jobs/{made}/release?token={token}")
    assert hands(app, made) == ("ci", None, None)


def test_a_job_that_is_run_again_was_created_by_whoever_did_that(app: Flask) -> None:
    ci, mill = script(app, "ci"), script(app, "mill")
    made = ci.post("/jobs", json={"type": "t"}).get_json()["id"]
    ci.post(f"/jobs/{made}/fail")
    again = mill.post(f"/jobs/{made}/retry").get_json()["id"]
    mill.post(f"/jobs/{again}/fail")
    slices = {"action": "retry", "filter": {}, "key": "k"}
    assert mill.post("/jobs/bulk", json=slices).get_json()["done"] == 1
    newest = mill.get("/jobs?limit=1").get_json()[0]["id"]
    assert hands(app, again).created_by == hands(app, newest).created_by == "mill"


def test_where_all_is_open_no_name_is_kept(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url)
    client = app.test_client()
    made = client.post("/jobs", json={"type": "t"}).get_json()["id"]
    client.post("/jobs/claim")
    client.post(f"/jobs/{made}/complete")
    assert hands(app, made) == (None, None, None)
    assert " by " not in re.sub(r"<dl>.*", "", page(client, f"/dashboard/jobs/{made}"), flags=re.DOTALL)


def test_the_timeline_of_a_job_names_them(app: Flask) -> None:
    ci, ada = script(app, "ci"), person(app)
    made = ci.post("/jobs", json={"type": "t"}).get_json()["id"]
    ada.post(f"/dashboard/jobs/{made}/process")
    ci.post(f"/jobs/{made}/complete")
    html = page(ada, f"/dashboard/jobs/{made}")
    told = re.findall(r"(Created|Started|Completed) <time[^>]*>[^<]*</time> by <bdi>(\w+)</bdi>", html)
    assert told == [("Created", "ci"), ("Started", "ada"), ("Completed", "ci")]


def test_each_run_tells_who_started_and_who_ended_it_on_the_page_alone(app: Flask) -> None:
    ci, mill = script(app, "ci"), script(app, "mill")
    made = ci.post("/jobs", json={"type": "t", "max_attempts": 9}).get_json()["id"]
    ends = {"ci": "fail?retry_in=0&", "mill": "release?"}
    for client, name in ((mill, "mill"), (mill, "ci")):
        token = client.post(f"/jobs/{made}/process?lease=60&worker=w").get_json()["token"]
        script(app, name).post(f"/jobs/{made}/{ends[name]}token={token}")
    token = ci.post(f"/jobs/{made}/process?lease=60&worker=w").get_json()["token"]
    ci.post(f"/jobs/release?token={token}")
    ci.post(f"/jobs/{made}/process?lease=60&worker=ci")
    mill.post(f"/jobs/{made}/fail")
    html = page(person(app), f"/dashboard/jobs/{made}")
    told = re.findall(r"<p>(\w+ ?\w*) <time[^>]*>[^<]*</time>(?: by <bdi>(\w+)</bdi>)?", html)
    assert told == [
        *(("Started", "mill"), ("Given back", "")),
        *(("Started", "mill"), ("Failed", "ci")),
        *(("Started", "ci"), ("Given back", "")),
        *(("Started", ""), ("Taken away", "mill")),
    ]
    attempts = ci.get(f"/jobs/{made}?full=1").get_json()["attempts"]
    assert {frozenset(each) for each in attempts} == {
        frozenset({"attempt", "worker", "started_at", "heard_at", "ended_at", "outcome", "reason"})
    }


def test_a_conflict_names_who_was_faster(app: Flask) -> None:
    ci, ada = script(app, "ci"), person(app)
    made = ci.post("/jobs", json={"type": "t"}).get_json()["id"]
    ci.post(f"/jobs/{made}/process")
    ci.post(f"/jobs/{made}/complete")
    toast = ada.post(f"/dashboard/fragments/jobs/{made}/complete").text
    assert re.search(r"Cannot complete the job: completed already, \d+ s ago, by ci", toast)
    detail = ci.post(f"/jobs/{made}/complete").get_json()["detail"]
    assert re.fullmatch(
        r"Cannot complete the job: it is COMPLETED, not RUNNING \(completed [-0-9]+ [:0-9]+ UTC by ci\)", detail
    )
