"""The OpenAPI document is valid and complete, and answers match it."""

import json
import re
import tomllib
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from dashboard.core.job import JobStatus
from tests.support.app import MakeApp
from tests.support.calls import call, refused
from tests.support.factory import EXAMPLE, UNKNOWN, make_job
from tests.support.leases import TOKEN
from tests.support.server import ROOT

Document = dict[str, Any]

KEY = "Idempotency-Key"
FILTER = {"type", "type_prefix", "q", "reason", "since", "until"}
LEASED = "LEASED"  # RUNNING, and held under TOKEN


class Call(NamedTuple):
    """The success status of an operation, the job that it can be done to, and what is sent."""

    status: int
    before: str
    body: Any = None
    query: str = ""


# Each operation; ID in a body stands for the job's id.
OPERATIONS = {
    "POST /jobs": Call(201, JobStatus.PENDING, EXAMPLE),
    "GET /jobs": Call(200, JobStatus.COMPLETED),
    "GET /jobs/{job_id}": Call(200, JobStatus.FAILED),
    "POST /jobs/{job_id}/process": Call(200, JobStatus.PENDING),
    "POST /jobs/{job_id}/complete": Call(200, JobStatus.RUNNING, {"result": {"message": "ok"}}),
    "POST /jobs/{job_id}/fail": Call(200, JobStatus.RUNNING),
    "POST /jobs/claim": Call(200, JobStatus.PENDING),
    "GET /jobs/queue": Call(200, JobStatus.PENDING),
    "GET /jobs/summary": Call(200, JobStatus.PENDING),
    "POST /jobs/batch": Call(201, JobStatus.PENDING, [EXAMPLE, {"type": "later", "run_at": 60}]),
    "POST /jobs/bulk": Call(200, JobStatus.FAILED, {"action": "retry", "filter": {"type": "job"}, "key": "a-key"}),
    "POST /jobs/{job_id}/retry": Call(201, JobStatus.COMPLETED),
    "POST /jobs/{job_id}/heartbeat": Call(200, LEASED, {"progress": 42}, f"token={TOKEN}"),
    "POST /jobs/{job_id}/release": Call(200, LEASED, query=f"token={TOKEN}"),
    "POST /jobs/release": Call(200, LEASED, query=f"token={TOKEN}"),
    "POST /jobs/report": Call(
        200,
        LEASED,
        [
            {"id": "ID", "token": TOKEN, "action": "fail", "reason": "429", "retry_in": 30},
            {"id": "another", "token": TOKEN, "action": "complete"},
        ],
    ),
    "GET /workers": Call(200, LEASED),
    "POST /queue/pause": Call(200, JobStatus.PENDING, {"reason": "the mail server is down"}),
    "POST /queue/resume": Call(200, JobStatus.PENDING),
    "GET /activity": Call(200, JobStatus.PENDING, query="action=create&since=2026-01-01T00:00:00"),
}
FILES = ("GET /jobs/export",)  # their answers are no JSON
EMPTY = ("DELETE /jobs/{job_id}",)  # their answers have no body
# The calls whose answers have more than the nine keys.
FULL = {
    "POST /jobs": Call(201, JobStatus.PENDING, EXAMPLE | {"run_at": "2026-01-01T03:00:00", "max_attempts": 3}),
    "GET /jobs": Call(200, LEASED, query="full=1"),
    "GET /jobs/{job_id}": Call(200, LEASED, query="full=1&wait=0"),
    "POST /jobs/{job_id}/process": Call(200, JobStatus.PENDING, query="lease=60&worker=mill-3&attempts=3"),
    "POST /jobs/{job_id}/complete": Call(200, LEASED, {"result": {"message": "ok"}}, f"token={TOKEN}"),
    "POST /jobs/{job_id}/fail": Call(200, LEASED, query=f"token={TOKEN}&reason=429&retry_in=never"),
    "POST /jobs/claim": Call(200, JobStatus.PENDING, query="lease=60&type=job&type=other&limit=5&wait=1"),
}


@pytest.fixture
def sqlite_client(make_app: MakeApp, sqlite_url: str) -> FlaskClient:
    return make_app(sqlite_url).test_client()


@pytest.fixture
def document(sqlite_client: FlaskClient) -> Document:
    told: Document = call(sqlite_client, "GET /openapi.json", 200)
    return told


def operation(document: Document, line: str) -> Document:
    method, path = line.split()
    told: Document = document["paths"][path][method.lower()]
    return told


def parameters_of(document: Document, line: str) -> Document:
    return {each["name"]: each for each in operation(document, line)["parameters"]}


def body_of(document: Document, line: str) -> Document:
    """The schema that the body of an operation refers to; it is a reference and no more."""
    schema = operation(document, line)["requestBody"]["content"]["application/json"]["schema"]
    assert list(schema) == ["$ref"]
    return component(document, schema)


def component(document: Document, reference: Document) -> Document:
    found: Document = document["components"]["schemas"][reference["$ref"].rpartition("/")[2]]
    return found


def check(document: Document, part: Document, value: Any) -> None:
    """Validate a value by the schema of a body or an answer in the document."""
    schema = part["content"]["application/json"]["schema"] | {"components": document["components"]}
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_lists_every_operation_and_no_other(document: Document) -> None:
    listed = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert listed == {*OPERATIONS, *FILES, *EMPTY}
    kinds = [set(operation(document, line)["responses"]["200"]["content"]) for line in FILES]
    assert kinds == [{"text/csv", "application/x-ndjson"}]
    assert [operation(document, line)["responses"]["204"] for line in EMPTY] == [{"description": "Done"}]


def test_the_document_tells_whose_it_is_and_where_it_is_served(document: Document) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert document["info"]["license"] == {"name": project["license"], "identifier": project["license"]}
    assert document["info"]["contact"]["name"] in (ROOT / "LICENSE").read_text()
    assert document["servers"] == [{"url": "/"}]


def test_an_operation_has_a_name_a_group_a_description_and_its_refusals(document: Document) -> None:
    told = [operation(document, line) for line in (*OPERATIONS, *FILES, *EMPTY)]
    names = [each["operationId"] for each in told]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []
    groups = [tag["name"] for tag in document["tags"]]
    assert {tag for each in told for tag in each["tags"]} == set(groups)
    for each in told:
        assert len(each["tags"]) == 1
        assert each["summary"]
        assert each["description"]
        assert set(each["responses"]) >= {"4XX", "5XX"}


@pytest.mark.parametrize(
    ("settings", "security"), [({}, []), ({"TOKENS": "script:operator:a-token-for-a-script"}, [{"token": []}])]
)
def test_a_token_is_asked_for_where_the_settings_have_one(
    make_app: MakeApp, sqlite_url: str, settings: dict[str, str], security: list[Any]
) -> None:
    client = make_app(sqlite_url, **settings).test_client()
    document = call(client, "GET /openapi.json", 200, headers={"Authorization": "Bearer a-token-for-a-script"})
    assert document["security"] == security
    assert ("securitySchemes" in document["components"]) == bool(security)


# What generated clients make of it: openapi-typescript sends no property to an object that does not say that it has
# any, and always sends one with a default; openapi-python-client sends no union as a body, and takes the first model
# of an answer that fits.


def test_a_payload_and_a_result_have_any_properties(document: Document) -> None:
    schemas = document["components"]["schemas"]
    open_objects = [
        kind
        for name in ("JobCreate", "Job", "JobComplete", "CompleteItem")
        for key, value in schemas[name]["properties"].items()
        if key in ("payload", "result")
        for kind in value["anyOf"]
    ]
    assert open_objects == [{"type": "object", "additionalProperties": True}, {"type": "null"}] * 5


@pytest.mark.parametrize("line", [line for line, each in OPERATIONS.items() if each.body is not None])
def test_a_body_is_a_plain_reference_and_what_may_be_left_out_of_it_has_no_default(
    document: Document, line: str
) -> None:
    schema = body_of(document, line)
    items = schema.get("items", schema)
    for each in [component(document, kind) for kind in items.get("oneOf", [items]) if "$ref" in kind] or [schema]:
        assert [name for name, value in each["properties"].items() if "default" in value] == []


def test_the_document_has_the_contract_s_example_of_a_new_job(document: Document) -> None:
    body = operation(document, "POST /jobs")["requestBody"]
    assert body["required"] is True
    reference = body["content"]["application/json"]["schema"]["$ref"]
    assert document["components"]["schemas"][reference.rpartition("/")[2]]["examples"] == [EXAMPLE]


@pytest.mark.parametrize("line", OPERATIONS)
def test_an_operation_that_takes_a_body_has_a_schema_that_accepts_the_contract_s(document: Document, line: str) -> None:
    body = OPERATIONS[line].body
    assert ("requestBody" in operation(document, line)) == (body is not None)
    if body is not None:
        check(document, operation(document, line)["requestBody"], body)


@pytest.mark.parametrize(
    ("line", "parameters"),
    [
        ("GET /jobs/queue", {"limit"}),
        ("GET /jobs/export", {"status", "format", *FILTER}),
        ("GET /jobs", {"status", "limit", "before", "full", *FILTER}),
        ("POST /jobs/bulk", set()),
        ("GET /jobs/{job_id}", {"job_id", "full", "wait"}),
        ("POST /jobs", {KEY}),
        ("POST /jobs/batch", {KEY}),
        ("POST /jobs/claim", {"type", "lease", "worker", "attempts", "wait", "limit", KEY}),
        ("POST /jobs/{job_id}/process", {"job_id", "lease", "worker", "attempts", KEY}),
        ("POST /jobs/{job_id}/heartbeat", {"job_id", "token", "lease"}),
        ("POST /jobs/{job_id}/complete", {"job_id", "token"}),
        ("POST /jobs/{job_id}/fail", {"job_id", "token", "reason", "retry_in"}),
        ("POST /jobs/{job_id}/release", {"job_id", "token", "in"}),
        ("POST /jobs/release", {"token", "in"}),
        ("POST /jobs/report", set()),
        ("POST /jobs/{job_id}/retry", {"job_id"}),
        ("DELETE /jobs/{job_id}", {"job_id"}),
        ("GET /workers", set()),
    ],
)
def test_the_document_lists_the_parameters(document: Document, line: str, parameters: set[str]) -> None:
    assert {parameter["name"] for parameter in operation(document, line)["parameters"]} == parameters


def test_the_document_says_what_is_required_and_what_may_be_repeated(document: Document) -> None:
    told = [
        (line, name, each)
        for line in (*OPERATIONS, *FILES, *EMPTY)
        for name, each in parameters_of(document, line).items()
    ]
    required = {(line, name) for line, name, each in told if each["required"] and each["in"] != "path"}
    tokens = ("POST /jobs/{job_id}/heartbeat", "POST /jobs/{job_id}/release", "POST /jobs/release")
    assert required == {(line, "token") for line in tokens}
    assert [(line, name) for line, name, each in told if each.get("explode")] == [("POST /jobs/claim", "type")]
    types = parameters_of(document, "POST /jobs/claim")["type"]["schema"]
    assert (types["type"], types["maxItems"], types["items"]["maxLength"]) == ("array", 20, 100)


def test_the_document_tells_each_kind_that_a_query_value_may_be_of(document: Document) -> None:
    retry_in = parameters_of(document, "POST /jobs/{job_id}/fail")["retry_in"]["schema"]
    good = Draft202012Validator({key: value for key, value in retry_in.items() if key != "title"})
    values = (0, 2_592_000, "never", -1, 2_592_001, "soon")
    assert [good.is_valid(value) for value in values] == [True] * 3 + [False] * 3


def test_a_key_is_a_header_of_the_form_that_the_operation_takes(document: Document) -> None:
    for line, length, worst in (("POST /jobs", 255, "a b"), ("POST /jobs/claim", 64, "with.a.point.in.it")):
        key = parameters_of(document, line)[KEY]
        assert key["in"] == "header"
        good = Draft202012Validator(key["schema"])
        assert [good.is_valid(value) for value in ("x" * length, "x" * (length + 1), worst)] == [True, False, False]


def test_the_document_has_the_bounds_and_the_default_of_a_limit(document: Document) -> None:
    (limit,) = (told["schema"] for told in operation(document, "GET /jobs")["parameters"] if told["name"] == "limit")
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 1_000, 100)


def answered(client: FlaskClient, line: str, sent: Call) -> Any:
    """What the operation answers to a job of its own."""
    job_id = make_job(JobStatus.PENDING if sent.before == LEASED else JobStatus(sent.before)).id
    if sent.before == LEASED:
        call(client, f"POST /jobs/{job_id}/process?lease=60", 200, headers={KEY: TOKEN})
    if line == "GET /activity":
        client.post("/dashboard/jobs/new", data={"type": "t"})
    body = json.loads(json.dumps(sent.body).replace('"ID"', f'"{job_id}"'))
    return call(client, f"{line.format(job_id=job_id)}?{sent.query}", sent.status, json=body)


@pytest.mark.parametrize(("line", "sent"), [*OPERATIONS.items(), *FULL.items()])
def test_every_success_matches_the_document(client: FlaskClient, line: str, sent: Call) -> None:
    document = call(client, "GET /openapi.json", 200)
    answer = answered(client, line, sent)
    told = operation(document, line)["responses"]
    creates_once = sent.status == 201 and KEY in parameters_of(document, line)
    assert {code for code in told if code.startswith("2")} == {str(sent.status)} | ({"200"} if creates_once else set())
    check(document, told[str(sent.status)], answer)
    if isinstance(answer, list):
        assert answer


@pytest.mark.parametrize("line", FULL)
def test_a_fuller_answer_is_a_full_job_of_the_document(client: FlaskClient, line: str) -> None:
    document = call(client, "GET /openapi.json", 200)
    answer = answered(client, line, FULL[line])
    schemas = document["components"]["schemas"]
    more = ["attempts"] if line == "GET /jobs/{job_id}" else ["token"] if "lease=60" in FULL[line].query else []
    for job in answer if isinstance(answer, list) else [answer]:
        assert list(job) == [*schemas["FullJob"]["properties"], *more]
        Draft202012Validator(schemas["FullJob"] | {"components": document["components"]}).validate(job)


@pytest.mark.parametrize(("line", "sent"), [*OPERATIONS.items(), *FULL.items()])
def test_the_first_model_that_fits_an_answer_has_all_its_keys(client: FlaskClient, line: str, sent: Call) -> None:
    document = call(client, "GET /openapi.json", 200)
    answer = answered(client, line, sent)
    schema = operation(document, line)["responses"][str(sent.status)]["content"]["application/json"]["schema"]
    of_one = [kind["items"] if kind.get("type") == "array" else kind for kind in schema.get("anyOf", [schema])]
    models = [component(document, each) for kind in of_one for each in kind.get("anyOf", [kind])]
    for value in answer if isinstance(answer, list) else [answer]:
        first = next(model for model in models if set(model["required"]) <= set(value))
        assert set(value) <= set(first["properties"])


def test_the_examples_work_when_they_are_pasted(client: FlaskClient) -> None:
    document = call(client, "GET /openapi.json", 200)

    def body(line: str) -> Any:
        return body_of(document, line)["examples"][0]

    def example(line: str, name: str) -> Any:
        return parameters_of(document, line)[name]["schema"]["examples"][0]

    job = call(client, "POST /jobs", 201, json=body("POST /jobs"), headers={KEY: example("POST /jobs", KEY)})
    call(client, "POST /jobs/batch", 201, json=body("POST /jobs/batch"))
    key = example("POST /jobs/claim", KEY)
    assert call(client, "POST /jobs/claim?lease=60", 200, headers={KEY: key})["id"] == job["id"]
    line = "POST /jobs/{job_id}/heartbeat"
    token = example(line, "token")
    call(client, f"{line.format(job_id=job['id'])}?token={token}", 200, json=body(line))
    line = "POST /jobs/{job_id}/complete"
    call(client, f"{line.format(job_id=job['id'])}?token={token}", 200, json=body(line))
    assert {item["status"] for item in call(client, "POST /jobs/report", 200, json=body("POST /jobs/report"))} == {404}


def test_every_refusal_matches_the_document(client: FlaskClient) -> None:
    document = call(client, "GET /openapi.json", 200)
    running, done = make_job(JobStatus.RUNNING), make_job(JobStatus.COMPLETED)
    for line, status, path in (
        ("POST /jobs", 422, "/jobs"),
        ("GET /jobs", 422, "/jobs?limit=0&status=LOST"),
        ("GET /jobs/{job_id}", 404, f"/jobs/{UNKNOWN}"),
        ("POST /jobs/claim", 404, "/jobs/claim"),
        ("POST /jobs/{job_id}/process", 400, f"/jobs/{done.id}/process"),
        ("POST /jobs/{job_id}/retry", 404, f"/jobs/{UNKNOWN}/retry"),
        ("DELETE /jobs/{job_id}", 404, f"/jobs/{UNKNOWN}"),
        ("DELETE /jobs/{job_id}", 400, f"/jobs/{running.id}"),
        ("POST /jobs/{job_id}/heartbeat", 409, f"/jobs/{done.id}/heartbeat?token={TOKEN}"),
        ("POST /jobs/{job_id}/complete", 409, f"/jobs/{done.id}/complete?token={TOKEN}"),
        ("POST /jobs/{job_id}/fail", 422, f"/jobs/{done.id}/fail?retry_in=1"),
        ("POST /jobs/batch", 422, "/jobs/batch"),
        ("POST /jobs/report", 422, "/jobs/report"),
        ("POST /jobs/release", 422, "/jobs/release"),
    ):
        detail = refused(client, f"{line.split()[0]} {path}", status)
        check(document, operation(document, line)["responses"][str(status)], {"detail": detail})


def test_the_header_of_the_queue_is_in_the_document(document: Document) -> None:
    assert "X-Total-Count" in operation(document, "GET /jobs/queue")["responses"]["200"]["headers"]
