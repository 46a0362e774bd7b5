"""Calls of the JSON API that check what is true of every answer."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse


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
