"""The JSON contract, sentence by sentence, through Flask's test client on both databases."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dashboard.core.job import JobStatus
from dashboard.core.transitions import JOB_ACTIONS, TRANSITIONS, Action
from dashboard.database.transactions import writing
from dashboard.store import jobs as job_store
from tests.support.app import MakeApp
from tests.support.calls import as_json, call, parsed, refused
from tests.support.factory import EXAMPLE, UNKNOWN, make_job, make_many

KEYS = ["id", "type", "payload", "priority", "status", "result", "created_at", "started_at", "completed_at"]


def test_a_created_job_has_nine_keys_in_order_and_what_was_sent(client: FlaskClient) -> None:
    job = call(client, "POST /jobs", 201, json=EXAMPLE)
    assert list(job) == KEYS
    assert job == EXAMPLE | {
        "id": str(UUID(job["id"])),
        "status": "PENDING",
        "result": None,
        "created_at": job["created_at"],
        "started_at": None,
        "completed_at": None,
    }
    assert call(client, f"GET /jobs/{job['id']}", 200) == job
    assert call(client, "GET /jobs", 200) == [job]


@pytest.mark.parametrize("left_out", [{}, {"payload": None}, {"priority": None}, {"payload": None, "priority": None}])
def test_payload_and_priority_may_be_left_out_or_null(client: FlaskClient, left_out: dict[str, None]) -> None:
    job = call(client, "POST /jobs", 201, json={"type": "report", **left_out})
    assert (job["payload"], job["priority"]) == (None, 0)


def test_a_life_is_process_then_complete_and_every_answer_is_the_job_as_it_is_then(client: FlaskClient) -> None:
    path = f"/jobs/{call(client, 'POST /jobs', 201, json=EXAMPLE)['id']}"
    started = call(client, f"POST {path}/process", 200)
    assert started == call(client, f"GET {path}", 200)
    assert (started["status"], started["completed_at"]) == ("RUNNING", None)
    done = call(client, f"POST {path}/complete", 200, json={"result": {"message": "ok"}})
    assert done == call(client, f"GET {path}", 200)
    assert list(started) == list(done) == KEYS
    assert done == started | {
        "status": "COMPLETED",
        "result": {"message": "ok"},
        "completed_at": done["completed_at"],
    }
    assert done["created_at"] <= done["started_at"] <= done["completed_at"]


@pytest.mark.parametrize("sent", [{}, as_json(""), as_json("null"), as_json("{}"), as_json('{"result": null}')])
def test_a_result_or_the_whole_body_may_be_left_out(client: FlaskClient, sent: dict[str, Any]) -> None:
    job = make_job(JobStatus.RUNNING)
    assert call(client, f"POST /jobs/{job.id}/complete", 200, **sent)["result"] is None


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
@pytest.mark.parametrize(
    ("query", "result"),
    [("", None), ("?reason=broken", {"reason": "broken"}), ("?reason=%00%F0%9F%98%80", {"reason": "\0😀"})],
)
def test_a_failed_job_has_its_reason_as_result(
    client: FlaskClient, status: JobStatus, query: str, result: dict[str, str] | None
) -> None:
    job = make_job(status)
    failed = call(client, f"POST /jobs/{job.id}/fail{query}", 200)
    assert (failed["status"], failed["result"]) == ("FAILED", result)
    assert failed["created_at"] <= failed["completed_at"]
    assert call(client, f"GET /jobs/{job.id}", 200) == failed


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("action", [Action.CLAIM, *JOB_ACTIONS])
def test_an_action_answers_with_the_moved_job_or_says_the_status_that_forbids_it(
    client: FlaskClient, action: Action, status: JobStatus
) -> None:
    job = make_job(status)
    line = "POST /jobs/claim" if action is Action.CLAIM else f"POST /jobs/{job.id}/{action}"
    if status in TRANSITIONS[action].sources:
        moved = call(client, line, 200)
        assert list(moved) == KEYS
        assert (moved["id"], moved["status"]) == (job.id, TRANSITIONS[action].target)
    elif action is Action.CLAIM:
        assert refused(client, line, 404) == "No pending jobs"
    else:
        assert f"is {status}" in refused(client, line, 400)


def test_a_claim_takes_the_highest_priority_first_and_of_those_the_oldest(client: FlaskClient) -> None:
    jobs = [make_job(priority=priority) for priority in (0, 5, 1, 5)]
    claimed = [call(client, "POST /jobs/claim", 200)["id"] for _ in jobs]
    assert claimed == [jobs[place].id for place in (1, 3, 2, 0)]
    assert refused(client, "POST /jobs/claim", 404) == "No pending jobs"


def test_a_list_is_newest_first_and_can_be_of_one_status(client: FlaskClient) -> None:
    jobs = [make_job(status) for status in [*JobStatus, *JobStatus]][::-1]
    assert [job["id"] for job in call(client, "GET /jobs", 200)] == [job.id for job in jobs]
    for status in JobStatus:
        found = call(client, f"GET /jobs?status={status}&limit=1000", 200)
        assert [job["id"] for job in found] == [job.id for job in jobs if job.status == status]


def test_a_list_has_a_hundred_jobs_or_as_many_as_asked_for_up_to_a_thousand(client: FlaskClient) -> None:
    newest = make_many(1_001)[::-1]
    for query, count in (("", 100), ("?limit=1", 1), ("?limit=1000", 1_000)):
        assert [job["id"] for job in call(client, f"GET /jobs{query}", 200)] == newest[:count]


@pytest.mark.parametrize("status", [None, JobStatus.RUNNING])
def test_a_list_goes_on_from_the_last_job_of_the_page_before(client: FlaskClient, status: JobStatus | None) -> None:
    jobs = [make_job(each).id for each in [JobStatus.RUNNING, JobStatus.PENDING] * 4][::-1]
    jobs = jobs[1::2] if status else jobs
    query = f"limit=3{f'&status={status}' if status else ''}"
    found: list[str] = []
    while page := call(client, f"GET /jobs?{query}{f'&before={found[-1]}' if found else ''}", 200):
        make_job(JobStatus.RUNNING)  # what comes meanwhile moves no page
        found += [job["id"] for job in page]
    assert found == jobs


def test_the_queue_shows_a_thousand_entries_in_claim_order_and_counts_all(client: FlaskClient) -> None:
    ids = make_many(1_001)
    for query, count in (("", 1_000), ("?limit=1000", 1_000), ("?limit=3", 3)):
        answer = client.get(f"/jobs/queue{query}")
        assert answer.headers["X-Total-Count"] == "1001"
        assert [entry["job_id"] for entry in parsed(answer)] == (ids[1::2] + ids[::2])[:count]


def test_an_entry_of_the_queue_is_a_job_s_id_priority_and_age(client: FlaskClient) -> None:
    assert call(client, "GET /jobs/queue", 200) == []
    job = call(client, "POST /jobs", 201, json=EXAMPLE)
    (entry,) = call(client, "GET /jobs/queue", 200)
    assert list(entry.items()) == [("job_id", job["id"]), ("priority", 5), ("created_at", job["created_at"])]


def test_failing_a_pending_job_leaves_a_stale_entry_that_a_claim_skips(make_app: MakeApp, sqlite_url: str) -> None:
    client = make_app(sqlite_url).test_client()
    _, stale, live = (call(client, "POST /jobs", 201, json={"type": "t", "priority": rank})["id"] for rank in (2, 1, 0))
    call(client, "POST /jobs/claim", 200)  # takes the first, and the others into the queue
    before = call(client, "GET /jobs/queue", 200)
    call(client, f"POST /jobs/{stale}/fail", 200)
    assert call(client, "GET /jobs/queue", 200) == before
    assert call(client, "POST /jobs/claim", 200)["id"] == live
    assert call(client, "GET /jobs/queue", 200) == []


def test_a_claim_skips_a_job_that_was_called_off(client: FlaskClient) -> None:
    jobs = [make_job(priority=priority) for priority in (2, 1)]
    call(client, "GET /jobs/queue", 200)
    call(client, f"POST /jobs/{jobs[0].id}/fail", 200)
    assert call(client, "POST /jobs/claim", 200)["id"] == jobs[1].id
    refused(client, "POST /jobs/claim", 404)


def test_the_summary_counts_the_jobs_of_each_status(client: FlaskClient) -> None:
    assert call(client, "GET /jobs/summary", 200) == {"pending": 0, "running": 0, "completed": 0, "failed": 0}
    for count, status in enumerate(JobStatus, start=1):
        for _ in range(count):
            make_job(status)
    summary = call(client, "GET /jobs/summary", 200)
    assert list(summary.items()) == [("pending", 1), ("running", 2), ("completed", 3), ("failed", 4)]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2026, 1, 1, 12), "2026-01-01T12:00:00"),
        (datetime(2026, 1, 1, 12, 0, 0, 120_000), "2026-01-01T12:00:00.120000"),
        (datetime(2026, 1, 1, 12, 0, 0, 123_456), "2026-01-01T12:00:00.123456"),
    ],
)
def test_a_time_has_no_zone_and_microseconds_if_there_are_any(client: FlaskClient, time: datetime, text: str) -> None:
    with writing() as tx:
        job = job_store.insert(tx, id=str(uuid4()), type="job", payload=None, priority=0, now=time)
    assert call(client, f"GET /jobs/{job.id}", 200)["created_at"] == text
    assert call(client, "GET /jobs/queue", 200)[0]["created_at"] == text


def test_a_time_is_utc(client: FlaskClient) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    created = datetime.fromisoformat(call(client, "POST /jobs", 201, json=EXAMPLE)["created_at"])
    assert before <= created <= datetime.now(UTC).replace(tzinfo=None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values), st.text(min_size=1, max_size=100).map(lambda t: t.replace("\0", "0")))
@example({"": [10**4_299, -(2**63), 5e-324, -0.0, 1.0, 1], "\0": "\0\x7f\u2028\ufffe😀"}, "😀" * 100)
@example({"payload": json.loads("[" * 150 + "]" * 150)}, "x" * 100)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_what_is_stored_reads_back_equal(client: FlaskClient, value: dict[str, Any], name: str) -> None:
    sent = {"type": name, "payload": value}
    path = f"/jobs/{call(client, 'POST /jobs', 201, **as_json(json.dumps(sent)))['id']}"
    call(client, f"POST {path}/process", 200)
    call(client, f"POST {path}/complete", 200, **as_json(json.dumps({"result": value}, ensure_ascii=False)))
    job = call(client, f"GET {path}", 200)
    assert json.dumps([job["type"], job["payload"], job["result"]]) == json.dumps([name, value, value])


@pytest.mark.parametrize("name", ["x", "x" * 100, "😀" * 100, " ", "\t\n"])
def test_a_type_has_1_to_100_characters(client: FlaskClient, name: str) -> None:
    assert call(client, "POST /jobs", 201, json={"type": name})["type"] == name


def test_a_priority_is_as_large_as_its_column(client: FlaskClient) -> None:
    assert call(client, "POST /jobs", 201, json={"type": "t", "priority": 2**31 - 1})["priority"] == 2**31 - 1


NO_OBJECTS = [
    *rb'NaN Infinity -Infinity 1e999 [] [{}] "{}" 5 true {"a":NaN} {"a":Infinity} {"a":-Infinity} {"a":1e999}'.split(),
    *rb'{"a":[-1e999]} {"a":"\ud800"} {"a":"\ud800x"} {"a":"\udc00\ud800"} {"\udfff":1} {"a":1,"\u0061":2}'.split(),
    *(b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\0"}', b'{"a":%s}' % (b"9" * 5_000)),
    *(b'{"a":%s}' % (b"[" * 100_000 + b"]" * 100_000), b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
]
NO_PRIORITIES = b'NaN Infinity -Infinity 1e999 true 1.5 "5" -1 2147483648 9223372036854775808 [] {}'.split()
NO_TYPES = rb'"" 5 1.5 true null [] ["t"] {} NaN "\u0000" "a\u0000b" "\ud800" "\udc00"'.split()
NO_BODIES = [
    *rb'{} [] [{"type":"t"}] 5 "t" null true NaN { {"type":"t"}} {"type":"t"}x {"Type":"t"} {"type":"t","x":1}'.split(),
    *rb'{"type":"t","\u0000":1} {"type":"t","\ud800":1} {"type":"t","id":"1"} {"type":"t","type":"t"}'.split(),
    *(b"", b" ", b"\xff", b"\0", b'{"type":"\xff"}', b"{'type':'t'}", b"[" * 100_000, b'{"type":"t"}\0'),
    *(b'{"type":%s}' % name for name in (*NO_TYPES, b'"%s"' % (b"x" * 101))),
    *(b'{"type":"t","priority":%s}' % number for number in (*NO_PRIORITIES, b"9" * 5_000, b"9" * 4_300)),
]


def beginning(value: bytes | str) -> str:
    return ascii(value[:40])


@pytest.mark.parametrize("body", NO_BODIES, ids=beginning)
def test_a_body_of_another_form_is_refused(client: FlaskClient, body: bytes) -> None:
    assert refused(client, "POST /jobs", 422, **as_json(body))[0]["loc"][0] == "body"


@pytest.mark.parametrize("value", NO_OBJECTS, ids=beginning)
def test_what_is_no_json_object_is_refused_as_payload_and_as_result(client: FlaskClient, value: bytes) -> None:
    complete = f"POST /jobs/{make_job(JobStatus.RUNNING).id}/complete"
    assert refused(client, "POST /jobs", 422, **as_json(b'{"type":"t","payload":%s}' % value))[0]["loc"][0] == "body"
    assert refused(client, complete, 422, **as_json(b'{"result":%s}' % value))[0]["loc"][0] == "body"


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "NaN", "{", '{"x": 1}', '{"result": {}, "reason": "x"}', " "])
def test_a_job_is_not_completed_by_a_body_of_another_form(client: FlaskClient, body: str) -> None:
    job = make_job(JobStatus.RUNNING)
    assert refused(client, f"POST /jobs/{job.id}/complete", 422, **as_json(body))[0]["loc"][0] == "body"


@pytest.mark.parametrize(
    "query",
    [
        *(f"limit={value}" for value in ("0", "1001", "-1", "abc", "", "1.5", "1e2", "NaN", "%00", "%ff", "9" * 5_000)),
        *(f"status={value}" for value in ("pending", "", "LOST", "PENDING%00", "%ff", "%ed%a0%80")),
        *("limit=1&limit=2", "status=PENDING&status=RUNNING", f"before={UNKNOWN}&before={UNKNOWN}"),
    ],
    ids=beginning,
)
def test_a_query_of_another_form_is_refused(client: FlaskClient, query: str) -> None:
    assert refused(client, f"GET /jobs?{query}", 422)[0]["loc"][0] == "query"
    if query.startswith("limit"):
        assert refused(client, f"GET /jobs/queue?{query}", 422)[0]["loc"][0] == "query"


@pytest.mark.parametrize("query", ["reason=%ff", "reason=%ed%a0%80", "reason=%c0%80", "reason=a&reason=b"])
def test_a_reason_that_is_no_text_is_refused(client: FlaskClient, query: str) -> None:
    assert refused(client, f"POST /jobs/{make_job().id}/fail?{query}", 422)[0]["loc"][0] == "query"


# Each with the id of a job in its place; none is that id.
NO_IDS = [
    *(UNKNOWN, "nonexistent-id", "1", "claimed", "queue.", "%00", "%ff", "%c3%28", "%ed%a0%80", "%0a", "x" * 7_000),
    *("urn:uuid:{id}", "%7B{id}%7D", "{upper}", "{hex}", "{id}0", "{id}%00", "%00{id}", "{id}%0a", "{id} ", "{id}%ff"),
]


@pytest.mark.parametrize("text", NO_IDS, ids=beginning)
def test_an_id_that_names_no_job_is_404_whatever_it_looks_like(client: FlaskClient, text: str) -> None:
    job_id = make_job().id
    other = text.format(id=job_id, upper=job_id.upper(), hex=job_id.replace("-", ""))
    for line in (
        *(f"GET /jobs/{other}", f"GET /jobs?before={other}"),
        *(f"POST /jobs/{other}/{action}" for action in JOB_ACTIONS),
    ):
        assert refused(client, line, 404) == "Job not found"


@pytest.mark.parametrize("before", ["", "claim", "/", "a/b"])
def test_a_list_cannot_go_on_from_what_no_path_could_name(client: FlaskClient, before: str) -> None:
    assert refused(client, f"GET /jobs?before={before}", 404) == "Job not found"


@pytest.mark.parametrize("raw", ["\xff\xfe", "\xed\xa0\x80", "a\0b"])
def test_bytes_in_a_path_that_are_no_text_name_no_job(client: FlaskClient, raw: str) -> None:
    make_job()
    sent = {"environ_overrides": {"PATH_INFO": f"/jobs/{raw}"}}  # as a server hands them on
    assert refused(client, "GET /jobs/x", 404, **sent) == "Job not found"
    sent = {"environ_overrides": {"QUERY_STRING": f"before={raw}"}}
    assert refused(client, "GET /jobs", 404, **sent) == "Job not found"


@pytest.mark.parametrize("line", ["GET /jobs//", "POST /jobs/a/b", f"POST /jobs/{UNKNOWN}/claim", "GET /jobs/a/b/c%ff"])
def test_an_unknown_path_under_jobs_is_404_as_json(client: FlaskClient, line: str) -> None:
    refused(client, line, 404)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("PUT /jobs", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("GET /jobs/claim", {"OPTIONS", "POST"}),
        ("DELETE /jobs/claim", {"OPTIONS", "POST"}),
        ("POST /jobs/queue", {"GET", "HEAD", "OPTIONS"}),
        ("POST /jobs/summary", {"GET", "HEAD", "OPTIONS"}),
        (f"PUT /jobs/{UNKNOWN}", {"DELETE", "GET", "HEAD", "OPTIONS"}),
        (f"GET /jobs/{UNKNOWN}/process", {"OPTIONS", "POST"}),
        (f"PATCH /jobs/{UNKNOWN}/complete", {"OPTIONS", "POST"}),
        (f"GET /jobs/{UNKNOWN}/fail", {"OPTIONS", "POST"}),
        ("POST /openapi.json", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_and_told_which_are_allowed(client: FlaskClient, line: str, allowed: set[str]) -> None:
    refused(client, line, 405)
    method, path = line.split()
    assert set(client.open(path, method=method).headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("mimetype", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"])
def test_a_body_of_another_content_type_is_415(client: FlaskClient, mimetype: str) -> None:
    job = make_job(JobStatus.RUNNING)
    refused(client, "POST /jobs", 415, data='{"type": "t"}', content_type=mimetype)
    refused(client, f"POST /jobs/{job.id}/complete", 415, data="{}", content_type=mimetype)


def test_a_body_past_a_million_bytes_is_413(client: FlaskClient) -> None:
    call(client, "POST /jobs", 201, **as_json('{"type": "t"}'.ljust(1_000_000)))
    refused(client, "POST /jobs", 413, **as_json('{"type": "t"}'.ljust(1_000_001)))
    refused(client, f"POST /jobs/{make_job(JobStatus.RUNNING).id}/complete", 413, **as_json("{}".ljust(1_000_001)))


@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "abc", "1e3", "٣", "1 2"])
@pytest.mark.parametrize("line", ["POST /jobs", "POST /jobs/claim", "GET /jobs"])
def test_a_content_length_that_is_no_number_of_bytes_is_400(client: FlaskClient, line: str, length: str) -> None:
    make_job()
    sent = as_json('{"type": "t"}') | {"environ_overrides": {"CONTENT_LENGTH": length}}
    assert "Content-Length" in refused(client, line, 400, **sent)


def test_a_body_that_is_too_long_is_told_the_limit_and_its_setting(make_app: MakeApp, sqlite_url: str) -> None:
    client = make_app(sqlite_url, MAX_BODY_BYTES="2000").test_client()
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    for environ in ({}, chunked, {"CONTENT_LENGTH": "9" * 30}):
        sent = as_json('{"type": "t"}'.ljust(2_001)) | {"environ_overrides": environ}
        detail = refused(client, "POST /jobs", 413, **sent)
        assert "2,000 bytes" in detail
        assert "MAX_BODY_BYTES" in detail
    assert "MAX_BODY_BYTES" in client.post("/dashboard/jobs/new", data={"type": "t" * 2_000}).text


@pytest.mark.parametrize("body", ['{"type": "t"}', '{"type": "\ufeff"}', ' {"type": "t"}'])
def test_a_body_may_begin_with_a_byte_order_mark(client: FlaskClient, body: str) -> None:
    job = call(client, "POST /jobs", 201, **as_json(("\ufeff" + body).encode()))
    assert job["type"] == json.loads(body)["type"]
    call(client, f"POST /jobs/{job['id']}/process", 200)
    done = call(client, f"POST /jobs/{job['id']}/complete", 200, **as_json("\ufeff{}".encode()))
    assert done["result"] is None


@pytest.mark.parametrize("body", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf{}", b"{}\xef\xbb\xbf", b"\xfe\xff{}"])
def test_a_byte_order_mark_is_no_body(client: FlaskClient, body: bytes) -> None:
    refused(client, f"POST /jobs/{make_job(JobStatus.RUNNING).id}/complete", 422, **as_json(body))


ACCEPTS_JSON = ["application/json", "application/json, text/plain, */*", "text/html;q=0.5, application/json"]
ACCEPTS_PAGES = [
    None,
    "*/*",
    "text/html",
    "text/html,application/xhtml+xml,*/*;q=0.8",
    "application/json;q=0.5, text/html",
]


@pytest.mark.parametrize(
    "path", ["/nothing", "/dashboard/nothing", "/dashboard/jobs/nothing", "/job", "/static/nothing"]
)
def test_a_refusal_is_json_for_a_client_that_asks_for_json(client: FlaskClient, path: str) -> None:
    for for_json in ACCEPTS_JSON:
        refused(client, f"GET {path}", 404, headers={"Accept": for_json})
    for accept in ACCEPTS_PAGES:
        answer = client.get(path, headers={} if accept is None else {"Accept": accept})
        assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_a_body_that_breaks_off_is_400_and_creates_nothing(client: FlaskClient) -> None:
    refused(client, "POST /jobs", 400, **as_json('{"type": "t"}'), environ_overrides={"CONTENT_LENGTH": "20"})
    assert client.get("/jobs").get_json() == []


def test_head_is_answered_as_get_without_the_body(client: FlaskClient) -> None:
    for path in ("/jobs", "/jobs/summary", f"/jobs/{UNKNOWN}"):
        got, head = (call(path, headers={"X-Request-ID": "same"}) for call in (client.get, client.head))
        assert (head.status_code, head.headers, head.data) == (got.status_code, got.headers, b"")


def test_a_streamed_body_past_a_million_bytes_is_413(client: FlaskClient) -> None:
    # As a server hands it on.
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    body = '{"type": "t"}'
    call(client, "POST /jobs", 201, **as_json(body.ljust(1_000_000)), environ_overrides=chunked)
    refused(client, "POST /jobs", 413, **as_json(body.ljust(1_000_001)), environ_overrides=chunked)


def test_what_is_wrong_is_told_as_pydantic_tells_it_all_of_it_at_once(client: FlaskClient) -> None:
    assert refused(client, "POST /jobs", 422, json={"priority": -1, "x": [1]}) == [
        {"type": "missing", "loc": ["body", "type"], "msg": "Field required", "input": {"priority": -1, "x": [1]}},
        {
            "type": "greater_than_equal",
            "loc": ["body", "priority"],
            "msg": "Input should be greater than or equal to 0",
            "input": -1,
        },
        {"type": "extra_forbidden", "loc": ["body", "x"], "msg": "Extra inputs are not permitted", "input": [1]},
    ]
