"""Claim the next job, and look at the queue."""

from collections.abc import Iterable
from itertools import count

from flask import current_app
from sqlalchemy import Connection

from dashboard.core.claim_queue import WINDOW, ClaimQueue, Entry
from dashboard.core.errors import NoPendingJobsError
from dashboard.core.job import Job, JobStatus, utc_now
from dashboard.core.transitions import Action
from dashboard.database.transactions import write
from dashboard.store import claims, counts, jobs

STALE_MAX = 20  # stale entries that a claim passes over one by one; a refill is then cheaper than going on

REFILL_AFTER = 1.0  # seconds that a queue over PostgreSQL may not know of a job


def claim() -> Job:
    """Take the next job, now RUNNING: the highest priority first, and of those the oldest."""
    if (queue := claim_queue()) is None:
        job = write(lambda tx: claims.claim_next(tx, utc_now()), one_statement=True)
    else:
        job = write(lambda tx: _claim_next(tx, queue), undone=queue.forget)  # what was popped is still PENDING then
    if job is None:
        raise NoPendingJobsError
    return job


def claim_queue() -> ClaimQueue | None:
    """This process's queue; None where the database says what is next."""
    queue: ClaimQueue | None = current_app.extensions["claim_queue"]
    return queue


def queue_snapshot(tx: Connection, limit: int) -> tuple[list[claims.QueuedJob], int]:
    """The first `limit` entries of the queue with the jobs they point at, and how many entries it has.

    Only a claim changes the queue. What it has not seen yet is looked up here, and told as the claim will find it; so
    are the entries of claims that are not committed yet. Where more are asked for than it knows by name, the
    database's order is told, which is what it would hand out.
    """
    queue = claim_queue()
    known = None if queue is None else queue.snapshot(limit)
    new = None if known is None else claims.pending_after(tx, known.cursor, limit=WINDOW + 1)
    if queue is None or known is None or new is None or len(new) > WINDOW:
        return claims.next_pending(tx, limit), counts.counts(tx).pending
    claimed = {entry.seq for entry in queue.claimed}
    entries = sorted({*known.entries, *queue.claimed, *(Entry(-priority, seq) for seq, priority in new)})
    found = claims.queued(tx, [entry.seq for entry in entries[: limit + len(claimed)]])
    shown = [job for job in found if job.seq not in claimed or job.status == JobStatus.PENDING]
    return shown[:limit], known.total + len(new) + sum(job.seq in claimed for job in shown)


def _catch_up(tx: Connection, queue: ClaimQueue) -> None:
    """Have the queue know every job that this transaction sees.

    A new job enters the queue here and nowhere else: read from the table, so after its commit, whichever process
    created it. In SQLite seqs commit in order, so nothing can appear behind the cursor. In PostgreSQL they do not:
    there a refill now and then finds what a cursor has passed.
    """
    exact = tx.dialect.name == "sqlite"
    is_fresh = not queue.runs_low() and (exact or queue.seconds_since_refill() < REFILL_AFTER)
    if is_fresh and (cursor := queue.cursor) is not None:
        rows = claims.pending_after(tx, cursor, limit=WINDOW + 1)
        if len(rows) <= WINDOW:
            queue.catch_up(cursor, rows)
            return
    _refill(tx, queue)


def _refill(tx: Connection, queue: ClaimQueue) -> None:
    queue.refill(claims.candidates(tx, WINDOW), cursor=claims.last_seq(tx), total=counts.counts(tx).pending)


def _claim_next(tx: Connection, queue: ClaimQueue) -> Job | None:
    _catch_up(tx, queue)
    if job := _pop(tx, queue, range(STALE_MAX)):
        return job
    _refill(tx, queue)  # ask the table itself before saying that there is none, or when others have taken many
    return _pop(tx, queue, count())


def _pop(tx: Connection, queue: ClaimQueue, tries: Iterable[int]) -> Job | None:
    for _ in tries:
        if (seq := queue.pop()) is None:
            return None
        if job := jobs.act(tx, Action.CLAIM, seq, utc_now()):
            queue.claimed.append(Entry(-job.priority, seq))
            return job
    return None
