"""While claims are paused no job is started, by whichever process; everybody is told who did it and since when."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.services import waiting
from tests.support.app import MakeApp
from tests.support.factory import make_job, make_many
from tests.support.html import page
from tests.support.statements import statements

TOKEN = "token-of-ops-012345"
TOLD = r"Claims are paused by ops since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: the mail server is down"


@pytest.fixture
def apps(make_app: MakeApp, database_url: str) -> list[Flask]:
    """Two applications over one database, as two processes are."""
    return [make_app(database_url, TOKENS=f"ops:operator:{TOKEN}") for _ in range(2)]


def script(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    return client


def pause(client: FlaskClient) -> None:
    assert client.post("/queue/pause", json={"reason": "the mail server is down"}).get_json()["paused"]


def test_no_process_starts_a_job_and_each_says_who_paused_claims_until_they_go_on(apps: list[Flask]) -> None:
    for client in map(script, apps):
        client.post("/jobs/batch", json=[{"type": "t"}] * 2)
        assert client.post("/jobs/claim").status_code == 200  # which fills the queue
    pause(script(apps[0]))
    for client in map(script, apps):
        job = client.get("/jobs?status=PENDING").get_json()[0]["id"]
        for query in ("", "?type=t", "?lease=60", "?type=t&lease=60", "?type=t&type=u"):
            answer = client.post(f"/jobs/claim{query}")
            assert answer.status_code == 404
            assert re.fullmatch(TOLD, answer.get_json()["detail"])
        for query in ("?limit=5", "?limit=5&type=t", "?limit=5&lease=60"):
            answer = client.post(f"/jobs/claim{query}")
            assert (answer.status_code, answer.get_json()) == (200, [])
        for query in ("", "?lease=60"):
            answer = client.post(f"/jobs/{job}/process{query}")
            assert answer.status_code == 400
            assert re.fullmatch(f"Cannot process the job: {TOLD}", answer.get_json()["detail"])
        assert client.get("/jobs/summary").get_json()["running"] == 2
    script(apps[1]).post("/queue/resume")
    assert [script(app).post("/jobs/claim").status_code for app in apps] == [200, 200]
    assert script(apps[0]).post("/jobs/claim").get_json()["detail"] == "No pending jobs"


def test_jobs_that_run_go_on_and_end_and_a_repeated_claim_gets_its_answer(apps: list[Flask]) -> None:
    ops = script(apps[0])
    ops.post("/jobs/batch", json=[{"type": "t"}] * 3)
    key = {"Idempotency-Key": "a-key-of-16-to-64"}
    held, plain = ops.post("/jobs/claim?lease=60", headers=key).get_json(), ops.post("/jobs/claim").get_json()
    pause(ops)
    assert ops.post("/jobs/claim?lease=60", headers=key).get_json()["id"] == held["id"]
    assert ops.post(f"/jobs/{held['id']}/heartbeat?token={held['token']}").status_code == 200
    assert ops.post(f"/jobs/{held['id']}/complete?token={held['token']}").status_code == 200
    assert ops.post(f"/jobs/{plain['id']}/complete").status_code == 200
    assert ops.post("/jobs", json={"type": "t"}).status_code == 201


def test_a_claim_that_waits_waits_on_and_gets_its_job_when_claims_go_on(apps: list[Flask]) -> None:
    ops = script(apps[0])
    pause(ops)
    ops.post("/jobs", json={"type": "t"})
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: script(apps[1]).post("/jobs/claim?wait=20"))
        with apps[1].app_context():
            room = waiting.room()
        while not len(room):
            assert not answer.done()
        ops.post("/jobs", json={"type": "t"})  # wakes nobody
        ops.post("/queue/resume")
        assert answer.result(20).status_code == 200


def test_a_pause_outlives_a_restart_and_another_one_changes_nothing(make_app: MakeApp, database_url: str) -> None:
    tokens = {"TOKENS": f"ops:operator:{TOKEN} other:operator:another-long-token"}
    first = script(make_app(database_url, **tokens)).post("/queue/pause").get_json()
    later = make_app(database_url, **tokens).test_client()
    later.environ_base["HTTP_AUTHORIZATION"] = "Bearer another-long-token"
    assert later.post("/queue/pause", json={"reason": "mine"}).get_json() == first
    assert (first["who"], first["reason"]) == ("ops", None)
    resumed = [later.post("/queue/resume").get_json() for _ in range(2)]
    assert resumed == [{"paused": False, "who": None, "since": None, "reason": None}] * 2
    done = [(entry["who"], entry["action"]) for entry in reversed(later.get("/activity").get_json())]
    assert done == [("ops", "pause"), ("other", "resume")]


PAGES = ("overview", "", "queue", "workers", "activity", "jobs/new", "jobs/{id}", "pause", "bulk?action=retry")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_tells_it_and_no_page_when_claims_go_on(apps: list[Flask], path: str) -> None:
    ops = script(apps[0])
    path = path.format(id=ops.post("/jobs", json={"type": "t"}).get_json()["id"])
    assert "Claims are paused" not in page(ops, f"/dashboard/{path}")
    pause(ops)
    html = page(ops, f"/dashboard/{path}")
    assert html.count("<b>Claims are paused</b> by <bdi>ops</bdi> since") == 1
    assert "the mail server is down" in html
    ops.post("/dashboard/resume")
    assert "Claims are paused" not in page(ops, f"/dashboard/{path}")


@pytest.mark.parametrize("part", ["board", "queue", "workers", "overview", "jobs/{id}"])
def test_an_open_page_is_told_by_its_next_poll(apps: list[Flask], part: str) -> None:
    ops = script(apps[0])
    url = f"/dashboard/fragments/{part}".format(id=ops.post("/jobs", json={"type": "t"}).get_json()["id"])
    tag = ops.get(url).headers["ETag"]
    pause(ops)
    answer = ops.get(url, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert "Claims are paused" in answer.text
    again = {"If-None-Match": answer.headers["ETag"]}
    assert ops.get(url, headers=again).status_code == 304
    ops.post("/queue/resume")
    assert "Claims are paused" not in ops.get(url, headers=again).text


def test_a_form_asks_for_a_reason_and_a_button_lets_claims_go_on(client: FlaskClient) -> None:
    assert 'href="/dashboard/pause"' in page(client, "/dashboard/queue")
    assert client.post("/dashboard/pause", data={"reason": "x" * 201}).status_code == 422
    assert client.post("/dashboard/pause", data={"reason": "<b>"}).headers["Location"] == "/dashboard/queue"
    html = page(client, "/dashboard/queue")
    assert "&lt;b&gt;" in html
    assert 'action="/dashboard/resume"' in html
    toast = client.post("/dashboard/fragments/claim")
    assert (toast.status_code, "Claims are paused since" in toast.text) == (404, True)
    client.post("/dashboard/resume")
    assert "<b>Claims are paused" not in page(client, "/dashboard/queue")


def test_without_a_pause_neither_a_claim_nor_a_vain_one_costs_a_statement_more(client: FlaskClient) -> None:
    make_many(5)
    client.post("/jobs/claim")  # which fills the queue

    def asked(call: Callable[[], object]) -> list[str]:
        return [statement for statement, _ in statements(call) if "FROM pause" in statement and "jobs" not in statement]

    assert asked(lambda: client.post("/jobs/claim")) == []
    assert asked(lambda: client.post("/jobs/claim?limit=9")) == []
    assert asked(lambda: client.post("/jobs/claim")) == []
    assert asked(lambda: client.post(f"/jobs/{make_job(JobStatus.PENDING).id}/process")) == []
