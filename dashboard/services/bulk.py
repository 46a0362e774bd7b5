"""Do the same to all jobs that a filter selects, slice by slice: run again, call off or fail, change the priority.

Jobs that were chosen one by one are few: they are one slice.

A slice is one transaction, and needs nothing of the one before but its `next`: a client that was cut off, or a server
that was killed, goes on from there. A slice that is repeated does nothing twice.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import uuid5

from sqlalchemy import Connection

from dashboard.core.activity import Did
from dashboard.core.job import NAMESPACE, JobStatus, utc_now
from dashboard.core.reason import failure
from dashboard.core.transitions import Action
from dashboard.core.who import NOBODY, Who
from dashboard.database import clock
from dashboard.database.transactions import reading, write
from dashboard.services.activity import together
from dashboard.services.search import Found, Place, walk
from dashboard.store import activity, due, jobs, runs, selection
from dashboard.store.selection import Picked, Selection

Done = tuple[set[int], set[int]]  # the seqs of those done now, and of those done by the same slice before


class What(StrEnum):
    """What is done."""

    RETRY = "retry"  # finished jobs: a new one each, unless it has been run again
    FAIL = "fail"  # PENDING ones: called off; RUNNING ones are taken from who holds them
    PRIORITY = "priority"  # of PENDING ones
    UNDO = "undo"  # call off what RETRY made by this key of these jobs, as far as it is PENDING


# The statuses that each is about; without one in the filter it is the first.
STATUSES = {
    What.RETRY: (JobStatus.FAILED, JobStatus.COMPLETED),
    What.FAIL: (JobStatus.PENDING, JobStatus.RUNNING),
    What.PRIORITY: (JobStatus.PENDING,),
    What.UNDO: (JobStatus.FAILED, JobStatus.COMPLETED),
}


class Bulk(NamedTuple):
    """A request for one slice. RETRY and UNDO need a `key`, the same for all slices: ids of new jobs are made of it."""

    what: What
    selection: Selection
    limit: int
    place: Place | None = None
    key: str = ""
    priority: int = 0
    reason: str | None = None
    dry_run: bool = False
    chosen: Sequence[int] = ()  # the seqs of these jobs, instead of those that the selection has


class Slice(NamedTuple):
    """What became of one slice."""

    matched: int  # jobs that the filter selects, or that were chosen
    done: int  # by this slice, now or when it was sent the first time; 0 of a dry run
    skipped: int  # that are not to be done: run again already, or of another status by now
    types: dict[str, int]  # of those that were done, or that would be
    next: Place | None  # where the next slice begins; None when this was the last


def run(bulk: Bulk, who: Who = NOBODY) -> Slice:
    """Do one slice, or say what it would do."""
    statuses = STATUSES[bulk.what]
    status = bulk.selection.status or statuses[0]
    if status not in statuses:
        raise ValueError(f"{bulk.what} is for {' and '.join(statuses)} jobs, not {status}")
    if bulk.chosen:
        with reading() as tx:
            found = Found(selection.chosen(tx, bulk.chosen, [status] if bulk.what is What.FAIL else statuses), None)
    else:
        found = walk(bulk.selection._replace(status=status), bulk.limit, bulk.place)
    matched = len(bulk.chosen or found.picked)
    if not found.picked:
        done: set[int] = set()
    elif bulk.dry_run:
        with reading() as tx:
            done = _may(tx, bulk, found.picked)
    else:
        done = write(lambda tx: _do(tx, bulk, status, found.picked, who))
    return Slice(
        matched,
        0 if bulk.dry_run else len(done),
        matched - len(done),
        dict(Counter(job.type for job in found.picked if job.seq in done).most_common()),
        found.next,
    )


def retry_id(key: str, job_id: str) -> str:
    """The id of the job that runs this one again, by this key."""
    return str(uuid5(NAMESPACE, f"bulk\n{key}\n{job_id}"))


def _do(tx: Connection, bulk: Bulk, status: JobStatus, picked: Sequence[Picked], who: Who) -> set[int]:
    """What is done; those that this slice did when it was sent the first time, too, but they are not kept twice."""
    done, before = _DO[bulk.what](tx, bulk, status, picked, who)
    if done and who.is_known:
        slices = together(who.name, bulk.what, bulk.key) if bulk.key else None
        did = Did(f"bulk_{bulk.what}")
        activity.append(tx, who, did, count=len(done), detail=_told(bulk, status), part_of=slices)
    return done | before


def _told(bulk: Bulk, status: JobStatus) -> str:
    """Which jobs, without the texts that were searched for: these may be from a payload."""
    to = f"; to priority {bulk.priority}" if bulk.what is What.PRIORITY else ""
    if bulk.chosen:
        return f"chosen one by one{to}"
    selection = bulk.selection
    kind = selection.type or (selection.type_prefix and f"{selection.type_prefix}…")
    is_searched = selection.q is not None or selection.reason is not None
    parts = [status, kind, "by a search" if is_searched else None]
    return ", ".join(part for part in parts if part) + to


def _may(tx: Connection, bulk: Bulk, picked: Sequence[Picked]) -> set[int]:
    """Which would be done."""
    if bulk.what is not What.RETRY:
        return {job.seq for job in picked}
    return {job.seq for job in picked} - jobs.run_again(tx, [job.seq for job in picked])


def _retry(tx: Connection, bulk: Bulk, _status: JobStatus, picked: Sequence[Picked], who: Who) -> Done:
    ids = {retry_id(bulk.key, job.id): job.seq for job in picked}
    runs.lock(tx, [job.id for job in picked])  # two slices at once: the second one sees what the first one made
    before = {ids[made] for made in runs.find(tx, ids)}
    again = jobs.run_again(tx, list(ids.values()))
    new = [{"seq": seq, "new_id": new_id} for new_id, seq in ids.items() if seq not in again]
    if new:
        jobs.insert_again(tx, new, utc_now(), who.name)
    return {row["seq"] for row in new}, before  # type: ignore[misc]


def _fail(tx: Connection, bulk: Bulk, status: JobStatus, picked: Sequence[Picked], who: Who) -> Done:
    locked = runs.lock(tx, [job.id for job in picked])
    seqs = sorted(job.seq for job in locked.values() if job.status == status)
    rows = [{"seq": seq, **failure(bulk.reason)._asdict()} for seq in seqs]
    now = clock.now(tx)
    if not rows:
        return set(), set()
    if status is JobStatus.PENDING:
        due.fail(tx, rows, now, who.name)
    else:
        runs.take_away(tx, seqs, bulk.reason, who.name)
        runs.finish(tx, Action.FAIL, rows, now, who.name)
    return set(seqs), set()


def _prioritise(tx: Connection, bulk: Bulk, status: JobStatus, picked: Sequence[Picked], who: Who) -> Done:
    locked = runs.lock(tx, [job.id for job in picked])
    seqs = sorted(job.seq for job in locked.values() if job.status == status)
    if seqs:
        jobs.prioritise(tx, seqs, bulk.priority)
    return set(seqs), set()


def _undo(tx: Connection, bulk: Bulk, _status: JobStatus, picked: Sequence[Picked], who: Who) -> Done:
    sources = {retry_id(bulk.key, job.id): job.seq for job in picked}
    pending = {job_id: job for job_id, job in runs.lock(tx, sources).items() if job.status == JobStatus.PENDING}
    why = failure(bulk.reason or "called off: it was run again by mistake")
    rows = [{"seq": seq, **why._asdict()} for seq in sorted(job.seq for job in pending.values())]
    if rows:
        due.fail(tx, rows, clock.now(tx), who.name)
    return {sources[job_id] for job_id in pending}, set()


_DO = {What.RETRY: _retry, What.FAIL: _fail, What.PRIORITY: _prioritise, What.UNDO: _undo}
