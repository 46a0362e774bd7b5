"""The queue inspector."""

import os

from sqlalchemy import Connection

from dashboard.core.job import JobStatus
from dashboard.services import claims as claim_service
from dashboard.store import claims
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Live, _rows, revision

QUEUE_SIZE = 100


def queue_tag(tx: Connection) -> str:
    return f"{revision(tx)}.{os.getpid()}"


def queue(tx: Connection) -> Context:
    """This process's entries in claim order, and beside them the database's own order."""
    entries, total = claim_service.queue_snapshot(tx, QUEUE_SIZE)
    pending = claims.next_pending(tx, QUEUE_SIZE)
    live = [entry.id for entry in entries if entry.status == JobStatus.PENDING]
    return {
        "live": Live(url_for("fragments.queue"), queue_tag(tx)),
        "entries": entries,
        "total": total,
        "pending": pending,
        "next_id": live[0] if live else None,
        "agrees": live == [job.id for job in pending[: len(live)]] and bool(live) == bool(pending),
        "pid": None if claim_service.claim_queue() is None else os.getpid(),
        **_rows(),
    }
