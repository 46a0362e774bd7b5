"""What a request to each route needs: a job that it can be done to, and what is sent."""

import re
from typing import Any

from dashboard.core.job import Job, JobStatus
from dashboard.core.run import Lease
from dashboard.core.view import SHARED, View
from dashboard.core.who import NOBODY
from dashboard.services import claims, pause, views
from tests.support.factory import make_job

LEASED = ("/jobs/<job_id>/heartbeat", "/jobs/<job_id>/release", "/jobs/release", "/jobs/report")
STATUS = {
    "bulk": JobStatus.FAILED,
    "process": JobStatus.PENDING,
    "retry": JobStatus.COMPLETED,
    "<deletable_id:job_id>": JobStatus.COMPLETED,
    "delete": JobStatus.COMPLETED,
}


def job_for(rule: str) -> Job:
    """One that can be done what the route says, and another one to claim; needs an application context."""
    pause.end(NOBODY)  # claims may have been paused by the line before
    action = rule.rpartition("/")[2]
    job = make_job(JobStatus.PENDING if rule in LEASED else STATUS.get(action, JobStatus.RUNNING))
    if rule in LEASED:
        claims.process(job.id, Lease(60, token_of(job), None, 1), is_key=True)
    make_job()
    if action == "resume":
        pause.begin(NOBODY, None)
    if action == "delete":
        for owner in (SHARED, "viewer", "operator", "token:viewer-script", "token:operator-script"):
            views.keep(NOBODY, View(owner, "a view", "status=FAILED"))
    return job


def token_of(job: Job) -> str:
    """The token that the job is held under, if it is."""
    return f"token-{job.id}"


def path_of(rule: str, job: Job, **values: str) -> str:
    """The route's address, about this job; its action is complete, unless another is given."""
    values = {"job_id": job.id, "version": "1", "action": "complete"} | values
    return re.sub(r"<(?:[^>]*:)?(\w+)>", lambda found: values[found[1]], rule)


def sent_to(rule: str, job: Job) -> dict[str, Any]:
    """The query and the body of a POST to the route, as arguments of Werkzeug's client."""
    token = token_of(job)
    bodies: dict[str, Any] = {
        "/jobs": {"type": "job"},
        "/jobs/bulk": {"action": "retry", "filter": {}, "key": "a-key"},
        "/queue/pause": {"reason": "a reason"},
        "/jobs/batch": [{"type": "job"}, {"type": "job"}],
        "/jobs/report": [{"id": job.id, "token": token, "action": "complete"}],
    }
    if rule in bodies:
        return {"json": bodies[rule]}
    if rule in LEASED:
        return {"query_string": {"token": token}}
    if "/views/" in rule:
        return {"data": {"name": "a view" if rule.endswith("/delete") else job.id, "status": "FAILED"}}
    if rule == "/dashboard/bulk":
        return {"data": {"action": "retry", "key": "0" * 36}}
    return {} if rule.startswith("/jobs/") else {"data": {"type": "job"}}
