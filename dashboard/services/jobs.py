"""Create, process, complete, fail, call off: what a client does to a job without a lease; and retry.

Payloads and results are JSON text. Each function raises the JobError that says why it refused, and then nothing has
changed.
"""

from collections.abc import Callable

from sqlalchemy import Connection
from uuid_utils import uuid7

from dashboard.core.activity import Did
from dashboard.core.errors import ActionRefusedError, ExpiredError, LeasedError, NotFinishedError, StartPausedError
from dashboard.core.job import Job, JobStatus, NewJob, utc_now
from dashboard.core.reason import Failure, Success, failure
from dashboard.core.run import FullJob
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.core.who import NOBODY, Who
from dashboard.database.transactions import asking, write
from dashboard.services.activity import of_person
from dashboard.services.create import add
from dashboard.store import activity, finished, jobs, pause, runs


def create(type: str, payload: str | None, priority: int, who: Who = NOBODY) -> Job:  # noqa: A002
    """Enqueue a job, PENDING."""
    job_id = str(uuid7())

    def insert(tx: Connection) -> Job:
        return jobs.insert(tx, id=job_id, type=type, payload=payload, priority=priority, now=utc_now(), who=who.name)

    return write(insert, one_statement=True)


def process(job_id: str, who: Who = NOBODY) -> Job:
    """Take this job, now RUNNING."""
    return _act(Action.PROCESS, job_id, who)


def complete(job_id: str, result: str | None, who: Who = NOBODY) -> Job:
    """End a RUNNING job well; the result is a JSON object's text. Raises LeasedError for a job that a lease holds."""
    return _act(Action.COMPLETE, job_id, who, Success(result))


def fail(job_id: str, reason: str | None, who: Who = NOBODY) -> Job:
    """End a RUNNING job badly, or call a PENDING one off; a reason becomes its result. A lease is taken away."""

    def work(tx: Connection) -> Job | None:
        is_routine = True  # of a script: to end what it started itself
        for job in runs.lock(tx, [job_id]).values():
            is_leased = job.status == JobStatus.RUNNING and runs.take_away(tx, [job.seq], reason, who.name)
            is_routine = job.status == JobStatus.RUNNING and not is_leased
        failed = jobs.act(tx, Action.FAIL, job_id, utc_now(), failure(reason), who.name)
        if failed and who.is_known and (who.is_person or not is_routine):
            activity.append(tx, who, Did.FAIL, job_id=job_id)
        return failed

    return _move(Action.FAIL, job_id, work, one_statement=False)


def call_off(job_id: str, who: Who = NOBODY) -> Job:
    """Undo a creation: fail the job, unless a worker has started it already."""
    return _act(Action.UNDO, job_id, who, failure("called off right after it was created"))


def retry(job_id: str, who: Who = NOBODY) -> FullJob:
    """A new job with the type, payload and priority of this finished one, and `retry_of`."""

    def work(tx: Connection) -> FullJob:
        job = jobs.get(tx, job_id)
        if job.completed_at is None:
            raise NotFinishedError("retry", job.status)
        again = add(tx, NewJob(job.type, job.payload, job.priority, retry_of=job.id), who.name)
        if who.is_known:
            activity.append(tx, who, Did.RETRY, job_id=job.id, detail=f"as {again.id}")
        return again

    return write(work)


def delete(job_id: str, who: Who = NOBODY) -> None:
    """Delete this finished job, with its runs.

    Where it has ended in the last two minutes the minutes lose it, too: these are counted once more.
    """

    def work(tx: Connection) -> bool:
        name = finished.delete_one(tx, job_id)
        if name is not None and who.is_known:
            activity.append(tx, who, Did.DELETE, job_id=job_id, detail=name)
        return name is not None

    while not write(work):
        with asking() as tx:
            check_deletable(tx, job_id)
        # It ended between the two statements: try again.


def check_deletable(tx: Connection, job_id: str) -> Job:
    """The job, if it has ended; else raises why it is not deleted."""
    job = jobs.get(tx, job_id)
    if job.completed_at is None:
        raise NotFinishedError("delete", job.status)
    return job


def _act(action: Action, job_id: str, who: Who, end: Success | Failure | None = None) -> Job:
    def work(tx: Connection) -> Job | None:
        if job := jobs.act(tx, action, job_id, utc_now(), end, who.name):
            of_person(tx, who, Did(action), job_id)
        return job

    return _move(action, job_id, work, one_statement=not who.is_person)


def _move(action: Action, job_id: str, guarded: Callable[[Connection], Job | None], *, one_statement: bool) -> Job:
    """Run the action; where its WHERE clause held for no row, say why."""
    while (moved := write(guarded, one_statement=one_statement)) is None:
        with asking() as tx:
            check(tx, action, job_id)
        # Another request changed its status between the two statements: try again.
    return moved


def check(tx: Connection, action: Action, job_id: str) -> Job:
    """The job as it is, if it allows the action; else raises why it does not."""
    job, hands = jobs.get_with_hands(tx, job_id)
    if job.status not in TRANSITIONS[action].sources:
        since = job.completed_at or job.started_at or job.created_at
        raise ActionRefusedError(action, job.status, since, hands.of(job))
    if action is Action.PROCESS and jobs.is_expired(tx, job_id):
        raise ExpiredError
    if action is Action.PROCESS and (paused := pause.get(tx)):
        raise StartPausedError(paused)
    if action is Action.COMPLETE and (run := runs.open_run(tx, job_id)):
        raise LeasedError(run.worker, run.expires_at)
    return job
