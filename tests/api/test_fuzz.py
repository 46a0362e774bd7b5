"""Whatever is sent: never a 5xx, nothing stored when it is refused, and what is stored reads back equal."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar
from urllib.parse import quote_from_bytes, urlsplit

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from dashboard.core.job import JobStatus
from dashboard.core.run import WAIT_MAX
from dashboard.database.transactions import reading
from dashboard.store import counts
from tests.support.app import MakeApp
from tests.support.calls import as_json
from tests.support.factory import make_job

pytestmark = pytest.mark.hypothesis

SEED = 20_260_101
MOVES = [f"POST /jobs/{{job_id}}/{action}" for action in ("process", "complete", "fail", "retry")]
MOVES += ["DELETE /jobs/{job_id}"]
OPERATIONS = {
    *("POST /jobs", "GET /jobs", "GET /jobs/queue", "GET /jobs/summary", "GET /jobs/{job_id}", "POST /jobs/claim"),
    *("POST /jobs/{job_id}/heartbeat", "POST /jobs/{job_id}/release", "POST /jobs/release", "GET /workers", *MOVES),
    *("POST /jobs/batch", "POST /jobs/bulk", "POST /jobs/report", "GET /jobs/export"),
    *("GET /activity", "POST /queue/pause", "POST /queue/resume"),
}
# Every check that schemathesis has, but for what the contract says otherwise.
CONFIG = {
    "seed": SEED,
    "cache": {"enabled": False},  # what an earlier run found would make this one another
    "generation": {"max-examples": 15, "database": "none"},
    "operations": [
        # A request of the right form is 400 where the job's status forbids it.
        *(
            {
                "include-name": line,
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": ["200", "201", "204", "400", "404", "409"]}
                },
            }
            for line in MOVES
        ),
        # A GET of these is that of the job of this name, and 404: so their Allow has GET, too.
        *(
            {"include-name": f"POST /jobs/{name}", "checks": {"allow_header_conformance": {"enabled": False}}}
            for name in ("batch", "bulk", "report", "release")
        ),
    ],
}


@schemathesis.hook("before_call")
def soon(_context: object, case: Any, _kwargs: object) -> None:
    """Wait no longer than a moment: what is tried is the form."""
    wait = case.query.get("wait") if isinstance(case.query, dict) else None
    if isinstance(wait, int | float) and 0 < wait <= WAIT_MAX:
        case.query = case.query | {"wait": 0.01}


def is_told(_context: object, case: Any) -> bool:
    """Whether the document can tell that the case is right or wrong: not that a date exists and is ten years ahead at
    the most, that retry_in goes with a token, that an id stands once, that a key has a form only with a lease, and that
    null is taken for no body."""
    query = case.query if isinstance(case.query, dict) else {}
    if case.body is None:
        return False
    body = case.body if isinstance(case.body, list) else [case.body]
    items = [item for item in body if isinstance(item, dict)]
    ids = [item["id"] for item in items if isinstance(item.get("id"), str)]
    filters = [query, *(item["filter"] for item in items if isinstance(item.get("filter"), dict))]
    if any(word in each for each in filters for word in ("since", "until")):
        return False
    if ("retry_in" in query and "token" not in query) or len(set(ids)) < len(ids):
        return False
    if case.operation.label.endswith(("/claim", "/process")) and "lease" not in query:
        return "Idempotency-Key" not in (case.headers or {})
    return not any(isinstance(item.get(word), str) for item in items for word in ("run_at", "expires_at"))


def test_schemathesis_finds_nothing(app: Flask) -> None:
    print(f"schemathesis has the seed {SEED}")
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=SchemathesisConfig.from_dict(CONFIG))
    schema.hook("filter_case")(is_told)

    @schema.hook("after_call")
    def go_on(_context: object, case: Any, _response: object) -> None:
        """A pause would refuse every claim after it."""
        if case.operation.label == "POST /queue/pause":
            app.test_client().post("/queue/resume")

    answered: Counter[tuple[str, int]] = Counter()
    found = []
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            record = event.recorder
            for case_id, interaction in record.interactions.items():
                if interaction.response is not None:
                    answered[record.cases[case_id].value.operation.label, interaction.response.status_code] += 1
            failures = (check.failure_info for checks in record.checks.values() for check in checks)
            found += [f"{failure.failure.title}: {failure.code_sample}" for failure in failures if failure]
    assert found == []
    assert {line for line, _ in answered} == OPERATIONS
    assert {line for line, status in answered if status < 300} == OPERATIONS
    assert {status for _, status in answered} >= {200, 201, 400, 404, 405, 409, 422}
    assert sum(answered.values()) > 300


# ---- The document and the service agree on what is of the right form


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.text(), values, max_size=3)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=8)


TIMES = ("2026-01-01T12:00:00", "2026-01-01 12:00Z", "2026-13-01T12:00", "2026-01-01", "2026-01-01T24:00", "soon")
LATER = st.floats(-1, 4e8) | st.sampled_from(TIMES) | SCALARS
NEARLY_JOBS = st.fixed_dictionaries(
    {"type": st.text(max_size=101) | SCALARS},
    optional={
        "payload": VALUES,
        "priority": st.integers(-1, 2**31) | SCALARS,
        "run_at": LATER,
        "expires_at": LATER,
        "max_attempts": st.integers(0, 101) | SCALARS,
        "other": SCALARS,
    },
)
NEARLY_ITEMS = st.fixed_dictionaries(
    {
        "id": st.text(max_size=3) | SCALARS,
        "token": st.sampled_from(("a-token-of-16-to-64", "x" * 65)) | SCALARS,
        "action": st.sampled_from(("complete", "fail", "release", "heartbeat", "claim")) | SCALARS,
    },
    optional={
        "result": VALUES,
        "reason": SCALARS,
        "retry_in": st.floats(0, 3e6) | st.just("never") | SCALARS,
        "in": st.floats(0, 3e6) | SCALARS,
        "lease": st.integers(0, 86_401) | SCALARS,
        "progress": st.integers(-1, 101) | SCALARS,
        "message": st.text(max_size=201) | SCALARS,
    },
)
T = TypeVar("T", bound=Callable[..., None])


def fuzz(examples: int) -> Callable[[T], T]:
    """Run with so many examples, the same ones each time."""

    def decorate(test: T) -> T:
        return settings(max_examples=examples, deadline=None, database=None)(seed(SEED)(test))

    return decorate


def taken(client: FlaskClient, path: str, rule: str, body: Any) -> tuple[bool, bool]:
    """Whether the document says that a body is right, and whether the service takes it.

    Where the body may be left out, null is right too: it stands for no body.
    """
    document = client.get("/openapi.json").get_json()
    told = document["paths"][rule]["post"]["requestBody"]
    schema = told["content"]["application/json"]["schema"] | {"components": document["components"]}
    answer = client.post(path, **as_json(json.dumps(body)))
    assert answer.status_code in (200, 201, 422)
    is_right = Draft202012Validator(schema).is_valid(body) or (body is None and not told["required"])
    return is_right, answer.status_code < 300


def test_a_new_job_is_taken_if_and_only_if_the_document_says_so(app: Flask, client: FlaskClient) -> None:
    @fuzz(60)
    @given(body=NEARLY_JOBS | VALUES)
    @example(body={"type": "a", "priority": 1.0})  # an integer, to JSON Schema as to FastAPI
    @example(body={"type": "a\0"})
    @example(body={"type": "a", "payload": {"\0": "\0"}})
    def check(body: Any) -> None:
        told, taken_ = taken(client, "/jobs", "/jobs", body)
        assert told == taken_, body

    check()


def test_a_batch_is_taken_if_and_only_if_the_document_says_so(app: Flask, client: FlaskClient) -> None:
    @fuzz(40)
    @given(body=st.lists(NEARLY_JOBS | VALUES, max_size=3) | VALUES)
    def check(body: Any) -> None:
        told, taken_ = taken(client, "/jobs/batch", "/jobs/batch", body)
        assert told == taken_, body

    check()


def test_a_report_is_taken_if_and_only_if_the_document_says_so(app: Flask, client: FlaskClient) -> None:
    @fuzz(60)
    @given(body=st.lists(NEARLY_ITEMS | VALUES, max_size=1) | VALUES)  # of two the ids must differ, too
    @example(body=[{"id": "a", "token": "a-token-of-16-to-64", "action": "heartbeat", "progress": 5.0}])
    @example(body=[{"id": "a", "token": "a-token-of-16-to-64", "action": "fail", "retry_in": "never"}])
    def check(body: Any) -> None:
        told, taken_ = taken(client, "/jobs/report", "/jobs/report", body)
        assert told == taken_, body

    check()


def test_a_heartbeat_is_taken_if_and_only_if_the_document_says_so(app: Flask, client: FlaskClient) -> None:
    job = make_job()
    token = client.post(f"/jobs/{job.id}/process?lease=60").get_json()["token"]
    values = {"progress": st.integers(-1, 101) | SCALARS, "message": st.text(max_size=201) | SCALARS, "other": SCALARS}

    @fuzz(30)
    @given(body=st.fixed_dictionaries({}, optional=values) | VALUES)
    def check(body: Any) -> None:
        path = f"/jobs/{job.id}/heartbeat?token={token}"
        told, taken_ = taken(client, path, "/jobs/{job_id}/heartbeat", body)
        assert told == taken_, body

    check()


def test_a_result_is_taken_if_and_only_if_the_document_says_so(app: Flask, client: FlaskClient) -> None:
    @fuzz(30)
    @given(body=st.fixed_dictionaries({}, optional={"result": VALUES | objects(VALUES), "other": SCALARS}) | VALUES)
    @example(body=None)
    def check(body: Any) -> None:
        job = make_job(JobStatus.RUNNING)
        told, taken_ = taken(client, f"/jobs/{job.id}/complete", "/jobs/{job_id}/complete", body)
        assert told == taken_, body

    check()


# ---- The forms

NASTY: tuple[str, ...] = (
    "",
    " ",
    "\t\n",
    "\0",
    "a\0b",
    "0",
    "-0",
    "-1",
    "1_0",
    "+1",
    "٣",
    "1.0",
    "1e3",
    "9" * 20,
    "9" * 5_000,
    "null",
    "{}",
)
NASTY += (
    "[]",
    '{"a": NaN}',
    '{"a": 1e999}',
    '{"a": "\\ud800"}',
    '{"a": 1, "a": 2}',
    '{"\\u0000": "\\u0000"}',
    "PENDING",
    "%",
    "_",
)
NASTY += (
    "\u2028",
    "\x85",
    "\ufeff",
    "\ufffd",
    "\x1b[2K",
    "👩‍🚀",
    "'\"><script>",
    "{{ 7 * 7 }}",
    "${7*7}",
    "' OR 1=1 --",
    "x" * 101,
)
TEXT = st.text() | st.sampled_from(NASTY)
OBJECTS = objects(VALUES).map(json.dumps)


def revision() -> counts.Tally:
    with reading() as tx:
        return counts.counts(tx)


def sent(client: FlaskClient, path: str, form: dict[str, str], ok: int) -> bool:
    """Send a form; whether it was taken. Nothing has changed where it was not."""
    before = revision()
    answer = client.post(path, data=form)
    assert answer.status_code in (ok, 422)
    assert (answer.status_code == ok) == (revision() != before)
    return answer.status_code == ok


def parsed(text: str) -> Any:
    return json.loads(text) if text.strip() else None


DOORS = pytest.mark.parametrize(("door", "ok"), [("/dashboard", 303), ("/dashboard/fragments", 200)])


@DOORS
def test_a_new_job_that_was_typed_reads_back_equal_or_is_refused(client: FlaskClient, door: str, ok: int) -> None:
    fields = {"payload": OBJECTS | TEXT, "priority": st.integers(-1, 2**31).map(str) | TEXT}

    @fuzz(40)
    @given(form=st.fixed_dictionaries({"type": st.text(min_size=1) | TEXT}, optional=fields))
    def check(form: dict[str, str]) -> None:
        if sent(client, f"{door}/jobs/new" if ok == 303 else f"{door}/new", form, ok):
            (job,) = client.get("/jobs?limit=1").get_json()
            typed = (form["type"], parsed(form.get("payload", "")), int(form.get("priority", 0)))
            assert (job["type"], job["payload"], job["priority"]) == typed

    check()


@DOORS
def test_a_result_and_a_reason_that_were_typed_read_back_equal_or_are_refused(
    client: FlaskClient, door: str, ok: int
) -> None:
    @fuzz(40)
    @given(result=OBJECTS | TEXT, reason=TEXT)
    def check(result: str, reason: str) -> None:
        ends = (("complete", {"result": result}), ("fail", {"reason": reason}))
        for action, form in ends:
            job = make_job(JobStatus.RUNNING)
            if sent(client, f"{door}/jobs/{job.id}/{action}", form, ok):
                stored = client.get(f"/jobs/{job.id}").get_json()["result"]
                assert stored == (parsed(result) if action == "complete" else {"reason": reason} if reason else None)

    check()


def test_a_filter_is_answered_or_refused(client: FlaskClient) -> None:
    make_job()
    names = st.sampled_from(("status", "type", "q", "before", "after", "hold", "known", "sort", "limit")) | st.text()
    values = (
        TEXT | st.integers().map(str) | st.lists(st.integers(0, 2**64), max_size=3).map(lambda s: ",".join(map(str, s)))
    )

    @fuzz(80)
    @given(query=st.dictionaries(names, values | st.lists(values, max_size=2), max_size=4))
    @example(query={"status": " "})
    @example(query={"hold": " "})
    @example(query={"sort": " "})
    @example(query={"after": str(2**63 - 1)})
    @example(query={"before": "1", "hold": "0", "known": str(2**63 - 1), "q": "%_\\"})
    def check(query: dict[str, Any]) -> None:
        for path in ("/dashboard/", "/dashboard/fragments/board", "/jobs", "/jobs/queue"):
            unknown = {404} if path == "/jobs" and "before" in query else set()  # it names no job
            assert client.get(path, query_string=query).status_code in {200, 422} | unknown

    check()


def test_a_sign_in_opens_to_the_password_alone_and_leads_nowhere_else(make_app: MakeApp, sqlite_url: str) -> None:
    app, addresses = make_app(sqlite_url, USERS="ada:operator:press-the-button"), count(1)

    @fuzz(40)
    @given(
        name=TEXT | st.just("ada"), password=TEXT | st.just("press-the-button"), place=TEXT | st.text("/\\:.a\t\n%25")
    )
    @example(name="ada", password="press-the-button", place="//evil.example")
    def check(name: str, password: str, place: str) -> None:
        form = {"name": name, "password": password, "next": place}
        address = {"REMOTE_ADDR": f"192.0.2.{next(addresses)}"}
        answer = app.test_client().post("/sign-in", data=form, environ_overrides=address)
        right = (name, password) == ("ada", "press-the-button")
        assert answer.status_code in ((303, 429) if right else (422, 429))
        assert ("Set-Cookie" in answer.headers) == (answer.status_code == 303)
        there = urlsplit(answer.location or "/")
        assert (there.scheme, there.netloc, there.path[:1]) == ("", "", "/")

    check()


@pytest.mark.parametrize("door", ["/dashboard/jobs/new", "/dashboard/fragments/new"])
@pytest.mark.parametrize(
    "body", ["type=%ff", "type=%c3%28", "type=%ed%a0%80", "type=a&payload=%7B%22a%22%3A%22%ff%22%7D"]
)
def test_a_form_that_is_not_utf_8_is_refused_and_not_mended(client: FlaskClient, door: str, body: str) -> None:
    before = revision()
    answer = client.post(door, data=body, content_type="application/x-www-form-urlencoded")
    assert 400 <= answer.status_code < 500
    assert revision() == before


def test_no_bytes_in_a_path_a_query_or_a_header_break_anything(make_app: MakeApp, sqlite_url: str) -> None:
    clients = [
        make_app(sqlite_url, **environ).test_client() for environ in ({}, {"USERS": "ada:operator:press-the-button"})
    ]
    names = st.sampled_from(
        ("Authorization", "If-None-Match", "HX-Current-URL", "Referer", "Origin", "Accept", "Cookie")
    )
    header_text = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]))

    @fuzz(60)
    @given(path=st.binary(max_size=20), query=st.binary(max_size=20), headers=st.dictionaries(names, header_text))
    def check(path: bytes, query: bytes, headers: dict[str, str]) -> None:
        for client in clients:
            for door in ("/", "/jobs/", "/dashboard/", "/dashboard/jobs/", "/dashboard/fragments/jobs/", "/static/"):
                url = f"{door}{quote_from_bytes(path)}?{quote_from_bytes(query, safe='=&')}"
                assert client.get(url, headers=headers, buffered=True).status_code < 500
                assert client.post("/dashboard/claim", headers=headers).status_code < 500

    check()
