"""Leases over HTTP: claim, heartbeat, end, expiry, and who is refused what."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.transitions import Action
from dashboard.ops.housekeeper import keep
from tests.support.app import MakeApp
from tests.support.calls import call, refused
from tests.support.leases import TOKEN, check_invariants, leased, pass_time

NINE = ["id", "type", "payload", "priority", "status", "result", "created_at", "started_at", "completed_at"]
FULL = [
    *NINE,
    "run_at",
    "expires_at",
    "max_attempts",
    "attempt",
    "worker",
    "lease_expires_at",
    "progress",
    "message",
    "retry_of",
]
OTHER = "another-token-of-20"


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Iterator[Flask]:
    app = make_app(database_url, LEASE_GRACE="0")
    with app.app_context():
        yield app
        check_invariants()


def create(client: FlaskClient, **more: Any) -> Any:
    return call(client, "POST /jobs", 201, json={"type": "t", **more})


def full(client: FlaskClient, job_id: str) -> Any:
    return call(client, f"GET /jobs/{job_id}?full=1", 200)


# ---- Claim


def test_a_leased_claim_answers_the_full_job_and_its_token(client: FlaskClient) -> None:
    job = create(client, payload={"n": 1})
    claimed = leased(client, "&worker=mill-3&attempts=3")
    assert list(claimed) == [*FULL, "token"]
    assert claimed["id"] == job["id"]
    assert (claimed["status"], claimed["attempt"], claimed["worker"]) == ("RUNNING", 1, "mill-3")
    assert (claimed["max_attempts"], claimed["token"], claimed["payload"]) == (3, TOKEN, {"n": 1})
    assert claimed["lease_expires_at"] > claimed["started_at"]


def test_without_a_key_the_server_makes_a_token(client: FlaskClient) -> None:
    create(client)
    token = call(client, "POST /jobs/claim?lease=60", 200)["token"]
    assert len(token) >= 16


def test_without_a_lease_a_claim_has_nine_keys_and_passes_over_the_key(client: FlaskClient) -> None:
    create(client)
    assert list(call(client, "POST /jobs/claim?worker=w", 200, headers={"Idempotency-Key": "short"})) == NINE


def test_a_repeat_with_the_same_key_answers_the_same_jobs_and_claims_nothing(client: FlaskClient) -> None:
    for _ in range(3):
        create(client)
    first = leased(client, "&limit=2")
    assert len(first) == 2
    assert leased(client, "&limit=2") == first
    assert call(client, "GET /jobs/summary", 200)["pending"] == 1


def test_a_key_whose_runs_have_ended_claims_nothing(client: FlaskClient) -> None:
    job = create(client)
    leased(client)
    call(client, f"POST /jobs/{job['id']}/complete?token={TOKEN}", 200)
    create(client)
    headers = {"Idempotency-Key": TOKEN}
    assert "new key" in refused(client, "POST /jobs/claim?lease=60", 409, headers=headers)


def test_a_claim_takes_the_most_urgent_and_then_the_oldest_of_its_types(client: FlaskClient) -> None:
    jobs = [create(client, type=name, priority=rank)["id"] for name, rank in (("a", 0), ("b", 5), ("c", 9), ("a", 5))]
    claimed = [call(client, "POST /jobs/claim?type=a&type=b", 200)["id"] for _ in range(3)]
    assert claimed == [jobs[1], jobs[3], jobs[0]]
    refused(client, "POST /jobs/claim?type=a&type=b", 404)
    assert call(client, "POST /jobs/claim", 200)["id"] == jobs[2]


def test_a_claim_of_several_answers_an_array_in_claim_order(client: FlaskClient) -> None:
    for rank in (0, 5, 3):
        create(client, priority=rank)
    assert [job["priority"] for job in call(client, "POST /jobs/claim?limit=2", 200)] == [5, 3]
    assert [job["priority"] for job in leased(client, "&limit=5")] == [0]
    assert call(client, "POST /jobs/claim?limit=5", 200) == []


def test_this_job_can_be_leased_also_before_its_time(client: FlaskClient) -> None:
    job = create(client, run_at=3600)
    refused(client, "POST /jobs/claim", 404)
    taken = call(client, f"POST /jobs/{job['id']}/process?lease=60&worker=w", 200)
    assert (taken["id"], taken["status"], taken["attempt"], taken["run_at"]) == (job["id"], "RUNNING", 1, None)
    again = call(client, f"POST /jobs/{create(client)['id']}/process?lease=60", 200, headers={"Idempotency-Key": TOKEN})
    line = f"POST /jobs/{again['id']}/process?lease=60"
    assert call(client, line, 200, headers={"Idempotency-Key": TOKEN})["attempt"] == 1
    assert "RUNNING" in refused(client, line, 400)


# ---- Heartbeat


def test_a_heartbeat_prolongs_the_lease_and_keeps_the_last_progress(client: FlaskClient) -> None:
    job = create(client)
    claimed = leased(client)
    line = f"POST /jobs/{job['id']}/heartbeat?token={TOKEN}"
    heard = call(client, f"{line}&lease=600", 200, json={"progress": 42, "message": "page 21 of 50"})
    assert list(heard) == ["lease_expires_at", "attempt"]
    assert heard["lease_expires_at"] > claimed["lease_expires_at"]
    assert call(client, f"{line}&lease=1", 200)["lease_expires_at"] == heard["lease_expires_at"]
    shown = full(client, job["id"])
    assert (shown["progress"], shown["message"]) == (42, "page 21 of 50")


def test_overdue_is_not_yet_lost(client: FlaskClient) -> None:
    job = create(client)
    leased(client)
    pass_time(100)
    call(client, f"POST /jobs/{job['id']}/heartbeat?token={TOKEN}", 200)
    assert full(client, job["id"])["attempt"] == 1


# ---- End


def test_complete_with_the_token_ends_the_run_and_the_job(client: FlaskClient) -> None:
    job = create(client)
    leased(client, "&worker=w")
    done = call(client, f"POST /jobs/{job['id']}/complete?token={TOKEN}", 200, json={"result": {"ok": True}})
    assert (done["status"], done["result"], done["worker"], done["lease_expires_at"]) == (
        "COMPLETED",
        {"ok": True},
        None,
        None,
    )
    assert [run["outcome"] for run in full(client, job["id"])["attempts"]] == ["completed"]


def test_a_failure_is_tried_again_while_attempts_are_left(app: Flask, client: FlaskClient) -> None:
    job = create(client, max_attempts=2)
    leased(client)
    waits = call(client, f"POST /jobs/{job['id']}/fail?token={TOKEN}&reason=429", 200)
    assert (waits["status"], waits["started_at"], waits["result"]) == ("PENDING", None, None)
    assert waits["run_at"] > waits["created_at"]
    refused(client, "POST /jobs/claim", 404)
    pass_time(7)
    again = leased(client, token=OTHER)
    assert (again["id"], again["attempt"], again["run_at"]) == (job["id"], 2, None)
    ended = call(client, f"POST /jobs/{job['id']}/fail?token={OTHER}&reason=500", 200)
    assert (ended["status"], ended["result"]) == ("FAILED", {"reason": "500"})
    assert [run["reason"] for run in full(client, job["id"])["attempts"]] == ["429", "500"]


@pytest.mark.parametrize(("query", "status"), [("&retry_in=0", "PENDING"), ("&retry_in=never", "FAILED")])
def test_the_worker_says_when_it_is_tried_again(client: FlaskClient, query: str, status: str) -> None:
    job = create(client, max_attempts=9)
    leased(client)
    ended = call(client, f"POST /jobs/{job['id']}/fail?token={TOKEN}{query}", 200)
    assert (ended["status"], ended["run_at"]) == (status, None)


def test_a_release_gives_the_job_back_and_is_no_failure(client: FlaskClient) -> None:
    first, job = create(client), create(client, priority=1)
    for number in range(3):
        claimed = leased(client, token=f"{TOKEN}-{number}")
        assert (claimed["id"], claimed["attempt"]) == (job["id"], number + 1)
        back = call(client, f"POST /jobs/{job['id']}/release?token={TOKEN}-{number}", 200)
        assert (back["status"], back["run_at"], back["max_attempts"]) == ("PENDING", None, 1)
    assert first["id"] != job["id"]
    claimed = leased(client)
    call(client, f"POST /jobs/{job['id']}/release?token={TOKEN}&in=3600", 200)
    assert call(client, "POST /jobs/claim", 200)["id"] == first["id"]


def test_everything_under_a_token_is_given_back_at_once(client: FlaskClient) -> None:
    for _ in range(3):
        create(client)
    held = {job["id"] for job in leased(client, "&limit=2")}
    assert {job["id"] for job in call(client, f"POST /jobs/release?token={TOKEN}", 200)} == held
    assert call(client, f"POST /jobs/release?token={TOKEN}", 200) == []
    assert call(client, "GET /jobs/summary", 200)["pending"] == 3


def test_a_leased_job_is_completed_by_its_token_alone_and_failed_without_one(client: FlaskClient) -> None:
    job = create(client)
    leased(client, "&worker=mill-3")
    sentence = refused(client, f"POST /jobs/{job['id']}/complete", 409)
    assert sentence.startswith("Cannot complete the job: it is leased to mill-3 until 20")
    assert sentence.endswith(" UTC; its holder sends the token, anybody may fail it")
    failed = call(client, f"POST /jobs/{job['id']}/fail?reason=wrong%20customer", 200)
    assert list(failed) == NINE
    assert (failed["status"], failed["result"]) == ("FAILED", {"reason": "wrong customer"})
    for action in ("heartbeat", "complete", "fail", "release"):
        lost = refused(client, f"POST /jobs/{job['id']}/{action}?token={TOKEN}", 409)
        assert lost.startswith("Lease lost: the job was called off 20")
        assert lost.endswith(" UTC (wrong customer)")


def test_a_run_that_is_overdue_ends_and_its_late_calls_change_nothing(app: Flask, client: FlaskClient) -> None:
    job = create(client)
    leased(client, "&attempts=2&worker=mill-3")
    pass_time(61)
    assert keep(app) == 1
    waits = full(client, job["id"])
    assert (waits["status"], waits["attempt"], waits["worker"]) == ("PENDING", 1, None)
    assert waits["attempts"][0]["outcome"] == "expired"
    assert waits["attempts"][0]["reason"].startswith("the lease ran out; mill-3 was last heard of 20")
    lost = refused(client, f"POST /jobs/{job['id']}/complete?token={TOKEN}", 409)
    assert lost.startswith("Lease lost: it ran out 20")
    assert "; the job is PENDING again, from 20" in lost
    pass_time(7)
    leased(client, token=OTHER)
    for action in ("fail", "heartbeat", "release", "complete") * 2:
        lost = refused(client, f"POST /jobs/{job['id']}/{action}?token={TOKEN}", 409)
        assert lost == "Lease lost: the job is RUNNING under another lease (attempt 2)"
    assert full(client, job["id"])["attempts"][1]["ended_at"] is None


def test_poison_has_exactly_as_many_runs_as_it_may_fail(app: Flask, client: FlaskClient) -> None:
    job = create(client)
    for number in range(1, 4):
        assert leased(client, "&attempts=3", token=f"{TOKEN}-{number}")["attempt"] == number
        pass_time(61)
        keep(app)
        pass_time(3600)
        keep(app)
    shown = full(client, job["id"])
    assert (shown["status"], shown["attempt"]) == ("FAILED", 3)
    assert "the lease ran out" in shown["result"]["reason"]
    refused(client, "POST /jobs/claim", 404)


# The calls of a holder: what each answers for a run that this very action ended, and for one that another ended.
ENDS = {Action.COMPLETE: "COMPLETED", Action.FAIL: "FAILED", Action.RELEASE: "PENDING"}


@pytest.mark.parametrize("second", ENDS)
@pytest.mark.parametrize("first", ENDS)
def test_a_repeat_of_the_same_action_is_200_and_any_other_409(
    client: FlaskClient, first: Action, second: Action
) -> None:
    job = create(client)
    leased(client)
    ended = call(client, f"POST /jobs/{job['id']}/{first}?token={TOKEN}", 200)
    assert ended["status"] == ENDS[first]
    line = f"POST /jobs/{job['id']}/{second}?token={TOKEN}"
    if first is second:
        assert call(client, line, 200) == ended
    else:
        assert refused(client, line, 409).startswith("Lease lost: ")
    assert refused(client, f"POST /jobs/{job['id']}/heartbeat?token={TOKEN}", 409)


@pytest.mark.parametrize("action", [*ENDS, "heartbeat"])
def test_a_token_of_another_job_holds_nothing(client: FlaskClient, action: str) -> None:
    held, other = create(client, priority=1), create(client)
    leased(client)
    assert "no run of the job" in refused(client, f"POST /jobs/{other['id']}/{action}?token={TOKEN}", 409)
    refused(client, f"POST /jobs/nope/{action}?token={TOKEN}", 404)
    assert full(client, held["id"])["status"] == "RUNNING"


# ---- Report


def test_a_report_judges_each_item_alone_and_keeps_all_that_hold(client: FlaskClient) -> None:
    ids = [create(client)["id"] for _ in range(5)]
    leased(client, "&limit=4&attempts=2")
    items: list[dict[str, Any]] = [
        {"id": ids[0], "token": TOKEN, "action": "complete", "result": {"n": 1}},
        {"id": ids[1], "token": TOKEN, "action": "fail", "reason": "no", "retry_in": "never"},
        {"id": ids[2], "token": TOKEN, "action": "release", "in": 60},
        {"id": ids[3], "token": TOKEN, "action": "heartbeat", "progress": 7, "lease": 90},
        {"id": ids[4], "token": TOKEN, "action": "complete"},
        {"id": "nope", "token": TOKEN, "action": "complete"},
    ]
    answer = call(client, "POST /jobs/report", 200, json=items)
    assert [item["status"] for item in answer] == [200, 200, 200, 200, 409, 404]
    assert [list(item) for item in answer[:4]] == [["id", "status"]] * 4
    assert answer[4]["detail"].startswith("Lease lost: ")
    shown = [full(client, job_id) for job_id in ids]
    assert [job["status"] for job in shown] == ["COMPLETED", "FAILED", "PENDING", "RUNNING", "PENDING"]
    assert (shown[0]["result"], shown[1]["result"], shown[3]["progress"]) == ({"n": 1}, {"reason": "no"}, 7)
    assert [item["status"] for item in call(client, "POST /jobs/report", 200, json=items)][:4] == [200] * 4


def test_an_id_stands_once_in_a_report(client: FlaskClient) -> None:
    item = {"id": "x", "token": TOKEN, "action": "complete"}
    refused(client, "POST /jobs/report", 422, json=[item, item])


# ---- Workers, and the shapes of a job


def test_a_worker_without_a_name_has_that_of_its_token(make_app: MakeApp, app: Flask, database_url: str) -> None:
    name = "mill-" + "3" * 100
    client = make_app(database_url, TOKENS=f"{name}:operator:{TOKEN}").test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    for _ in range(2):
        create(client)
    assert leased(client)["worker"] == name[:100]
    assert leased(client, "&worker=w", token=OTHER)["worker"] == "w"


@pytest.mark.parametrize("longer", ["{}x", "{}%00", "%00", "nope", "x" * 300])
def test_an_id_is_compared_as_it_is_by_every_call(client: FlaskClient, longer: str) -> None:
    job_id = longer.format(create(client)["id"])
    leased(client)
    refused(client, f"GET /jobs/{job_id}?full=1", 404)
    refused(client, f"GET /jobs/{job_id}?wait=1", 404)
    refused(client, f"POST /jobs/{job_id}/retry", 404)
    refused(client, f"POST /jobs/{job_id}/process?lease=60", 404)
    for action in ("heartbeat", "complete", "fail", "release"):
        refused(client, f"POST /jobs/{job_id}/{action}?token={TOKEN}", 404)
    item = {"id": job_id.replace("%00", "\0"), "token": TOKEN, "action": "complete"}
    assert call(client, "POST /jobs/report", 200, json=[item]) == [
        {"id": item["id"], "status": 404, "detail": "Job not found"}
    ]


def test_a_reason_may_have_a_character_that_postgresql_does_not_store(client: FlaskClient) -> None:
    job = create(client)
    leased(client)
    call(client, f"POST /jobs/{job['id']}/fail?reason=a%00b", 200)
    assert full(client, job["id"])["result"] == {"reason": "a\0b"}


def test_the_workers_are_those_that_hold_jobs(client: FlaskClient) -> None:
    for _ in range(3):
        create(client)
    leased(client, "&limit=2&worker=mill-3")
    leased(client, token=OTHER)
    found = call(client, "GET /workers", 200)
    assert {(worker["worker"], worker["running"]) for worker in found} == {("mill-3", 2), (None, 1)}
    assert list(found[0]) == ["worker", "running", "oldest_started_at", "heard_at", "lease_expires_at"]


def test_the_shape_is_chosen_by_the_request_and_never_by_the_job(client: FlaskClient) -> None:
    job = create(client, max_attempts=3)
    assert list(job) == FULL
    leased(client)
    assert list(call(client, f"GET /jobs/{job['id']}", 200)) == NINE
    assert [list(each) for each in call(client, "GET /jobs", 200)] == [NINE]
    assert [list(each) for each in call(client, "GET /jobs?full=1", 200)] == [FULL]
    assert [list(each) for each in call(client, "GET /jobs?full=1&status=RUNNING", 200)] == [FULL]
    assert call(client, f"GET /jobs?full=1&status=RUNNING&before={job['id']}", 200) == []
    assert list(full(client, job["id"])) == [*FULL, "attempts"]
    assert list(call(client, f"POST /jobs/{job['id']}/fail", 200)) == NINE


def test_a_finished_job_is_run_again_as_a_new_one(client: FlaskClient) -> None:
    job = create(client, payload={"n": 1}, priority=4)
    assert "PENDING" in refused(client, f"POST /jobs/{job['id']}/retry", 400)
    call(client, f"POST /jobs/{job['id']}/fail", 200)
    again = call(client, f"POST /jobs/{job['id']}/retry", 201)
    assert list(again) == FULL
    assert (again["type"], again["payload"], again["priority"]) == ("t", {"n": 1}, 4)
    assert (again["retry_of"], again["status"]) == (job["id"], "PENDING")
    refused(client, "POST /jobs/nope/retry", 404)
