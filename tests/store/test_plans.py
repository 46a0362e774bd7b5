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
from dashboard.core.reason import Success, failure
from dashboard.core.transitions import Action
from dashboard.database.planner import by_indexes
from dashboard.database.transactions import writing
from dashboard.store import (
    by_type,
    claims,
    due,
    finished,
    full_jobs,
    jobs,
    listing,
    minutes,
    overview,
    queued,
    reasons,
    runs,
    totals,
    types,
    workers,
)
from dashboard.store.selection import Selection
from tests.support.app import dispose
from tests.support.postgres import Postgres
from tests.support.statements import Statement, statements

NOW = datetime(2026, 1, 1, 12)
FILL = (
    "INSERT INTO jobs (id, type, priority, status, created_at) "
    "SELECT status || n, 't', n * 7919 % 10, status, '2026-01-01' "
    "FROM (VALUES {counts}) AS counts (status, count), generate_series(1, count) AS n"
)


# Of the PENDING ones a tenth is for later and a tenth expires; of the RUNNING ones a fifth are retries, and each has an
# open run.
PUT_OFF = (
    "UPDATE jobs SET run_at = '2099-01-01'::timestamp + n * interval '1 s' FROM generate_series(10, 100000, 10) AS n "
    "WHERE id = 'PENDING' || n",
    "UPDATE jobs SET expires_at = '2099-01-01'::timestamp + n * interval '1 s' FROM generate_series(5, 100000, 10) "
    "AS n WHERE id = 'PENDING' || n",
    "UPDATE jobs SET retry_of = 'PENDING' || n FROM generate_series(9, 100000, 10) AS n WHERE id = 'RUNNING' || n / 2",
    "INSERT INTO runs (seq, attempt, token, worker, lease, started_at, heard_at, expires_at) "
    "SELECT seq, 1, 'token-of-' || seq, 'w' || seq % 9, 60, '2026-01-01', '2026-01-01', "
    "'2099-01-01'::timestamp + seq * interval '1 s' FROM jobs WHERE status = 'RUNNING'",
)


@pytest.fixture(scope="module", params=["empty", "all done"])
def app(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Flask]:
    """On a queue that was idle at the last ANALYZE, and has 100,000 PENDING and 50,000 RUNNING jobs now."""
    app = create_app({"DATABASE_URL": postgres.create("idle")})
    with postgres.connect("idle") as connection:
        if request.param == "all done":
            connection.execute(FILL.format(counts="('COMPLETED', 50000), ('FAILED', 5000)"))
        for table in ("jobs", "runs"):
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")  # it would be the next ANALYZE
        connection.execute("ANALYZE")
        connection.execute(FILL.format(counts="('PENDING', 100000), ('RUNNING', 50000)"))
        connection.execute("UPDATE jobs SET type = 'z' WHERE id = 'PENDING9'")
        for statement in PUT_OFF:
            connection.execute(statement)
    with app.app_context():
        yield app
    dispose(app)
    postgres.drop("idle")


@pytest.fixture(scope="module")
def empty(postgres: Postgres) -> Iterator[Flask]:
    app = create_app({"DATABASE_URL": postgres.create("empty")})
    yield app
    dispose(app)
    postgres.drop("empty")


def claim(tx: Connection, types: list[str], limit: int = 1) -> object:
    return claims.take_next(tx, types, limit, 3, now=NOW, settled=False, sweeps=True)


def swept(tx: Connection, sweep: Callable[[Connection, int], object]) -> object:
    by_indexes(tx)
    return sweep(tx, 200)


IDS = [f"RUNNING{number}" for number in range(1, 21)]
SEQS = list(range(120_000, 120_020))
BEAT = {"attempt": 1, "lease": 60, "expires_at": NOW, "progress": None, "message": None}
END = {"attempt": 1, "outcome": "failed", "reason": None}
EXPIRE = {"attempt": 1, "reason": "late"}
BY_ID = "jobs_id_key"
IF_DUE = "jobs_expiring jobs_later"
PLANS: dict[str, tuple[Callable[[Connection], object], str]] = {
    "claim": (
        lambda tx: claims.claim_next(tx, NOW, settled=False, sweeps=True),
        f"{IF_DUE} jobs_next jobs_pkey runs_due",
    ),
    "claim of ten": (lambda tx: claim(tx, [], 10), f"{IF_DUE} jobs_next jobs_pkey runs_due"),
    "claim of a type": (lambda tx: claim(tx, ["z"]), f"{IF_DUE} jobs_next_of_type jobs_pkey runs_due"),
    "claim of two types": (lambda tx: claim(tx, ["z", "y"]), f"{IF_DUE} jobs_next_of_type jobs_pkey runs_due"),
    "claim by the queue": (lambda tx: jobs.act(tx, Action.CLAIM, 99, NOW), "jobs_pkey"),
    "whether to claim again": (lambda tx: claims.may_find(tx, (), sweeps=True), f"{IF_DUE} jobs_next runs_due"),
    "whether to claim a type again": (
        lambda tx: claims.may_find(tx, ["z", "y"], sweeps=True),
        f"{IF_DUE} jobs_next_of_type runs_due",
    ),
    "whether any is ready": (claims.is_any_ready, "jobs_next"),
    "which types are ready": (lambda tx: claims.ready_types(tx, ["t", "u"]), "jobs_next_of_type"),
    "process": (lambda tx: jobs.act(tx, Action.PROCESS, "PENDING9", NOW), BY_ID),
    "complete": (lambda tx: jobs.act(tx, Action.COMPLETE, "RUNNING9", NOW, Success(None)), f"{BY_ID} runs_pkey"),
    "fail": (lambda tx: jobs.act(tx, Action.FAIL, "RUNNING8", NOW, failure("broken")), BY_ID),
    "undo": (lambda tx: jobs.act(tx, Action.UNDO, "PENDING8", NOW, failure("broken")), BY_ID),
    "the candidates": (lambda tx: claims.candidates(tx, 10), "jobs_next"),
    "the queue": (lambda tx: queued.next_pending(tx, 10), "jobs_next"),
    "a list of a status": (lambda tx: listing.newest(tx, JobStatus.RUNNING, 10), "jobs_running"),
    "a page of a status": (lambda tx: listing.newest(tx, JobStatus.PENDING, 10, 60_000), "jobs_pending"),
    "the types": (lambda tx: types.beginning_with(tx, "t"), "jobs_by_type"),
    "the jobs of a type": (
        lambda tx: tx.execute(types.jobs_of(tx, ["z"], [], types.Span(below=60_000), 10, descending=True)),
        "jobs_by_type",
    ),
    "wake": (lambda tx: swept(tx, due.wake), "jobs_later jobs_pkey"),
    "expire": (lambda tx: swept(tx, due.expired), "jobs_expiring"),
    "sweep": (lambda tx: swept(tx, due.overdue), "jobs_pkey runs_due"),
    "lock of jobs": (lambda tx: runs.lock(tx, IDS), BY_ID),
    "lock of runs": (lambda tx: runs.lock_known(tx, [(seq, "x") for seq in SEQS]), "runs_pkey"),
    "heartbeat": (lambda tx: runs.hear(tx, [BEAT | {"seq": seq} for seq in SEQS], NOW), "runs_pkey"),
    "end of runs": (lambda tx: runs.end(tx, [END | {"seq": seq} for seq in SEQS], NOW), "runs_pkey"),
    "end of overdue runs": (lambda tx: runs.expire(tx, [EXPIRE | {"seq": seq} for seq in SEQS], NOW), "runs_pkey"),
    "end of jobs": (
        lambda tx: runs.finish(tx, Action.COMPLETE, [{"seq": seq, "result": None} for seq in SEQS], NOW),
        "jobs_pkey",
    ),
    "retry of jobs": (lambda tx: runs.give_back(tx, [{"seq": seq, "run_at": NOW} for seq in SEQS]), "jobs_pkey"),
    "jobs under a key": (lambda tx: runs.under(tx, "token-of-9"), "jobs_pkey runs_token"),
    "who holds a job": (lambda tx: runs.open_run(tx, "RUNNING9"), f"{BY_ID} runs_pkey"),
    "a run is taken away": (lambda tx: runs.take_away(tx, [120_000], None), "runs_pkey"),
    "which were run again": (lambda tx: jobs.run_again(tx, SEQS), "jobs_pkey jobs_retry_of"),
    "what is overdue": (lambda tx: swept(tx, lambda tx, _: overview.running(tx)), "jobs_by_start"),
    "those that have run longest": (
        lambda tx: listing.lines(tx, Selection(JobStatus.RUNNING), 50, oldest_first=True, by_start=True),
        "jobs_by_start",
    ),
    "those that run longer than another": (
        lambda tx: listing.lines(tx, Selection(JobStatus.RUNNING), 50, types.Start(NOW, 120_000), by_start=True),
        "jobs_by_start",
    ),
    "the types that wait": (by_type.ready_types, "jobs_next_of_type"),
    "how many of each type wait": (lambda tx: by_type.count_ready(tx, 20), "jobs_next_of_type"),
    "how many of each type run": (lambda tx: by_type.running(tx, 50_000), "jobs_running"),
    "the totals": (lambda tx: totals.until(tx, 1_767_265_200, 1_767_268_920), ""),
    "the next type that waits": (lambda tx: overview.ready_types(tx, 1), "jobs_next_of_type"),
    "another priority": (lambda tx: jobs.prioritise(tx, range(1, 20), 5), "jobs_pkey"),
    "jobs with their last runs": (lambda tx: full_jobs.full(tx, IDS), f"{BY_ID} runs_pkey"),
    "the runs of a job": (lambda tx: full_jobs.history(tx, "RUNNING9"), f"{BY_ID} runs_pkey"),
    "those that run a job again": (lambda tx: jobs.retries(tx, "RUNNING9", 10), "jobs_retry_of"),
    "which are finished": (lambda tx: full_jobs.finished(tx, IDS), BY_ID),
    "the last runs of a list": (lambda tx: full_jobs.last_of(tx, SEQS), "jobs_pkey runs_pkey"),
    "the first of those for later": (lambda tx: queued.later(tx, 20), "jobs_later"),
    "the workers": (workers.workers, "runs_due"),
    "the workers whose leases end first": (lambda tx: workers.first_to_end(tx, 100), "runs_due"),
    "the jobs whose leases end first": (lambda tx: workers.held(tx, 200), "jobs_pkey runs_due"),
    "what happened in two minutes": (
        lambda tx: minutes.between(tx, 1_767_268_800, 1_767_268_920, (149_000, 150_000)),
        "jobs_completed_at jobs_failed_at jobs_pkey jobs_started runs_pkey runs_started",
    ),
    "what happened to some jobs": (
        lambda tx: minutes.of_seqs(tx, 1_000, 1_500, 1_767_268_920),
        "jobs_pkey runs_pkey",
    ),
    "the oldest that completed": (
        lambda tx: swept(tx, lambda tx, limit: finished.oldest(tx, JobStatus.COMPLETED, (NOW, 9), NOW, limit)),
        "jobs_completed_at",
    ),
    "the oldest that failed": (
        lambda tx: swept(tx, lambda tx, limit: finished.oldest(tx, JobStatus.FAILED, (NOW, 9), NOW, limit)),
        "jobs_failed_at",
    ),
    "a slice is deleted": (lambda tx: finished.delete_each(tx, SEQS), "jobs_pkey"),
    "a job is deleted": (lambda tx: finished.delete_one(tx, "RUNNING9"), BY_ID),
    "failures without a reason": (lambda tx: reasons.missing(tx, 1_000, 1_500), "jobs_pkey"),
    "the newest failures": (lambda tx: reasons.groups(tx, NOW, NOW, 10), "jobs_failed_at"),
}
# These count what they find, of which there is as much as happens in minutes, or a slice.
OF_WHAT_HAPPENED = (
    "the totals",
    "how many of each type run",
    "what happened in two minutes",
    "what happened to some jobs",
    "the newest failures",
)
SORTS = (
    "claim of a type",
    "claim of two types",
    "lock of jobs",
    "the runs of a job",
)  # few rows: see below
# These sort the open runs, of which there are seldom many.
OF_OPEN_RUNS = ("the workers", "the workers whose leases end first", "the jobs whose leases end first")


# These sort those alone that ended at the same moment.
OF_A_MOMENT = ("the oldest that completed", "the oldest that failed")


@pytest.mark.parametrize("kind", ["custom", "generic"])
@pytest.mark.parametrize("name", PLANS)
def test_each_statement_goes_by_its_own_index_and_sorts_nothing(app: Flask, name: str, kind: str) -> None:
    act, indexes = PLANS[name]
    with writing() as tx:
        (statement,) = [each for each in statements(lambda: act(tx)) if "set_config" not in each[0]]
        found = (custom_plan if kind == "custom" else generic_plan)(tx, statement)
        tx.get_transaction().rollback()  # type: ignore[union-attr]
    assert sorted(set(re.findall(r"\b(?:jobs|runs)_[a-z_]+\b", found))) == indexes.split(), found
    assert "Sort" not in found or name in (*SORTS, *OF_OPEN_RUNS, *OF_WHAT_HAPPENED, *OF_A_MOMENT), found
    assert name not in OF_A_MOMENT or "Presorted Key: completed_at" in found, found
    assert "Seq Scan" not in found


@pytest.mark.parametrize("name", SORTS)
def test_what_sorts_a_few_rows_has_read_no_more(app: Flask, name: str) -> None:
    with writing() as tx:
        (statement,) = statements(lambda: PLANS[name][0](tx))
        found = plan(tx, f"EXPLAIN (ANALYZE, TIMING OFF) {statement[0]}", statement[1])
        tx.get_transaction().rollback()  # type: ignore[union-attr]
    assert max(int(rows) for rows in re.findall(r"actual rows=(\d+)", found)) <= len(IDS), found
    assert "Removed" not in found, found


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_from_when_the_tables_were_empty_reads_no_whole_table(empty: Flask, name: str) -> None:
    with empty.app_context(), writing() as tx:
        statement, *_ = [each for each in statements(lambda: PLANS[name][0](tx)) if "set_config" not in each[0]]
        found = generic_plan(tx, statement)
        tx.get_transaction().rollback()  # type: ignore[union-attr]
    assert not re.search("Seq Scan|Hash Join|Merge Join", found), found


def custom_plan(tx: Connection, statement: Statement) -> str:
    return plan(tx, f"EXPLAIN {statement[0]}", statement[1])


def generic_plan(tx: Connection, statement: Statement) -> str:
    """That of a prepared statement, which does not know its values."""
    driver: Any = tx.connection.dbapi_connection
    driver.execute(*statement, prepare=True)
    newest = "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements ORDER BY prepare_time DESC LIMIT 1"
    [(prepared, values)] = tx.execute(text(newest))
    tx.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    nulls = f" ({', '.join(['NULL'] * values)})" if values else ""
    return plan(tx, f"EXPLAIN EXECUTE {prepared}{nulls}")


def plan(tx: Connection, explain: str, values: Any = ()) -> str:
    return "\n".join(line for (line,) in tx.exec_driver_sql(explain, values))
