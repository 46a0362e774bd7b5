"""Jobs in any status, taken there by the real actions, and calls that check what every JSON answer must be."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.core.job import Job, JobStatus
from dashboard.core.transitions import Action
from dashboard.database.transactions import writing
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import jobs as job_store

EXAMPLE = {
    "type": "image_resize",
    "payload": {"image_url": "https://example.com/image.png", "width": 300, "height": 300},
    "priority": 5,
}
UNKNOWN = "00000000-0000-7000-8000-000000000000"  # no job has this id

# The contract's picture, once more and in other words than the code's.
MOVES = {
    (Action.CLAIM, JobStatus.PENDING): JobStatus.RUNNING,
    (Action.PROCESS, JobStatus.PENDING): JobStatus.RUNNING,
    (Action.COMPLETE, JobStatus.RUNNING): JobStatus.COMPLETED,
    (Action.FAIL, JobStatus.PENDING): JobStatus.FAILED,
    (Action.FAIL, JobStatus.RUNNING): JobStatus.FAILED,
    (Action.UNDO, JobStatus.PENDING): JobStatus.FAILED,
    (Action.RELEASE, JobStatus.RUNNING): JobStatus.PENDING,
}

ACT: dict[Action, Callable[[str], Job]] = {
    Action.CLAIM: lambda _: claims.claim(),
    Action.PROCESS: job_service.process,
    Action.COMPLETE: lambda job_id: job_service.complete(job_id, None),
    Action.FAIL: lambda job_id: job_service.fail(job_id, None),
    Action.UNDO: job_service.call_off,
}

WAY: dict[JobStatus, tuple[Action, ...]] = {
    JobStatus.PENDING: (),
    JobStatus.RUNNING: (Action.PROCESS,),
    JobStatus.COMPLETED: (Action.PROCESS, Action.COMPLETE),
    JobStatus.FAILED: (Action.PROCESS, Action.FAIL),
}


def make_job(status: JobStatus = JobStatus.PENDING, type: str = "job", priority: int = 0) -> Job:  # noqa: A002
    """A job in this status; needs an application context."""
    job = job_service.create(type, None, priority)
    for action in WAY[status]:
        job = ACT[action](job.id)
    return job


def make_many(count: int) -> list[str]:
    """The ids of so many new PENDING jobs, every other one with priority 1, made faster than by the service."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with writing() as tx:
        jobs = [
            job_store.insert(tx, id=str(uuid4()), type="job", payload=None, priority=number % 2, now=now)
            for number in range(count)
        ]
    return [job.id for job in jobs]


def call(client: FlaskClient, line: str, status: int, **sent: Any) -> Any:
    """Send "POST /jobs", expect this status and JSON, and return what it says."""
    method, path = line.split(" ", 1)
    answer = client.open(path, method=method, **sent)
    assert answer.status_code == status, answer.text
    return parsed(answer)


def parsed(answer: TestResponse) -> Any:
    assert answer.mimetype == "application/json"
    return json.loads(answer.text, parse_constant=pytest.fail)


def refused(client: FlaskClient, line: str, status: int, **sent: Any) -> Any:
    """Like call, for a refusal: it has the contract's shape, and the table is as it was. Returns the detail."""
    before = client.get("/jobs?limit=1000").text
    answer = call(client, line, status, **sent)
    assert client.get("/jobs?limit=1000").text == before
    assert list(answer) == ["detail"]
    if status != 422:
        assert isinstance(answer["detail"], str)
    for problem in answer["detail"] if status == 422 else ():
        assert list(problem) == ["type", "loc", "msg", "input"]
        assert problem["loc"][0] in ("body", "query", "header")
        assert problem["type"]
        assert problem["msg"]
    assert answer["detail"]
    return answer["detail"]


def as_json(text: str | bytes) -> dict[str, Any]:
    return {"data": text, "content_type": "application/json"}
