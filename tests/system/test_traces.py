"""OpenTelemetry's instrumentations of Flask and SQLAlchemy work unchanged: each statement is a part of its request."""

import json
import sys
from typing import Any

import pytest
from opentelemetry.instrumentation.dependencies import get_dependency_conflicts
from opentelemetry.instrumentation.sqlalchemy.package import _instruments

from dashboard.core.job import JobStatus
from tests.support.app import MakeApp
from tests.support.factory import make_job
from tests.support.server import RunProgram


def traced(run_program: RunProgram, url: str, *requests: str) -> tuple[list[int], list[dict[str, Any]]]:
    """The statuses of requests that are sent at once, and the spans."""
    done = run_program(sys.executable, "-m", "tests.support.traced", url, *requests)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return told["statuses"], told["spans"]


@pytest.mark.usefixtures("app")
def test_each_statement_is_a_part_of_its_request_also_where_writes_share_a_commit(
    run_program: RunProgram, database_url: str
) -> None:
    statuses, spans = traced(run_program, database_url, *["POST /jobs"] * 8, "GET /jobs", "GET /dashboard/queue")
    assert statuses == [201] * 8 + [200, 200]
    requests = {span["id"]: span["name"] for span in spans if "http.route" in span["attributes"]}
    assert sorted(requests.values()) == sorted([*["POST /jobs"] * 8, "GET /jobs", "GET /dashboard/queue"])
    statements = [(span["attributes"].get("db.statement", ""), span["parent"]) for span in spans]
    inserts = [parent for text, parent in statements if text.startswith("INSERT INTO jobs")]
    assert sorted(inserts) == sorted(own for own, name in requests.items() if name == "POST /jobs")
    reads = {requests[parent] for text, parent in statements if text.startswith("SELECT") and parent in requests}
    assert reads >= {"GET /jobs", "GET /dashboard/queue"}


def test_refusals_are_what_they_are_without_it(run_program: RunProgram, make_app: MakeApp, database_url: str) -> None:
    with make_app(database_url).app_context():
        done = make_job(JobStatus.COMPLETED).id
    requests = ("POST /jobs/claim", "GET /jobs/none", f"POST /jobs/{done}/process", "GET /jobs?limit=0", "GET /nowhere")
    statuses, spans = traced(run_program, database_url, *requests)
    assert statuses == [404, 404, 400, 422, 404]
    found = [span["attributes"]["http.status_code"] for span in spans if "http.status_code" in span["attributes"]]
    assert sorted(found) == sorted(statuses)


def test_their_check_still_refuses_our_sqlalchemy_so_the_readme_switches_it_off() -> None:
    """It was written for SQLAlchemy up to 2.0; where this fails, the README need not say `skip_dep_check` any more."""
    assert get_dependency_conflicts(_instruments) is not None
