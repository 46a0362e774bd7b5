"""PostgreSQL's plans after an ANALYZE of an idle queue that fills then: its statistics say that nothing waits."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, text

from dashboard.app import create_app
from dashboard.core.job import JobStatus
from dashboard.core.transitions import Action
from dashboard.database.transactions import writing
from dashboard.store import claims, jobs, listing
from tests.support.app import dispose
from tests.support.postgres import Postgres
from tests.support.statements import Statement, statements

NOW = datetime(2026, 1, 1, 12)
FILL = (
    "INSERT INTO jobs (id, type, priority, status, created_at) "
    "SELECT status || n, 't', n * 7919 % 10, status, '2026-01-01' "
    "FROM (VALUES {counts}) AS counts (status, count), generate_series(1, count) AS n"
)


@pytest.fixture(scope="module", params=["empty", "all done"])
def app(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Flask]:
    """On a queue that was idle at the last ANALYZE, and has 100,000 PENDING and 50,000 RUNNING jobs now."""
    app = create_app({"DATABASE_URL": postgres.create("idle")})
    with postgres.connect("idle") as connection:
        if request.param == "all done":
            connection.execute(FILL.format(counts="('COMPLETED', 50000), ('FAILED', 5000)"))
        connection.execute("ALTER TABLE jobs SET (autovacuum_enabled = off)")  # which would be the next ANALYZE
        connection.execute("ANALYZE")
        connection.execute(FILL.format(counts="('PENDING', 100000), ('RUNNING', 50000)"))
    with app.app_context():
        yield app
    dispose(app)
    postgres.drop("idle")


BY_ID = "jobs_id_key"
PLANS: dict[str, tuple[Callable[[Connection], object], str]] = {
    "claim": (lambda tx: claims.claim_next(tx, NOW), "jobs_next jobs_pkey"),
    "claim by the queue": (lambda tx: jobs.act(tx, Action.CLAIM, 99, NOW), "jobs_pkey"),
    "process": (lambda tx: jobs.act(tx, Action.PROCESS, "PENDING9", NOW), BY_ID),
    "complete": (lambda tx: jobs.act(tx, Action.COMPLETE, "RUNNING9", NOW), BY_ID),
    "fail": (lambda tx: jobs.act(tx, Action.FAIL, "RUNNING8", NOW), BY_ID),
    "undo": (lambda tx: jobs.act(tx, Action.UNDO, "PENDING8", NOW), BY_ID),
    "the candidates": (lambda tx: claims.candidates(tx, 10), "jobs_next"),
    "the queue": (lambda tx: claims.next_pending(tx, 10), "jobs_next"),
    "those behind the cursor": (lambda tx: claims.pending_after(tx, 140_000, 10), "jobs_pending"),
    "a list of a status": (lambda tx: listing.newest(tx, JobStatus.RUNNING, 10), "jobs_running"),
    "a page of a status": (lambda tx: listing.newest(tx, JobStatus.PENDING, 10, 60_000), "jobs_pending"),
}


@pytest.mark.parametrize("kind", ["custom", "generic"])
@pytest.mark.parametrize("name", PLANS)
def test_each_statement_goes_by_its_own_index_and_sorts_nothing(app: Flask, name: str, kind: str) -> None:
    act, indexes = PLANS[name]
    with writing() as tx:
        (statement,) = statements(lambda: act(tx))
        found = (custom_plan if kind == "custom" else generic_plan)(tx, statement)
        tx.get_transaction().rollback()  # type: ignore[union-attr]
    assert sorted(set(re.findall(r"\bjobs_[a-z_]+\b", found))) == indexes.split(), found
    assert "Sort" not in found
    assert "Seq Scan" not in found


def custom_plan(tx: Connection, statement: Statement) -> str:
    return plan(tx, f"EXPLAIN {statement[0]}", statement[1])


def generic_plan(tx: Connection, statement: Statement) -> str:
    """That of a prepared statement, which does not know its values."""
    driver: Any = tx.connection.dbapi_connection
    driver.execute(*statement, prepare=True)
    newest = "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements ORDER BY prepare_time DESC LIMIT 1"
    [(prepared, values)] = tx.execute(text(newest))
    tx.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    return plan(tx, f"EXPLAIN EXECUTE {prepared} ({', '.join(['NULL'] * values)})")


def plan(tx: Connection, explain: str, values: Any = ()) -> str:
    return "\n".join(line for (line,) in tx.exec_driver_sql(explain, values))
