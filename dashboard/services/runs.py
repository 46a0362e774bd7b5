"""What the holder of a lease does: heartbeat, complete, fail, release; each alone or many in one call.

The token is the fence. A call whose run is open is carried out; one whose run already ended by the same action under
this token is a repeat, answers as the first one did, and changes nothing; any other is refused.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from dashboard.core.errors import JobError, JobNotFoundError, LeaseLostError, words
from dashboard.core.job import JobStatus
from dashboard.core.numbers import RETRIED
from dashboard.core.reason import failure
from dashboard.core.run import FullJob, Outcome
from dashboard.core.transitions import Action
from dashboard.core.who import NOBODY, Who
from dashboard.database import clock
from dashboard.database.transactions import note, write
from dashboard.services.settle import next_attempt
from dashboard.store import full_jobs, runs

NEVER = float("inf")  # as the delay of a failure: there is no next attempt


class End(NamedTuple):
    """A call that ends a run: COMPLETE with a result, FAIL with a reason, or RELEASE.

    `delay` is in seconds: of a release until the job is ready, of a failure until its next attempt (None: the backoff,
    NEVER: none).
    """

    id: str
    token: str
    action: Action
    result: str | None = None
    reason: str | None = None
    delay: float | None = None


class Beat(NamedTuple):
    """A heartbeat: the lease in seconds (None: as last time), and what to show of the progress."""

    id: str
    token: str
    lease: int | None = None
    progress: int | None = None
    message: str | None = None


class Heard(NamedTuple):
    """What a heartbeat answers."""

    lease_expires_at: datetime
    attempt: int


OUTCOMES = {Action.COMPLETE: Outcome.COMPLETED, Action.FAIL: Outcome.FAILED, Action.RELEASE: Outcome.RELEASED}


def end(call: End, who: Who = NOBODY) -> FullJob:
    """End a run; the job as it is then. Raises LeaseLostError or JobNotFoundError."""

    def work(tx: Connection) -> FullJob:
        (refusal,) = _end_all(tx, [call], _Meeting(tx, [call], []), who)
        if refusal:
            raise refusal
        return full_jobs.full(tx, [call.id])[call.id]

    return write(work)


def heartbeat(call: Beat) -> Heard:
    """Prolong a run's lease. Raises LeaseLostError or JobNotFoundError."""

    def work(tx: Connection) -> Heard:
        (answer,) = _hear_all(tx, [call], _Meeting(tx, [], [call]))
        if isinstance(answer, JobError):
            raise answer
        return answer

    return write(work)


def release_all(token: str, delay: float, who: Who = NOBODY) -> list[FullJob]:
    """Give back every job that is held under this token; the jobs as they are then."""

    def work(tx: Connection) -> list[FullJob]:
        ids = [job.id for job in runs.under(tx, token) if job.is_held]
        calls = [End(job_id, token, Action.RELEASE, delay=delay) for job_id in ids]
        refusals = _end_all(tx, calls, _Meeting(tx, calls, []), who)
        given_back = [job_id for job_id, refusal in zip(ids, refusals, strict=True) if refusal is None]
        found = full_jobs.full(tx, given_back)
        return [found[job_id] for job_id in given_back]

    return write(work)


def report(calls: Sequence[End | Beat], who: Who = NOBODY) -> list[JobError | None]:
    """Many calls about different jobs at once: each is judged alone, and all that hold are committed together."""

    def work(tx: Connection) -> list[JobError | None]:
        ends = [call for call in calls if isinstance(call, End)]
        beats = [call for call in calls if isinstance(call, Beat)]
        meets = _Meeting(tx, ends, beats)
        refusals = _end_all(tx, ends, meets, who)
        answers: dict[str, JobError | None] = dict(zip([call.id for call in ends], refusals, strict=True))
        for call, heard in zip(beats, _hear_all(tx, beats, meets), strict=True):
            answers[call.id] = heard if isinstance(heard, JobError) else None
        return [answers[call.id] for call in calls]

    return write(work)


def _end_all(tx: Connection, calls: Sequence[End], meets: "_Meeting", who: Who) -> list[JobError | None]:
    """End the runs that these calls hold; for each, why not, or None."""
    if not calls:
        return []
    now = clock.now(tx)
    ended: list[dict[str, Any]] = []
    finished: dict[Action, list[dict[str, Any]]] = {Action.COMPLETE: [], Action.FAIL: []}
    again: list[dict[str, Any]] = []
    refusals: list[JobError | None] = []
    for call in calls:
        run = meets.run_of(call)
        if run is None or run.ended_at is not None:
            is_repeat = run is not None and run.outcome == OUTCOMES[call.action]
            refusals.append(None if is_repeat else meets.refusal(call))
            continue
        refusals.append(None)
        job = meets.jobs[call.id]
        ended.append({"seq": job.seq, "attempt": run.attempt, "outcome": OUTCOMES[call.action], "reason": call.reason})
        failures = run.failures + 1
        if call.action is Action.COMPLETE:
            finished[Action.COMPLETE].append({"seq": job.seq, "result": call.result})
        elif call.action is Action.RELEASE:
            again.append({"seq": job.seq, "run_at": _later(now, call.delay or 0)})
        elif call.delay == NEVER or failures >= (job.max_attempts or 1):
            finished[Action.FAIL].append({"seq": job.seq, **failure(call.reason)._asdict()})
        else:
            run_at = next_attempt(now, failures) if call.delay is None else _later(now, call.delay)
            again.append({"seq": job.seq, "run_at": run_at})
            note(tx, RETRIED, 1)
    runs.end(tx, ended, now, who.name)
    for action, rows in finished.items():
        runs.finish(tx, action, rows, now, who.name)
    runs.give_back(tx, again)
    return refusals


def _hear_all(tx: Connection, calls: Sequence[Beat], meets: "_Meeting") -> list[Heard | JobError]:
    """Prolong the runs that these calls hold; for each, until when, or why not. No row of jobs is touched or locked."""
    if not calls:
        return []
    now = clock.now(tx)
    rows = []
    for call in calls:
        run = meets.run_of(call)
        if run is not None and run.ended_at is None:
            lease = call.lease or run.lease
            rows.append(
                {
                    "seq": run.seq,
                    "attempt": run.attempt,
                    "lease": lease,
                    "expires_at": now + timedelta(seconds=lease),
                    "progress": call.progress,
                    "message": call.message,
                }
            )
    heard = {seq: Heard(expires_at, attempt) for seq, attempt, expires_at in runs.hear(tx, rows, now)} if rows else {}
    of_job = {job.id: heard[job.seq] for job in meets.jobs.values() if job.seq in heard}
    lost = [call for call in calls if call.id not in of_job]
    now_met = _Meeting(tx, [], lost, locks=False) if lost else meets  # the jobs may have changed before the locks
    return [of_job.get(call.id) or now_met.refusal(call) for call in calls]


class _Meeting:
    """What calls meet: their jobs, and of these the runs with the calls' tokens and the open ones.

    The jobs that are to end are locked, and then the runs: a heartbeat leaves the jobs alone.
    """

    def __init__(self, tx: Connection, ends: Sequence[End], beats: Sequence[Beat], *, locks: bool = True) -> None:
        calls: list[End | Beat] = [*ends, *beats]
        self.jobs = runs.lock(tx, [call.id for call in ends]) if ends else {}
        if beats:
            self.jobs |= runs.find(tx, [call.id for call in beats])
        pairs = [(self.jobs[call.id].seq, call.token) for call in calls if call.id in self.jobs]
        found = (runs.lock_known if locks else runs.known)(tx, pairs) if pairs else []
        self._runs = {(run.seq, run.token): run for run in found}
        self._open = {run.seq: run for run in found if run.ended_at is None}

    def run_of(self, call: End | Beat) -> runs.KnownRun | None:
        """The run that has the call's token."""
        job = self.jobs.get(call.id)
        return self._runs.get((job.seq, call.token)) if job else None

    def refusal(self, call: End | Beat) -> JobError:
        """Why the call's token holds the job no longer."""
        if (job := self.jobs.get(call.id)) is None:
            return JobNotFoundError()
        if other := self._open.get(job.seq):
            return LeaseLostError(f"the job is RUNNING under another lease (attempt {other.attempt})")
        run = self.run_of(call)
        if run is None or run.ended_at is None:
            return LeaseLostError(f"this token holds no run of the job; it is {job.status}")
        why = f" ({run.reason})" if run.reason else ""
        if run.outcome == Outcome.TAKEN:
            return LeaseLostError(f"the job was called off {words(run.ended_at)}{why}")
        if run.outcome == Outcome.EXPIRED:
            return LeaseLostError(f"it ran out {words(run.expires_at)}; {_now_is(job)}")
        return LeaseLostError(f"this run was {run.outcome} {words(run.ended_at)}; {_now_is(job)}")


def _now_is(job: runs.LockedJob) -> str:
    if job.status != JobStatus.PENDING:
        return f"the job is {job.status}"
    return f"the job is PENDING again{f', from {words(job.run_at)}' if job.run_at else ''}"


def _later(now: datetime, seconds: float) -> datetime | None:
    return now + timedelta(seconds=seconds) if seconds > 0 else None
