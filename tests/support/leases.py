"""Leases in tests: time that passes, and what must hold after every step."""

from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select, update

from dashboard.database.schema import jobs, runs
from dashboard.database.transactions import reading, writing
from dashboard.store import consistency
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
        assert consistency.problems(tx) == []


def leased(client: FlaskClient, query: str = "", token: str = TOKEN) -> Any:
    """Claim a job under this token for a minute."""
    return call(client, f"POST /jobs/claim?lease=60{query}", 200, headers={"Idempotency-Key": token})
