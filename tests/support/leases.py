"""Leases in tests: time that passes, and what must hold after every step."""

from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select, update

from dashboard.core.job import JobStatus
from dashboard.database.schema import jobs, runs, tally
from dashboard.database.transactions import reading, writing
from tests.support.calls import call

TOKEN = "a-token-of-16-to-64"
TIMES = {runs: ("started_at", "heard_at", "expires_at"), jobs: ("run_at", "expires_at")}


def pass_time(seconds: float) -> None:
    """Let so much time pass for leases: each of their times moves to the past. Needs an application context."""
    span = timedelta(seconds=seconds)
    with writing() as tx:
        for table, names in TIMES.items():
            keys = list(table.primary_key.columns)
            for row in tx.execute(select(table)).mappings().all():
                moved = {name: row[name] - span for name in names if row[name] is not None}
                if moved:
                    tx.execute(update(table).where(*(key == row[key.name] for key in keys)).values(moved))


def check_invariants() -> None:
    """A run is open exactly when its job is RUNNING and leased; runs are 1..n; the tally equals the table."""
    with reading() as tx:
        statuses = {row.seq: row for row in tx.execute(select(jobs))}
        attempts: dict[int, list[Any]] = {}
        for run in tx.execute(select(runs).order_by(runs.c.seq, runs.c.attempt)):
            attempts.setdefault(run.seq, []).append(run)
        sums = [sum(column) for column in zip(*tx.execute(select(tally)), strict=True)]
    for seq, found in attempts.items():
        assert [run.attempt for run in found] == list(range(1, len(found) + 1))
        held = [run for run in found if run.ended_at is None]
        assert len(held) == (found[-1].ended_at is None)
        if held:
            assert statuses[seq].status == JobStatus.RUNNING
        if statuses[seq].status == JobStatus.PENDING:
            assert (statuses[seq].started_at, statuses[seq].completed_at, statuses[seq].result) == (None, None, None)
    counted = [sum(row.status == status for row in statuses.values()) for status in JobStatus]
    delayed = sum(row.status == JobStatus.PENDING and row.run_at is not None for row in statuses.values())
    assert sums[1:5] == counted
    assert sums[6] == delayed


def leased(client: FlaskClient, query: str = "", token: str = TOKEN) -> Any:
    """Claim a job under this token for a minute."""
    return call(client, f"POST /jobs/claim?lease=60{query}", 200, headers={"Idempotency-Key": token})
