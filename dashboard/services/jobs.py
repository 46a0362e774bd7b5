"""Create, process, complete, fail, call off.

Payloads and results are JSON text. Each function raises the JobError that says why it refused; nothing has
changed then."""

from typing import NoReturn

from sqlalchemy import Connection
from uuid_utils import uuid7

from dashboard.core.errors import ActionRefusedError
from dashboard.core.job import Job, json_text, utc_now
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.database.transactions import asking, write
from dashboard.store import jobs


def create(type: str, payload: str | None, priority: int) -> Job:  # noqa: A002
    """Enqueue a job, PENDING."""

    def insert(tx: Connection) -> Job:
        return jobs.insert(tx, id=str(uuid7()), type=type, payload=payload, priority=priority, now=utc_now())

    return write(insert, one_statement=True)


def process(job_id: str) -> Job:
    """Take this job, now RUNNING."""
    return _act(Action.PROCESS, job_id)


def complete(job_id: str, result: str | None) -> Job:
    """End a RUNNING job well; the result is a JSON object's text."""
    return _act(Action.COMPLETE, job_id, result)


def fail(job_id: str, reason: str | None) -> Job:
    """End a RUNNING job badly, or call a PENDING one off; a reason becomes its result."""
    return _act(Action.FAIL, job_id, json_text({"reason": reason}) if reason else None)


def call_off(job_id: str) -> Job:
    """Undo a creation: fail the job, unless a worker has started it already."""
    return _act(Action.UNDO, job_id, json_text({"reason": "called off right after it was created"}))


def _act(action: Action, job_id: str, result: str | None = None) -> Job:
    """Run the action's one statement; where its WHERE clause held for no row, say why."""
    while (moved := write(lambda tx: jobs.act(tx, action, job_id, utc_now(), result), one_statement=True)) is None:
        with asking() as tx:
            job = jobs.get(tx, job_id)
        if job.status not in TRANSITIONS[action].sources:
            refuse(action, job)
        # Another request changed its status between the two statements: try again.
    return moved


def refuse(action: Action, job: Job) -> NoReturn:
    """Say that the job's status forbids the action."""
    raise ActionRefusedError(action, job.status, job.completed_at or job.started_at or job.created_at)
