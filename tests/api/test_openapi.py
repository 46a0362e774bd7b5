"""The OpenAPI document is valid and complete, and answers match it; the page that shows it."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from dashboard.core.job import JobStatus
from tests.support.app import MakeApp
from tests.support.calls import call, refused
from tests.support.factory import EXAMPLE, UNKNOWN, make_job

Document = dict[str, Any]

# Each operation with its success status, the status of a job that allows it, and a body if it takes one.
OPERATIONS: dict[str, tuple[int, JobStatus, Any]] = {
    "POST /jobs": (201, JobStatus.PENDING, EXAMPLE),
    "GET /jobs": (200, JobStatus.COMPLETED, None),
    "GET /jobs/{job_id}": (200, JobStatus.FAILED, None),
    "POST /jobs/{job_id}/process": (200, JobStatus.PENDING, None),
    "POST /jobs/{job_id}/complete": (200, JobStatus.RUNNING, {"result": {"message": "ok"}}),
    "POST /jobs/{job_id}/fail": (200, JobStatus.RUNNING, None),
    "POST /jobs/claim": (200, JobStatus.PENDING, None),
    "GET /jobs/queue": (200, JobStatus.PENDING, None),
    "GET /jobs/summary": (200, JobStatus.PENDING, None),
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


def check(document: Document, part: Document, value: Any) -> None:
    """Validate a value by the schema of a body or an answer in the document."""
    schema = part["content"]["application/json"]["schema"] | {"components": document["components"]}
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_lists_the_operations_of_the_contract_and_no_other_under_jobs(document: Document) -> None:
    listed = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        if f"{path}/".startswith("/jobs/")
        for method in methods
    }
    assert listed == set(OPERATIONS)


def test_the_document_has_the_contract_s_example_of_a_new_job(document: Document) -> None:
    body = operation(document, "POST /jobs")["requestBody"]
    assert body["required"] is True
    reference = body["content"]["application/json"]["schema"]["$ref"]
    assert document["components"]["schemas"][reference.rpartition("/")[2]]["example"] == EXAMPLE


@pytest.mark.parametrize("line", OPERATIONS)
def test_an_operation_that_takes_a_body_has_a_schema_that_accepts_the_contract_s(document: Document, line: str) -> None:
    body = OPERATIONS[line][2]
    assert ("requestBody" in operation(document, line)) == (body is not None)
    if body is not None:
        check(document, operation(document, line)["requestBody"], body)


@pytest.mark.parametrize(
    ("line", "parameters"),
    [
        ("GET /jobs", {"status", "limit", "before"}),
        ("GET /jobs/queue", {"limit"}),
        ("POST /jobs/{job_id}/fail", {"job_id", "reason"}),
        ("POST /jobs/claim", set()),
    ],
)
def test_the_document_lists_the_query_s_parameters(document: Document, line: str, parameters: set[str]) -> None:
    assert {parameter["name"] for parameter in operation(document, line)["parameters"]} == parameters


def test_the_document_has_the_bounds_and_the_default_of_a_limit(document: Document) -> None:
    (limit,) = (told["schema"] for told in operation(document, "GET /jobs")["parameters"] if told["name"] == "limit")
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 1_000, 100)


@pytest.mark.parametrize("line", OPERATIONS)
def test_every_success_matches_the_document(client: FlaskClient, line: str) -> None:
    document = call(client, "GET /openapi.json", 200)
    status, before, body = OPERATIONS[line]
    job = make_job(before)
    answer = call(client, line.format(job_id=job.id), status, json=body)
    told = operation(document, line)["responses"]
    assert [code for code in told if code.startswith("2")] == [str(status)]
    check(document, told[str(status)], answer)
    if isinstance(answer, list):
        assert answer


def test_every_refusal_matches_the_document(client: FlaskClient) -> None:
    document = call(client, "GET /openapi.json", 200)
    done = make_job(JobStatus.COMPLETED)
    for line, status, path in (
        ("POST /jobs", 422, "/jobs"),
        ("GET /jobs", 422, "/jobs?limit=0&status=LOST"),
        ("GET /jobs/{job_id}", 404, f"/jobs/{UNKNOWN}"),
        ("POST /jobs/claim", 404, "/jobs/claim"),
        ("POST /jobs/{job_id}/process", 400, f"/jobs/{done.id}/process"),
    ):
        detail = refused(client, f"{line.split()[0]} {path}", status)
        check(document, operation(document, line)["responses"][str(status)], {"detail": detail})


def test_the_header_of_the_queue_is_in_the_document(document: Document) -> None:
    assert "X-Total-Count" in operation(document, "GET /jobs/queue")["responses"]["200"]["headers"]


def test_the_docs_page_loads_only_files_of_this_server(sqlite_client: FlaskClient) -> None:
    page = sqlite_client.get("/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=\"([^\"]*)\"", page.text)
    assert any("swagger-ui" in url for url in loaded)
    for url in [*loaded, *re.findall(r'data-url="([^"]*)"', page.text)]:
        assert re.match(r"/[^/]", url), url
        assert sqlite_client.get(url, buffered=True).status_code == 200


def test_the_docs_page_allows_the_browser_to_load_nothing_from_other_servers(sqlite_client: FlaskClient) -> None:
    policy = sqlite_client.get("/docs").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|\*|unsafe", policy)
