"""Counts minutes without end, as the housekeeper does, until it is killed; and what they must be at the end."""

import sys
from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from dashboard.app import create_app
from dashboard.core.histogram import bucket
from dashboard.core.minutes import COLUMNS, Counts
from dashboard.database.schema import jobs, minutes, runs
from dashboard.services import minutes as service


def stored(tx: Connection, span: int) -> Counts:
    """The table's rows of a span."""
    rows = tx.execute(select(minutes).where(minutes.c.span == span)).mappings()
    return {(row["at"], row["type"]): [row[name] for name in COLUMNS] for row in rows}


def wanted(tx: Connection, span: int) -> Counts:
    """The same, counted one by one from the jobs and their runs."""
    found: Counter[tuple[int, str, str]] = Counter()

    def note(event: str, kind: str, time: datetime, began: datetime | None = None) -> None:
        at = int(time.replace(tzinfo=UTC).timestamp()) // span * span
        histogram = {"started": "waited", "completed": "ran", "failed": "ran"}.get(event)
        for name in (kind, ""):
            found[at, name, event] += 1
            if began is not None:
                found[at, name, f"{histogram}_{bucket((time - began).total_seconds())}"] += 1

    history: dict[int, list[object]] = {}
    kinds: dict[int, tuple[str, datetime]] = {row.seq: (row.type, row.created_at) for row in tx.execute(select(jobs))}
    for run in tx.execute(select(runs)):
        kind, created_at = kinds[run.seq]
        note("started", kind, run.started_at, created_at if run.attempt == 1 else None)
        history.setdefault(run.seq, []).append(run)
    for job in tx.execute(select(jobs)):
        note("created", job.type, job.created_at)
        of_a_run = any(
            run.ended_at is None or run.ended_at >= job.started_at  # type: ignore[attr-defined]
            for run in (history.get(job.seq, []) if job.started_at else [])
        )
        if job.started_at and not of_a_run:
            note("started", job.type, job.started_at, job.created_at)
        if job.status == "COMPLETED":
            note("completed", job.type, job.completed_at, job.started_at)
        elif job.status == "FAILED":
            note("failed" if job.started_at else "called_off", job.type, job.completed_at, job.started_at)
    counts: Counts = {}
    for (at, kind, column), number in found.items():
        counts.setdefault((at, kind), [0] * len(COLUMNS))[COLUMNS.index(column)] += number
    return counts


def main(url: str) -> None:
    app = create_app({"DATABASE_URL": url})
    with app.app_context():
        while True:
            service.recount(service.Counter())
            service.bring_along()
            print(end=".", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
