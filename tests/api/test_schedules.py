"""Jobs for later, jobs that expire, keys and batches of a create."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.api.operation import PROBLEMS_MAX
from dashboard.core.job import NAMESPACE
from dashboard.ops.housekeeper import keep
from tests.support.app import MakeApp
from tests.support.calls import call, refused
from tests.support.leases import check_invariants, leased, pass_time

NINE = 9  # keys of a job that uses nothing of this


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Iterator[Flask]:
    app = make_app(database_url, LEASE_GRACE="0")
    with app.app_context():
        yield app
        check_invariants()


def create(client: FlaskClient, status: int = 201, key: str | None = None, **more: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return call(client, "POST /jobs", status, json={"type": "t", **more}, headers=headers)


def queue(client: FlaskClient) -> tuple[list[str], int]:
    answer = client.get("/jobs/queue")
    return [entry["job_id"] for entry in answer.get_json()], int(answer.headers["X-Total-Count"])


# ---- Later


def test_a_job_for_later_is_pending_and_cannot_be_claimed_until_its_time(app: Flask, client: FlaskClient) -> None:
    later, now = create(client, run_at=60, priority=9), create(client)
    assert call(client, "GET /jobs/summary", 200)["pending"] == 2
    assert queue(client) == ([now["id"]], 1)
    assert call(client, "POST /jobs/claim", 200)["id"] == now["id"]
    refused(client, "POST /jobs/claim", 404)
    pass_time(61)
    assert call(client, "POST /jobs/claim", 200)["id"] == later["id"]


def test_a_job_whose_time_has_come_is_claimed_before_less_urgent_ones_by_warm_queues(
    make_app: MakeApp, database_url: str, app: Flask
) -> None:
    processes = [make_app(database_url, LEASE_GRACE="0").test_client() for _ in range(4)]
    for _ in range(12):
        create(processes[0])
    for client in processes:
        call(client, "POST /jobs/claim", 200)  # now its queue knows the others
    urgent = [create(processes[0], priority=rank, run_at=60)["id"] for rank in (1, 3, 2, 4)]
    pass_time(61)
    claimed = [call(client, "POST /jobs/claim", 200)["id"] for client in processes]
    assert claimed == [urgent[3], urgent[1], urgent[2], urgent[0]]


def test_the_housekeeper_makes_due_jobs_ready_without_a_claim(app: Flask, client: FlaskClient) -> None:
    later = create(client, run_at=60)
    pass_time(61)
    assert keep(app) == 1
    assert queue(client) == ([later["id"]], 1)


@pytest.mark.parametrize("zone", ["", "Z", "+02:00"])
def test_a_time_is_utc_where_it_has_no_zone_and_converted_where_it_has_one(client: FlaskClient, zone: str) -> None:
    soon = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(hours=5)
    local = soon + timedelta(hours=2) if zone == "+02:00" else soon
    assert create(client, run_at=f"{local.isoformat()}{zone}")["run_at"] == soon.isoformat()


@pytest.mark.parametrize("past", ["2020-01-01T00:00:00", 0])
def test_a_time_in_the_past_is_now(client: FlaskClient, past: Any) -> None:
    job = create(client, run_at=past)
    assert job["run_at"] is None
    assert call(client, "POST /jobs/claim", 200)["id"] == job["id"]


# ---- Too late


def test_a_job_that_was_not_begun_in_time_fails(app: Flask, client: FlaskClient) -> None:
    job = create(client, expires_at=60)
    pass_time(61)
    assert "expired" in refused(client, f"POST /jobs/{job['id']}/process", 400)
    call(client, "POST /jobs/claim", 404)
    ended = call(client, f"GET /jobs/{job['id']}", 200)
    assert ended["status"] == "FAILED"
    assert ended["result"]["reason"].startswith("expired 20")
    assert ended["result"]["reason"].endswith(" UTC before anybody began it")


def test_a_job_that_had_a_run_does_not_expire(app: Flask, client: FlaskClient) -> None:
    job = create(client, expires_at=60)
    leased(client)
    call(client, f"POST /jobs/{job['id']}/release?token=a-token-of-16-to-64", 200)
    pass_time(100)
    assert keep(app) == 0
    assert call(client, "POST /jobs/claim", 200)["id"] == job["id"]


def test_more_expired_jobs_than_one_slice_hide_no_other(app: Flask, client: FlaskClient) -> None:
    call(client, "POST /jobs/batch", 201, json=[{"type": "t", "priority": 9, "expires_at": 60}] * 500)
    job = create(client)
    pass_time(61)
    assert call(client, "POST /jobs/claim", 200)["id"] == job["id"]


# ---- Keys


def test_a_repeat_of_a_create_with_a_key_creates_nothing(client: FlaskClient) -> None:
    job = create(client, key="report-2026-01-01", payload={"a": 1, "b": [2.0]})
    assert len(job) == NINE
    assert job["id"] == str(uuid5(NAMESPACE, "\nreport-2026-01-01"))
    again = create(client, 200, key="report-2026-01-01", payload={"b": [2], "a": 1})
    assert again == job
    assert "expires_at" in create(client, 200, key="report-2026-01-01", payload={"a": 1, "b": [2]}, run_at=5)
    call(client, f"POST /jobs/{job['id']}/fail", 200)
    assert create(client, 200, key="report-2026-01-01", payload={"a": 1, "b": [2]})["status"] == "FAILED"


def test_a_key_that_is_a_uuid_is_the_id(client: FlaskClient) -> None:
    key = str(UUID(int=7))
    assert create(client, key=key)["id"] == key


@pytest.mark.parametrize("other", [{"type": "u"}, {"priority": 1}, {"payload": {"a": True}}, {"payload": None}])
def test_a_key_belongs_to_one_content(client: FlaskClient, other: dict[str, Any]) -> None:
    job = create(client, key="k", payload={"a": 1})
    body = {"type": "t", "payload": {"a": 1}} | other
    sentence = refused(client, "POST /jobs", 409, json=body, headers={"Idempotency-Key": "k"})
    assert sentence == f"This Idempotency-Key belongs to another job, {job['id']}, of other content"


@pytest.mark.parametrize("key", ["x" * 256, "", "a b", "ä"])
def test_a_key_is_visible_ascii_of_at_most_255_characters(client: FlaskClient, key: str) -> None:
    sent = {"Idempotency-Key": key.encode().decode("latin-1")}
    problems = refused(client, "POST /jobs", 422, json={"type": "t"}, headers=sent)
    assert problems[0]["loc"] == ["header", "Idempotency-Key"]


def test_each_token_has_keys_of_its_own(make_app: MakeApp, app: Flask, database_url: str) -> None:
    clients = []
    for name in ("one", "two"):
        clients.append(make_app(database_url, TOKENS=f"{name}:operator:{name * 8}").test_client())
        clients[-1].environ_base["HTTP_AUTHORIZATION"] = f"Bearer {name * 8}"
    assert [create(client, key="k")["id"] for client in clients] == [
        str(uuid5(NAMESPACE, f"{name}\nk")) for name in ("one", "two")
    ]


# ---- Batches


def test_a_batch_creates_all_in_their_order(client: FlaskClient) -> None:
    items: list[dict[str, Any]] = [{"type": f"t{number}", "payload": {"n": number}} for number in range(1_000)]
    items[3]["max_attempts"] = 2
    jobs = call(client, "POST /jobs/batch", 201, json=items)
    assert [job["type"] for job in jobs] == [item["type"] for item in items]
    assert [len(job) for job in jobs[2:5]] == [NINE, NINE + 9, NINE]
    assert queue(client)[0][:10] == [job["id"] for job in jobs[:10]]


def test_a_batch_with_one_bad_item_creates_none_and_names_every_fault(client: FlaskClient) -> None:
    items: list[Any] = [{"type": "t"}, {"type": ""}, {"type": "t", "priority": -1}, 7]
    problems = refused(client, "POST /jobs/batch", 422, json=items)
    assert [problem["loc"] for problem in problems] == [["body", 1, "type"], ["body", 2, "priority"], ["body", 3]]


def test_a_refusal_of_a_batch_tells_a_thousand_faults_at_the_most(client: FlaskClient) -> None:
    problems = refused(client, "POST /jobs/batch", 422, json=[{"type": "", "priority": -1}] * 1_000)
    assert len(problems) == PROBLEMS_MAX


@pytest.mark.parametrize("count", [0, 1_001])
def test_a_batch_is_1_to_1_000_jobs(client: FlaskClient, count: int) -> None:
    refused(client, "POST /jobs/batch", 422, json=[{"type": "t"}] * count)


def test_a_repeat_of_a_batch_with_a_key_creates_nothing(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "b"}
    items = [{"type": "t", "priority": number} for number in range(3)]
    jobs = call(client, "POST /jobs/batch", 201, json=items, headers=headers)
    assert jobs[1]["id"] == str(uuid5(NAMESPACE, "batch\n\nb\n1"))
    assert call(client, "POST /jobs/batch", 200, json=items, headers=headers) == jobs
    for others in (items[:2], [*items, items[0]], [items[0], items[0], items[2]]):
        refused(client, "POST /jobs/batch", 409, json=others, headers=headers)


# ---- Every word out of its range, twice, or of the wrong form

BAD_QUERIES = {
    "POST /jobs/claim": (
        "lease=0 lease=86401 lease=x lease= lease=1.5 lease=60&lease=60 limit=0 limit=101 wait=-1 wait=26 wait=nan "
        "wait=inf worker= worker=%00 attempts=0 attempts=101 type= type=%00 wait=1&wait=1"
    ),
    "POST /jobs/nope/process": "lease=0 worker= attempts=0",
    "POST /jobs/nope/heartbeat": "token= token=short token=a-token-of-16-to-64&lease=0 lease=60",
    "POST /jobs/nope/complete": "token=short token=a-token-of-16%20to-64",
    "POST /jobs/nope/fail": (
        "token=short retry_in=1 token=a-token-of-16-to-64&retry_in=-1 token=a-token-of-16-to-64&retry_in=2592001 "
        "token=a-token-of-16-to-64&retry_in=soon token=a-token-of-16-to-64&retry_in=nan"
    ),
    "POST /jobs/nope/release": "x token=a-token-of-16-to-64&in=-1 token=a-token-of-16-to-64&in=1e30",
    "POST /jobs/release": "x token=short",
    "GET /jobs/nope": "wait=26 full=2",
    "GET /jobs": "full=yes",
}


@pytest.mark.parametrize(
    ("line", "query"), [(line, query) for line, each in BAD_QUERIES.items() for query in each.split()]
)
def test_a_query_out_of_its_range_is_refused(client: FlaskClient, line: str, query: str) -> None:
    create(client)
    problems = refused(client, f"{line}?{query}", 422)
    assert problems[0]["loc"][0] == "query"


def test_a_retry_without_a_token_is_the_query_value_s_fault(client: FlaskClient) -> None:
    problems = refused(client, "POST /jobs/nope/fail?retry_in=never", 422)
    assert [problem["loc"] for problem in problems] == [["query", "retry_in"]]


def test_a_whole_number_in_a_body_may_have_a_point(client: FlaskClient) -> None:
    assert create(client, max_attempts=3.0)["max_attempts"] == 3


def test_what_no_word_of_the_call_names_is_passed_over(client: FlaskClient) -> None:
    job = create(client)
    claimed = client.post("/jobs/claim?retry_in=soon&in=x&token=x&full=9", data="no JSON", content_type="text/plain")
    assert (claimed.status_code, list(claimed.get_json())) == (200, list(job))


def test_at_most_20_types_of_100_characters_are_asked_for(client: FlaskClient) -> None:
    refused(client, "POST /jobs/claim?" + "&".join(f"type=t{number}" for number in range(21)), 422)
    refused(client, f"POST /jobs/claim?type={'x' * 101}", 422)


@pytest.mark.parametrize("key", ["short", "x" * 65, "with a space in it", "ümlaut-of-sixteen"])
def test_with_a_lease_a_key_has_the_form_of_a_token(client: FlaskClient, key: str) -> None:
    sent = {"Idempotency-Key": key.encode().decode("latin-1")}
    problems = refused(client, "POST /jobs/claim?lease=60", 422, headers=sent)
    assert problems[0]["loc"] == ["header", "Idempotency-Key"]


TIMES = [-1, -1e30, 315_360_001, True, "soon", "2026-01-01", "9999-12-31T23:59:59", "2026-02-30T00:00:00", [], {}, "1"]


@pytest.mark.parametrize("word", ["run_at", "expires_at"])
@pytest.mark.parametrize("time", TIMES, ids=repr)
def test_a_time_is_seconds_from_now_or_a_full_date_within_ten_years(client: FlaskClient, word: str, time: Any) -> None:
    problems = refused(client, "POST /jobs", 422, json={"type": "t", word: time})
    assert problems[0]["loc"] == ["body", word]


@pytest.mark.parametrize("body", ['{"type": "t", "run_at": NaN}', '{"type": "t", "run_at": 1e999}'])
def test_a_number_that_is_none_is_no_time(client: FlaskClient, body: str) -> None:
    refused(client, "POST /jobs", 422, data=body, content_type="application/json")


@pytest.mark.parametrize("attempts", [0, 101, 1.5, "3", True])
def test_attempts_are_1_to_100(client: FlaskClient, attempts: Any) -> None:
    problems = refused(client, "POST /jobs", 422, json={"type": "t", "max_attempts": attempts})
    assert problems[0]["loc"] == ["body", "max_attempts"]


ITEM = {"id": "x", "token": "a-token-of-16-to-64", "action": "complete"}


@pytest.mark.parametrize(
    "item",
    [
        {},
        7,
        ITEM | {"token": "short"},
        ITEM | {"action": "claim"},
        ITEM | {"reason": "of a complete"},
        ITEM | {"action": "heartbeat", "progress": 101},
        ITEM | {"action": "heartbeat", "message": "x" * 201},
        ITEM | {"action": "heartbeat", "lease": 0},
        ITEM | {"action": "release", "in": -1},
        ITEM | {"action": "release", "in": "5"},
        ITEM | {"action": "fail", "retry_in": "soon"},
        ITEM | {"action": "fail", "retry_in": "30"},
        ITEM | {"action": "fail", "retry_in": True},
    ],
)
def test_an_item_of_a_report_of_another_form_is_refused(client: FlaskClient, item: Any) -> None:
    problems = refused(client, "POST /jobs/report", 422, json=[ITEM | {"id": "y"}, item])
    assert problems[0]["loc"][:2] == ["body", 1]


@pytest.mark.parametrize(
    "body", [{"progress": 101}, {"progress": "5"}, {"progress": 1.5}, {"message": "x" * 201}, {"x": 1}]
)
def test_a_heartbeat_s_body_out_of_its_range_is_refused(client: FlaskClient, body: Any) -> None:
    refused(client, "POST /jobs/nope/heartbeat?token=a-token-of-16-to-64", 422, json=body)


def test_a_head_answers_as_a_get_and_options_name_the_methods(client: FlaskClient) -> None:
    job = create(client)
    for path in ("/workers", f"/jobs/{job['id']}?full=1"):
        head = client.head(path)
        assert (head.status_code, head.data, head.mimetype) == (200, b"", "application/json")
    for path, methods in {"/jobs/claim": "OPTIONS POST", "/workers": "GET HEAD OPTIONS"}.items():
        assert sorted(client.options(path).headers["Allow"].split(", ")) == methods.split()


@pytest.mark.parametrize("name", ["batch", "report", "release"])
def test_the_words_of_the_new_calls_name_no_job(client: FlaskClient, name: str) -> None:
    refused(client, f"GET /jobs/{name}", 404)
