"""The service that came before: its own tests, through the client that they use, over our WSGI application.

Starlette's TestClient is an httpx.Client with a transport for ASGI; here the transport is for WSGI.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask import Flask

JOB = {
    "type": "image_resize",
    "payload": {"image_url": "https://example.com/image.png", "width": 300, "height": 300},
    "priority": 5,
}


@pytest.fixture
def old(app: Flask) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://localhost") as client:
        yield client


def created(old: httpx.Client, **changes: Any) -> dict[str, Any]:
    response = old.post("/jobs", json=JOB | changes)
    assert response.status_code == 201
    job: dict[str, Any] = response.json()
    return job


def test_create_job(old: httpx.Client) -> None:
    job = created(old)
    assert job["id"]
    assert {name: job[name] for name in JOB} == JOB
    assert (job["status"], job["result"], job["started_at"], job["completed_at"]) == ("PENDING", None, None, None)


def test_list_jobs(old: httpx.Client) -> None:
    ids = [created(old)["id"] for _ in range(3)]
    response = old.get("/jobs", params={"status": "PENDING", "limit": 2})
    assert response.status_code == 200
    assert [job["id"] for job in response.json()] == ids[:0:-1]


def test_get_job(old: httpx.Client) -> None:
    job = created(old)
    response = old.get(f"/jobs/{job['id']}")
    assert (response.status_code, response.json()) == (200, job)


@pytest.mark.parametrize("call", ["", "/process", "/complete", "/fail"])
def test_a_job_that_does_not_exist(old: httpx.Client, call: str) -> None:
    response = old.request("POST" if call else "GET", f"/jobs/nonexistent-id{call}")
    assert (response.status_code, response.json()) == (404, {"detail": "Job not found"})


def test_process_and_complete_job(old: httpx.Client) -> None:
    path = f"/jobs/{created(old)['id']}"
    response = old.post(f"{path}/process")
    assert (response.status_code, response.json()["status"]) == (200, "RUNNING")
    assert response.json()["started_at"] is not None
    response = old.post(f"{path}/complete", json={"result": {"message": "ok"}})
    assert (response.status_code, response.json()["status"]) == (200, "COMPLETED")
    assert response.json()["result"] == {"message": "ok"}
    assert response.json()["completed_at"] is not None


def test_complete_job_that_is_not_running(old: httpx.Client) -> None:
    response = old.post(f"/jobs/{created(old)['id']}/complete")
    assert response.status_code == 400
    assert "PENDING" in response.json()["detail"]


def test_fail_job(old: httpx.Client) -> None:
    response = old.post(f"/jobs/{created(old)['id']}/fail", params={"reason": "broken"})
    assert (response.status_code, response.json()["status"]) == (200, "FAILED")
    assert response.json()["result"] == {"reason": "broken"}


def test_claim_job(old: httpx.Client) -> None:
    _, urgent = created(old, priority=1), created(old, priority=10)
    response = old.post("/jobs/claim")
    assert (response.status_code, response.json()["id"], response.json()["status"]) == (200, urgent["id"], "RUNNING")


def test_claim_when_nothing_is_pending(old: httpx.Client) -> None:
    response = old.post("/jobs/claim")
    assert (response.status_code, response.json()) == (404, {"detail": "No pending jobs"})


def test_queue(old: httpx.Client) -> None:
    low, high = created(old, priority=1), created(old, priority=10)
    response = old.get("/jobs/queue")
    assert response.status_code == 200
    assert response.json() == [
        {"job_id": job["id"], "priority": job["priority"], "created_at": job["created_at"]} for job in (high, low)
    ]


def test_summary(old: httpx.Client) -> None:
    created(old)
    old.post(f"/jobs/{created(old)['id']}/process")
    response = old.get("/jobs/summary")
    assert response.status_code == 200
    assert response.json() == {"pending": 1, "running": 1, "completed": 0, "failed": 0}
