"""The queue inspector: who is next, and where the database has another order."""

import os
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from dashboard.core.job import JobStatus, utc_now
from dashboard.services import claims as claim_service
from dashboard.store import counts, queued
from dashboard.store.queued import QueuedJob
from dashboard.web import pace
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Element, Live, revision, role, row_context

QUEUE_SIZE = 100

LATER_SIZE = 20


class Place(NamedTuple):
    """A job that waits, with its place in the queue and `there`, in the database; None where it is not."""

    job: QueuedJob
    here: int | None
    there: int | None
    turn: timedelta | None


def tag(tx: Connection) -> str:
    """With the process in it, for each has a queue of its own, and the minute: turns depend on the last ones."""
    return _tag(revision(tx))


def _tag(changed: str) -> str:
    return f"{changed}.{os.getpid()}.{utc_now():%H%M}"


def load(tx: Connection) -> Context:
    """The first jobs that wait, in claim order, and the first of those that are for later, which no claim takes yet."""
    tally = counts.counts(tx)
    entries, total = claim_service.queue_snapshot(tx, QUEUE_SIZE)
    ours = [entry for entry in entries if entry.status == JobStatus.PENDING]
    theirs = queued.next_pending(tx, QUEUE_SIZE)
    agrees = ours == theirs[: len(ours)] and bool(ours) == bool(theirs)
    passed = len(entries) - len(ours)
    started = pace.started(tx)
    return {
        "live": Live(url_for("fragments.queue"), _tag(f"{tally.revision}{role()}")),
        "total": total - passed,
        "places": _places(ours, ours if agrees else theirs, started),
        "agrees": agrees,
        "passed": passed,
        "pace": pace.sentence(started),
        "delayed": tally.delayed,
        "later": queued.later(tx, LATER_SIZE) if tally.delayed else [],
        "pid": None if claim_service.claim_queue() is None else os.getpid(),
        **row_context(),
    }


def _places(ours: list[QueuedJob], theirs: list[QueuedJob], started: int) -> list[Place]:
    """The queue's jobs, and after them those that only the database has."""
    here = {job.id: place for place, job in enumerate(ours, 1)}
    there = {job.id: place for place, job in enumerate(theirs, 1)}
    jobs = ours + [job for job in theirs if job.id not in here]
    return [
        Place(job, here.get(job.id), there.get(job.id), pace.turn(here.get(job.id) or there[job.id], started))
        for job in jobs
    ]


QUEUE = Element("queue/_queue.html", tag, load)
