"""The queue inspector: this process's queue beside the database's order."""

import os

from sqlalchemy import Connection

from dashboard.core.job import JobStatus
from dashboard.services import claims as claim_service
from dashboard.store import claims, counts
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Element, Live, revision, row_context

QUEUE_SIZE = 100

LATER_SIZE = 20


def tag(tx: Connection) -> str:
    """With the process in it: each has a queue of its own."""
    return f"{revision(tx)}.{os.getpid()}"


def load(tx: Connection) -> Context:
    """The first jobs of the queue in claim order, the first ready jobs of the table, and whether they agree.

    Beside them the first of those that are for later, which no claim takes yet.
    """
    delayed = counts.counts(tx).delayed
    entries, total = claim_service.queue_snapshot(tx, QUEUE_SIZE)
    pending = claims.next_pending(tx, QUEUE_SIZE)
    live = [entry.id for entry in entries if entry.status == JobStatus.PENDING]
    return {
        "live": Live(url_for("fragments.queue"), tag(tx)),
        "entries": entries,
        "total": total,
        "pending": pending,
        "delayed": delayed,
        "later": claims.later(tx, LATER_SIZE) if delayed else [],
        "next_id": live[0] if live else None,
        "agrees": live == [job.id for job in pending[: len(live)]] and bool(live) == bool(pending),
        "pid": None if claim_service.claim_queue() is None else os.getpid(),
        **row_context(),
    }


QUEUE = Element("queue/_queue.html", tag, load)
