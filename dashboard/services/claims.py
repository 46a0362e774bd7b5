"""Claim the next job, and look at the queue.

On SQLite the process-local queue says which job is next, on PostgreSQL the table by one statement; both are exact
among the ready jobs, whichever process answers.
"""

from collections.abc import Sequence
from datetime import timedelta
from sys import maxsize
from typing import NamedTuple

from flask import current_app
from sqlalchemy import Connection

from dashboard.core.activity import Did
from dashboard.core.claim_queue import WINDOW, ClaimQueue, Entry
from dashboard.core.errors import ClaimsPausedError, KeyUsedError, NoPendingJobsError
from dashboard.core.job import Job, JobStatus, utc_now
from dashboard.core.run import FullJob, Lease, LeasedJob
from dashboard.core.transitions import Action
from dashboard.core.who import NOBODY, Who
from dashboard.database import clock
from dashboard.database.transactions import asking, write
from dashboard.services.activity import of_person
from dashboard.services.grace import Grace
from dashboard.services.jobs import check
from dashboard.services.settle import settle
from dashboard.store import claims, counts, full_jobs, jobs, queued, runs

STALE_MAX = 20  # stale entries that a claim passes over one by one; a refill is then cheaper than going on


class _Wish(NamedTuple):
    """What a claim asks for: `attempts` is given with a lease."""

    types: Sequence[str]
    limit: int
    attempts: int | None
    who: str | None


def claim(types: Sequence[str] = (), who: Who = NOBODY) -> Job:
    """Take the next job of these types (none: of any), now RUNNING: the highest priority first, then the oldest.

    Raises NoPendingJobsError, or ClaimsPausedError, which is one.
    """
    if not (found := claim_many(1, types, who)):
        raise NoPendingJobsError
    return found[0]


def claim_many(limit: int, types: Sequence[str] = (), who: Who = NOBODY) -> list[Job]:
    """The same for as many as there are, up to a limit. Raises ClaimsPausedError."""
    queue, grace = claim_queue(), this_grace()
    if queue is None and limit == 1 and not types and not who.is_person:
        job = _claim_next(grace, who)
        return [job] if job else []
    wish = _Wish(types, limit, None, who.name)

    def work(tx: Connection) -> list[jobs.Row]:
        rows = _take(tx, queue, wish, grace)
        for row in rows:
            of_person(tx, who, Did.CLAIM, row.id)
        return rows

    rows = write(
        work,
        undone=_nothing if queue is None else queue.forget,  # what was popped is still PENDING then
    )
    return [row.as_job() for row in rows]


def _claim_next(grace: Grace, who: Who) -> Job | None:
    """On PostgreSQL: one statement, where nothing is due."""
    sweeps = grace.is_over()

    def next_job(settled: bool) -> Job | None:
        return write(
            lambda tx: claims.claim_next(tx, utc_now(), settled=settled, sweeps=sweeps, who=who.name),
            one_statement=True,
        )

    if job := next_job(settled=False):
        return job
    with asking() as tx:
        if not claims.may_find(tx, (), sweeps=sweeps):
            return None
    write(lambda tx: settle(tx, grace))
    return next_job(settled=True)


def lease(limit: int, types: Sequence[str], lease: Lease, *, is_key: bool, who: Who = NOBODY) -> list[LeasedJob]:
    """Claim jobs under a token. With a key of the client's (`is_key`) a repeat answers the jobs still held under it.

    Raises KeyUsedError for a key whose runs have all ended.
    """
    queue, grace = claim_queue(), this_grace()
    wish = _Wish(types, limit, lease.attempts, who.name)

    def work(tx: Connection) -> list[LeasedJob]:
        if is_key and (held := _held(tx, lease.token)) is not None:
            return held
        return _begin(tx, _take(tx, queue, wish, grace), lease, who)

    return write(work, undone=_nothing if queue is None else queue.forget)


def process(job_id: str, lease: Lease, *, is_key: bool, who: Who = NOBODY) -> LeasedJob:
    """The same for this PENDING job, also before its `run_at`."""

    def work(tx: Connection) -> LeasedJob:
        if is_key and (held := _held(tx, lease.token)) is not None:
            if job := next((each for each in held if each.job.id == job_id), None):
                return job
            raise KeyUsedError("This Idempotency-Key holds another job")
        while True:
            if row := jobs.take(tx, job_id, utc_now(), lease.attempts, who.name):
                return _begin(tx, [row], lease, who)[0]
            check(tx, Action.PROCESS, job_id)

    return write(work)


def _nothing() -> None:
    """Nothing is to be undone."""


def this_grace() -> Grace:
    grace: Grace = current_app.extensions["grace"]
    return grace


def claim_queue() -> ClaimQueue | None:
    """This process's queue; None on PostgreSQL."""
    queue: ClaimQueue | None = current_app.extensions["claim_queue"]
    return queue


def _held(tx: Connection, token: str) -> list[LeasedJob] | None:
    """The jobs that are held under this key already; None when it is new."""
    runs.lock_key(tx, token)
    known = runs.under(tx, token)
    if not known:
        return None
    ids = [job.id for job in known if job.is_held]
    if not ids:
        raise KeyUsedError("The runs of this Idempotency-Key have ended; claim with a new key")
    found = full_jobs.full(tx, ids)
    return [LeasedJob(found[job_id], token) for job_id in sorted(ids, key=lambda each: -found[each].priority)]


def _begin(tx: Connection, rows: list[jobs.Row], lease: Lease, who: Who) -> list[LeasedJob]:
    if not rows:
        return []
    now = clock.now(tx)
    until = now + timedelta(seconds=lease.seconds)
    attempts = runs.begin(tx, [row.seq for row in rows], lease, now, until, who.name)
    return [
        LeasedJob(
            FullJob(
                *row.as_job(),
                run_at=row.run_at,
                expires_at=row.expires_at,
                max_attempts=row.max_attempts,
                attempt=attempts[row.seq],
                worker=lease.worker,
                lease_expires_at=until,
                progress=None,
                message=None,
                retry_of=row.retry_of,
            ),
            lease.token,
        )
        for row in rows
    ]


def _take(tx: Connection, queue: ClaimQueue | None, wish: _Wish, grace: Grace) -> list[jobs.Row]:
    """The next jobs in claim order, RUNNING now. What is due is settled first."""
    if queue is not None:
        return _take_of_types(tx, wish, grace) if wish.types else _take_from_queue(tx, queue, wish, grace)
    sweeps = grace.is_over()
    now = utc_now()
    rows = claims.take_next(tx, *wish, now=now, settled=False, sweeps=sweeps)
    if not rows and claims.may_find(tx, wish.types, sweeps=sweeps):
        settle(tx, grace)
        rows = claims.take_next(tx, *wish, now=now, settled=True, sweeps=sweeps)
    return rows


def _take_of_types(tx: Connection, wish: _Wish, grace: Grace) -> list[jobs.Row]:
    """From the heads of the types' own indexes; the queue finds these entries stale later."""
    if claims.is_due(tx, sweeps=grace.is_over()):
        settle(tx, grace)
    seqs = [seq for seq, _ in claims.heads(tx, wish.types, wish.limit)]
    return jobs.take_each(tx, seqs, utc_now(), wish.attempts, wish.who)


def _take_from_queue(tx: Connection, queue: ClaimQueue, wish: _Wish, grace: Grace) -> list[jobs.Row]:
    _catch_up(tx, queue, grace)
    taken = _pop(tx, queue, STALE_MAX + wish.limit, wish)
    while len(taken) < wish.limit:
        _refill(tx, queue)  # the table itself says that there is none, or that others have taken many
        if not (more := _pop(tx, queue, maxsize, wish._replace(limit=wish.limit - len(taken)))):
            break
        taken += more
    return taken


def _pop(tx: Connection, queue: ClaimQueue, tries: int, wish: _Wish) -> list[jobs.Row]:
    """Take as many jobs as are wanted by the queue's next entries, of which so many may be tried."""
    taken: list[jobs.Row] = []
    while wanted := min(wish.limit - len(taken), tries):
        if not (seqs := queue.pop(wanted)):
            break
        tries -= len(seqs)
        taken += jobs.take_each(tx, seqs, utc_now(), wish.attempts, wish.who)
    queue.claimed.extend(Entry(-row.priority, row.seq) for row in taken)
    return taken


def _catch_up(tx: Connection, queue: ClaimQueue, grace: Grace) -> None:
    """Have the queue know every ready job that this transaction sees.

    A job enters the queue here and nowhere else: read from the table, so after its commit, whichever process created
    it or made it ready. Seqs commit in order, so a new job cannot appear behind the cursor. One that becomes ready
    again does, or one whose priority changes: `woken` in the tally counts these, and another count than the last one
    means a refill.
    """
    cursor, sweeps = queue.cursor, grace.is_over()
    look = claims.look(tx, cursor or 0, sweeps=sweeps)
    if look.paused:
        raise ClaimsPausedError(look.paused)
    if look.is_due:
        settle(tx, grace)
        look = claims.look(tx, cursor or 0, sweeps=sweeps)
    if cursor is None or queue.woken != look.woken or queue.runs_low() or len(look.new) == claims.NEW_MAX:
        _refill(tx, queue)
    else:
        queue.catch_up(cursor, look.new)


def _refill(tx: Connection, queue: ClaimQueue) -> None:
    tally = counts.counts(tx)
    queue.refill(
        claims.candidates(tx, WINDOW),
        cursor=claims.last_seq(tx),
        total=tally.pending - tally.delayed,
        woken=tally.woken,
    )


def queue_snapshot(tx: Connection, limit: int) -> tuple[list[queued.QueuedJob], int]:
    """The first `limit` entries of the queue with the jobs they point at, and how many entries it has.

    Only a claim changes the queue. What it has not seen yet is looked up here, and shown as the claim will find it; so
    are the entries of claims that are not committed yet. A job that was given back until later is
    left out. Where more are asked for than it knows by name, and on PostgreSQL, it is the database's order.
    """
    queue = claim_queue()
    known = None if queue is None else queue.snapshot(limit)
    if queue is not None and known is not None:
        look = claims.look(tx, known.cursor, sweeps=False)
        if look.woken == queue.woken and len(look.new) < claims.NEW_MAX:
            claimed = {entry.seq for entry in queue.claimed}
            entries = sorted({*known.entries, *queue.claimed, *(Entry(-priority, seq) for seq, priority in look.new)})
            found = queued.queued(tx, [entry.seq for entry in entries[: limit + len(claimed)]])
            later = {job.seq for job in found if job.is_for_later}
            shown = [
                job
                for job in found
                if job.seq not in later and (job.seq not in claimed or job.status == JobStatus.PENDING)
            ]
            total = known.total + len(look.new) + sum(job.seq in claimed for job in shown) - len(later - claimed)
            return shown[:limit], total
    tally = counts.counts(tx)
    return queued.next_pending(tx, limit), tally.pending - tally.delayed
