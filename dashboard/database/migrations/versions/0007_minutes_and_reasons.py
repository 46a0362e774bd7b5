"""Why jobs failed, and what happened in each minute. The housekeeper brings the old jobs along."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
BUCKETS = 24
OLD_COLUMNS = (
    "seq, id, type, priority, status, created_at, started_at, completed_at, preview, run_at, expires_at, "
    "max_attempts, retry_of, payload, result"
)
RUN_COLUMNS = (
    "seq, attempt, token, worker, lease, started_at, heard_at, expires_at, progress, message, ended_at, outcome, reason"
)
READY = "status = 'PENDING' AND run_at IS NULL"
DELAYED = "status = 'PENDING' AND run_at IS NOT NULL"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        for column in _new_columns():
            op.add_column("jobs", column)
    _indexes()
    _minutes()


def _new_columns() -> list[sa.Column[object]]:
    return [sa.Column("reason", sa.Text), sa.Column("reason_key", sa.String(200))]


def _rebuild() -> None:
    """SQLite adds columns at the end only, behind the payload: see 0006. The runs refer to the jobs, so they move too.

    A table that others refer to must not be dropped before these: that would delete their rows.
    """
    triggers = op.get_bind().execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    for name, _ in triggers:
        op.execute(f"DROP TRIGGER {name}")
    op.execute("ALTER TABLE runs RENAME TO runs_before")
    op.execute("ALTER TABLE jobs RENAME TO jobs_before")
    _create_jobs()
    op.execute(f"INSERT INTO jobs ({OLD_COLUMNS}) SELECT {OLD_COLUMNS} FROM jobs_before ORDER BY seq")
    _create_runs()
    op.execute(f"INSERT INTO runs ({RUN_COLUMNS}) SELECT {RUN_COLUMNS} FROM runs_before")
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'jobs'")
    op.execute("INSERT INTO sqlite_sequence SELECT 'jobs', seq FROM sqlite_sequence WHERE name = 'jobs_before'")
    op.execute("DROP TABLE runs_before")
    op.execute("DROP TABLE jobs_before")
    _old_indexes()
    for _, sql in triggers:
        op.execute(sa.text(sql.replace(":", "\\:")))


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("status", sa.String(9), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("started_at", sa.DateTime),
        sa.Column("completed_at", sa.DateTime),
        sa.Column("preview", sa.String(80)),
        sa.Column("run_at", sa.DateTime),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("max_attempts", sa.Integer),
        sa.Column("retry_of", sa.String(36)),
        *_new_columns(),
        sa.Column("payload", sa.Text),
        sa.Column("result", sa.Text),
        sa.CheckConstraint("status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')", name="jobs_status_is_known"),
        sa.CheckConstraint("priority >= 0", name="jobs_priority_is_natural"),
        sqlite_autoincrement=True,
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("seq", sa.Integer, sa.ForeignKey("jobs.seq", ondelete="CASCADE"), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("worker", sa.String(100)),
        sa.Column("lease", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("heard_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
        sa.Column("progress", sa.Integer),
        sa.Column("message", sa.String(200)),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("outcome", sa.String(9)),
        sa.Column("reason", sa.Text),
        sa.CheckConstraint(
            "outcome IN ('completed', 'failed', 'expired', 'released', 'taken')", name="runs_outcome_is_known"
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="runs_end_has_an_outcome"),
    )


def _old_indexes() -> None:
    """Those of 0006 in their order, which decides between equals."""
    for status in STATUSES:
        op.execute(f"CREATE INDEX jobs_{status.lower()} ON jobs (seq) WHERE status = '{status}'")
    op.execute("CREATE INDEX jobs_started ON jobs (started_at)")
    op.execute(f"CREATE INDEX jobs_next ON jobs (priority DESC, seq) WHERE {READY}")
    op.execute(f"CREATE INDEX jobs_next_of_type ON jobs (type, priority DESC, seq) WHERE {READY}")
    op.execute(f"CREATE INDEX jobs_later ON jobs (run_at) WHERE {DELAYED}")
    op.execute("CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE status = 'PENDING' AND expires_at IS NOT NULL")
    op.execute("CREATE INDEX jobs_retry_of ON jobs (retry_of, seq) WHERE retry_of IS NOT NULL")
    op.execute("CREATE UNIQUE INDEX runs_open ON runs (seq) WHERE ended_at IS NULL")
    op.execute("CREATE INDEX runs_due ON runs (expires_at) WHERE ended_at IS NULL")
    op.execute("CREATE UNIQUE INDEX runs_token ON runs (token, seq)")


def _purpose(condition: str) -> str:
    """One that always holds, for PostgreSQL: see 0004."""
    return "" if op.get_bind().dialect.name == "sqlite" else f" AND {condition} IS NOT NULL"


def _indexes() -> None:
    by_end = _purpose("-seq")
    op.execute(f"CREATE INDEX jobs_completed_at ON jobs (completed_at) WHERE status = 'COMPLETED'{by_end}")
    op.execute(f"CREATE INDEX jobs_failed_at ON jobs (completed_at, type, reason_key) WHERE status = 'FAILED'{by_end}")
    op.execute(
        "CREATE INDEX jobs_reasons ON jobs (reason_key, seq, type, completed_at) "
        "WHERE status = 'FAILED' AND reason_key IS NOT NULL"
    )
    op.execute("CREATE INDEX runs_started ON runs (started_at)")


def _minutes() -> None:
    op.create_table(
        "minutes",
        sa.Column("span", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("type", sa.String(100), primary_key=True),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("created", "started", "completed", "failed", "called_off")
        ),
        *(sa.Column(f"waited_{place}", sa.Integer, nullable=False) for place in range(BUCKETS)),
        *(sa.Column(f"ran_{place}", sa.Integer, nullable=False) for place in range(BUCKETS)),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counting",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("counted_at", sa.DateTime),
        sa.Column("folded_to", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "uncounted",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("first", sa.BigInteger),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("before", sa.BigInteger, nullable=False),
    )
    # From the minute before this one on the housekeeper counts them as they come; what is older, job by job.
    minute = int(time.time()) // 60 * 60
    op.execute(f"INSERT INTO counting (id, version, minute, folded_to) VALUES (1, 0, {minute}, 0)")
    op.execute(
        'INSERT INTO uncounted ("after", "until", "before") '
        f"SELECT 0, max(seq), {minute - 60} FROM jobs HAVING max(seq) > 0"
    )
