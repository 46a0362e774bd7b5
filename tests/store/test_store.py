"""The tables: what they refuse, what the triggers count, and what a statement reads."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from dashboard.core.job import Job, JobStatus
from dashboard.database.engine import db
from dashboard.database.planner import by_indexes
from dashboard.database.schema import jobs
from dashboard.database.transactions import reading, writing
from dashboard.services import claims as claim_service
from dashboard.services import jobs as job_service
from dashboard.store import claims, counts, due, full_jobs, listing, overview, queued, runs, selection, types
from dashboard.store import jobs as job_store
from dashboard.store.selection import Selection
from tests.support.statements import Statement, statements

NOW = datetime(2026, 1, 1, 12)
JOB = Job("id-7", "t", None, 1, "PENDING", None, NOW, None, None)


def row(seq: int, status: str = "PENDING", priority: int = 0) -> dict[str, object]:
    return {"id": f"id-{seq}", "type": "t", "status": status, "priority": priority, "created_at": NOW}


def plan(tx: Connection, statement: Statement) -> str:
    """How the database will run it."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SET LOCAL enable_seqscan = off"))  # on a small table a scan is right; can the index serve?
    explain = "EXPLAIN QUERY PLAN" if tx.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(line[-1] for line in tx.exec_driver_sql(f"{explain} {statement[0]}", statement[1]))


# SQLAlchemy reads no index on an expression from SQLite; that there is this one, the plans show.
@pytest.mark.filterwarnings("ignore:.*expression-based index '?jobs_by_type")
def test_the_migrations_make_what_the_models_say(app: Flask) -> None:
    with reading() as tx:
        assert compare_metadata(MigrationContext.configure(tx), db.metadata) == []


@pytest.mark.parametrize("bad", [{"status": "LOST"}, {"priority": -1}, {"id": "id-1"}, {"type": None}])
def test_the_table_itself_refuses_what_cannot_be(app: Flask, bad: dict[str, object]) -> None:
    with writing() as tx:
        tx.execute(jobs.insert(), row(1))
    with pytest.raises(IntegrityError), writing() as tx:
        tx.execute(jobs.insert(), row(2) | bad)


def test_the_tally_equals_the_table_after_every_kind_of_write(app: Flask) -> None:
    revisions = [-1]

    def check() -> None:
        with reading() as tx:
            table = Counter(tx.execute(text("SELECT status FROM jobs")).scalars())
            tally = counts.counts(tx)
        assert tally[:4] == tuple(table[status] for status in JobStatus)
        assert tally.revision > revisions[-1]
        revisions.append(tally.revision)

    check()
    first, second, third = [job_service.create("t", None, 0).id for _ in range(3)]
    check()
    claim_service.claim()
    check()
    job_service.complete(first, None)
    check()
    job_service.fail(second, None)
    check()
    job_service.process(third)
    check()
    for statement in (
        "INSERT INTO jobs (id, type, status, priority, created_at) "
        "SELECT 'copy' || substr(id, 5), type, status, priority, created_at FROM jobs",
        "UPDATE jobs SET status = 'FAILED' WHERE id LIKE 'copy%'",
        "DELETE FROM jobs WHERE status = 'FAILED'",
        "DELETE FROM jobs",
    ):
        with writing() as tx:
            tx.execute(text(statement))
        check()


def test_a_write_that_is_undone_leaves_the_tally_as_it_was(app: Flask) -> None:
    with reading() as tx:
        before = counts.counts(tx)
    with pytest.raises(IntegrityError), writing() as tx:
        tx.execute(jobs.insert(), [row(1), row(1)])
    with reading() as tx:
        assert counts.counts(tx) == before


BY_START = partial(listing.lines, by_start=True)
START = types.Start(NOW, 90)
PLANS: dict[str, tuple[Callable[..., object], tuple[object, ...], str]] = {
    "the next ones in claim order": (queued.next_pending, (10,), "jobs_next"),
    "the candidates": (claims.candidates, (10,), r"jobs_next\b"),
    "the look of a claim": (partial(claims.look, sweeps=True), (5,), r"(?s)jobs_later.*jobs_expiring.*runs_due"),
    "those behind the cursor": (partial(claims.look, sweeps=True), (5,), "jobs_pending"),
    "the heads of a type": (claims.heads, (["t"], 10), r"jobs_next_of_type"),
    "whether any is ready": (claims.is_any_ready, (), r"jobs_next\b"),
    "which types are ready": (claims.ready_types, (["t", "u"],), "jobs_next_of_type"),
    "those that are due": (due.wake, (10,), "jobs_later"),
    "those that expire": (due.expired, (10,), "jobs_expiring"),
    "overdue runs": (due.overdue, (10,), "runs_due"),
    "the runs that a call meets": (runs.known, ([(1, "x")],), "runs_pkey|sqlite_autoindex_runs_1|runs_token"),
    "the jobs under a key": (runs.under, ("x",), "runs_token"),
    "the runs of a job": (full_jobs.history, ("id-7",), "runs_pkey|sqlite_autoindex_runs_1"),
    "the newest of a status": (listing.newest, (JobStatus.FAILED, 10), "jobs_failed"),
    "a page of a status": (listing.lines, (Selection(JobStatus.RUNNING), 50, 90), "jobs_running"),
    "a search": (listing.lines, (Selection(JobStatus.RUNNING, q="x"), 50, 90), "jobs_running"),
    "those that have run longest": (BY_START, (Selection(JobStatus.RUNNING), 50), "jobs_by_start"),
    "those that run as long or longer": (BY_START, (Selection(JobStatus.RUNNING), 50, START), "jobs_by_start"),
    "those that run less long": (BY_START, (Selection(JobStatus.RUNNING), 50, None, START), "jobs_by_start"),
    "a search among those that run": (
        BY_START,
        (Selection(JobStatus.RUNNING, q="x"), 50, None, START),
        "jobs_by_start",
    ),
    "those of a type that run": (BY_START, (Selection(JobStatus.RUNNING, type="t"), 50, START), "jobs_by_start"),
    "what is overdue": (overview.running, (), "jobs_by_start"),
    "the last start": (overview.last_start, (), "(jobs|runs)_started"),
    "the types that begin so": (types.beginning_with, ("t",), "jobs_by_type"),
    "the jobs of a type": (listing.lines, (Selection(type="t"), 50, 90), "jobs_by_type"),
    "the jobs of some types": (listing.lines, (Selection(type_prefix="T"), 50, None, 90), "jobs_by_type"),
    "a search in some types": (listing.lines, (Selection(type_prefix="T", q="x"), 50, 90), "jobs_by_type"),
    "a status of some types": (listing.lines, (Selection(JobStatus.RUNNING, type_prefix="T"), 50), "jobs_by_type"),
    "what matches of some types": (listing.matches, (Selection(type_prefix="T"),), "jobs_by_type"),
    "a walk through some types": (selection.oldest, (Selection(type_prefix="T"), 50, 90, 900), "jobs_by_type"),
    "those ahead": (listing.ahead_of, (JOB, 9), "jobs_(next|pending|id_key)|sqlite_autoindex_jobs_1"),
    "the pace": (listing.started_since, (NOW, 9), "jobs_started"),
    "the newest": (listing.newest, (None, 10), "(jobs_pkey|SCAN jobs)"),
    "those that run a job again": (job_store.retries, ("id-7", 10), "jobs_retry_of"),
    "a job by its id": (job_store.get, ("id-7",), "(jobs_id_key|sqlite_autoindex_jobs_1)"),
}

# A run of each job that ended: of an empty table each index is as good as any other.
RUNS = (
    "INSERT INTO runs (seq, attempt, token, lease, started_at, heard_at, expires_at, ended_at, outcome) "
    "SELECT seq, 1, 'token-of-' || seq, 60, created_at, created_at, created_at, created_at, 'completed' "
    "FROM jobs WHERE status IN ('COMPLETED', 'FAILED')"
)


@pytest.mark.parametrize("name", PLANS)
def test_each_read_goes_by_its_index_and_sorts_nothing(app: Flask, name: str) -> None:
    function, arguments, index = PLANS[name]
    with writing() as tx:
        rows = [row(seq, list(JobStatus)[seq % 4], seq % 5) for seq in range(2_000)]
        tx.execute(jobs.insert(), [each | {"type": ("t", "T2", "u")[place % 3]} for place, each in enumerate(rows)])
        tx.execute(text(RUNS))
        if tx.dialect.name == "postgresql":
            tx.execute(text("ANALYZE"))  # which its autovacuum does by itself; nobody does it in SQLite
    with writing() as tx:
        by_indexes(tx)
        for statement in statements(partial(function, tx, *arguments)):
            if statement[0].startswith(("SET", "SELECT set_config")):  # how long a search may take: it has no plan
                continue
            found = plan(tx, statement)
            assert re.search(index, found), found
            assert not re.search(r"sort\b(?! key)|temp b-tree", found, re.IGNORECASE), found


def test_a_list_of_jobs_reads_a_preview_and_not_the_payload(app: Flask) -> None:
    job_service.create("t", '{"long":"' + "x" * 1_000_000 + '"}', 0)
    with reading() as tx:
        (statement,) = statements(partial(listing.lines, tx, Selection(), 50))
        (line,) = listing.lines(tx, Selection(), 50).lines
    assert "jobs.payload" not in statement[0]
    assert line.preview is not None
    assert len(line.preview) == 80
