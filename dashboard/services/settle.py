"""Settle what time has made due: delayed jobs become ready, expired ones fail, overdue runs end.

A claim does it before it looks at the order, and the housekeeper once a second; both in slices, so that no other
request waits long. It is harmless when it is cut off anywhere, and any number of processes may do it at once.
"""

from datetime import datetime
from random import random

from sqlalchemy import Connection

from dashboard.core.backoff import backoff
from dashboard.core.errors import words
from dashboard.core.numbers import EXPIRED, LEASES, RETRIED
from dashboard.core.reason import failure
from dashboard.core.transitions import Action
from dashboard.database import clock
from dashboard.database.planner import by_indexes
from dashboard.database.transactions import note
from dashboard.services.grace import Grace
from dashboard.store import due, runs

SLICE = 100  # jobs of each kind that one call settles: on SQLite a commit of 200 held up others for 60 ms


def settle(tx: Connection, grace: Grace, limit: int = SLICE) -> int:
    """Settle at most `limit` of each kind; returns how many. In a time of grace overdue runs are left alone.

    The runs come first: this waits for their locks, which a transaction that has written to jobs must not do, for it
    holds a row of the tally. The others pass over what is locked.
    """
    by_indexes(tx)
    sweeps = grace.is_over() and grace.is_over_at(clock.now(tx))
    return (_end_overdue_runs(tx, limit) if sweeps else 0) + _expire_jobs(tx, limit) + due.wake(tx, limit)


def _expire_jobs(tx: Connection, limit: int) -> int:
    if not (found := due.expired(tx, limit)):
        return 0
    rows = [{"seq": seq, **failure(f"expired {words(at)} before anybody began it")._asdict()} for seq, at in found]
    due.fail(tx, rows, clock.now(tx))
    note(tx, EXPIRED, len(found))
    return len(found)


def _end_overdue_runs(tx: Connection, limit: int) -> int:
    locked = due.overdue(tx, limit)
    if not locked:
        return 0
    open_runs = {run.seq: run for run in runs.lock_known(tx, [(job.seq, "") for job in locked])}
    now = clock.now(tx)
    reasons = {seq: _ran_out(run) for seq, run in open_runs.items()}
    ended = runs.expire(
        tx,
        [{"seq": seq, "attempt": run.attempt, "reason": reasons[seq]} for seq, run in sorted(open_runs.items())],
        now,
    )
    allowed = {job.seq: job.max_attempts for job in locked}
    failed, again = [], []
    for seq in sorted(ended):
        failures = open_runs[seq].failures + 1
        if failures < (allowed[seq] or 1):
            again.append({"seq": seq, "run_at": next_attempt(now, failures)})
        else:
            failed.append({"seq": seq, **failure(reasons[seq])._asdict()})
    runs.finish(tx, Action.FAIL, failed, now)
    runs.give_back(tx, again)
    note(tx, LEASES, len(ended))
    note(tx, RETRIED, len(again))
    return len(ended)


def _ran_out(run: runs.KnownRun) -> str:
    return f"the lease ran out; {run.worker or 'its worker'} was last heard of {words(run.heard_at)}"


def next_attempt(now: datetime, failures: int) -> datetime:
    """When a job that failed so often is ready again."""
    return now + backoff(failures, random())  # noqa: S311
