"""Leases, schedules and retries: the table of runs, four columns of jobs, and what the tally knows of delayed jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
POSTGRESQL_SLOTS = 128
OLD_COLUMNS = "seq, id, type, priority, status, created_at, started_at, completed_at, preview, payload, result"
READY = "status = 'PENDING' AND run_at IS NULL"
DELAYED = "status = 'PENDING' AND run_at IS NOT NULL"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_jobs()
    else:
        for column in _new_columns():
            op.add_column("jobs", column)
        op.execute("DROP INDEX jobs_next")
    _indexes()
    for name in ("delayed", "woken"):
        op.add_column("tally", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    _runs()
    (_sqlite_triggers if op.get_bind().dialect.name == "sqlite" else _postgresql_functions)()


def _new_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("run_at", sa.DateTime),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("max_attempts", sa.Integer),
        sa.Column("retry_of", sa.String(36)),
    ]


def _rebuild_jobs() -> None:
    """SQLite adds columns at the end only: behind a payload of a megabyte, which every list would then read past."""
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER jobs_tally_{event}")
    op.execute("ALTER TABLE jobs RENAME TO jobs_before")
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
        *_new_columns(),
        sa.Column("payload", sa.Text),
        sa.Column("result", sa.Text),
        sa.CheckConstraint("status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')", name="jobs_status_is_known"),
        sa.CheckConstraint("priority >= 0", name="jobs_priority_is_natural"),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO jobs ({OLD_COLUMNS}) SELECT {OLD_COLUMNS} FROM jobs_before ORDER BY seq")
    # A number that was handed out and deleted again is not handed out twice.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'jobs'")
    op.execute("INSERT INTO sqlite_sequence SELECT 'jobs', seq FROM sqlite_sequence WHERE name = 'jobs_before'")
    op.execute("DROP TABLE jobs_before")
    for status in STATUSES:
        op.execute(f"CREATE INDEX jobs_{status.lower()} ON jobs (seq) WHERE status = '{status}'")
    op.execute("CREATE INDEX jobs_started ON jobs (started_at)")


def _purpose(condition: str) -> str:
    """One that always holds, for PostgreSQL: see 0004."""
    return "" if op.get_bind().dialect.name == "sqlite" else f" AND {condition} IS NOT NULL"


def _indexes() -> None:
    in_order, of_type = _purpose("+priority"), _purpose("-priority")
    op.execute(f"CREATE INDEX jobs_next ON jobs (priority DESC, seq) WHERE {READY}{in_order}")
    op.execute(f"CREATE INDEX jobs_next_of_type ON jobs (type, priority DESC, seq) WHERE {READY}{of_type}")
    op.execute(f"CREATE INDEX jobs_later ON jobs (run_at) WHERE {DELAYED}")
    op.execute("CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE status = 'PENDING' AND expires_at IS NOT NULL")
    op.execute("CREATE INDEX jobs_retry_of ON jobs (retry_of, seq) WHERE retry_of IS NOT NULL")


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("jobs.seq", ondelete="CASCADE"),
            primary_key=True,
        ),
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
    op.execute(f"CREATE UNIQUE INDEX runs_open ON runs (seq) WHERE ended_at IS NULL{_purpose('+attempt')}")
    op.execute(f"CREATE INDEX runs_due ON runs (expires_at) WHERE ended_at IS NULL{_purpose('+lease')}")
    op.execute("CREATE UNIQUE INDEX runs_token ON runs (token, seq)")


def _sqlite_triggers() -> None:
    def is_delayed(row: str) -> str:
        return f"({row}.status = 'PENDING' AND {row}.run_at IS NOT NULL)"

    def is_ready(row: str) -> str:
        return f"{row}.status = 'PENDING' AND {row}.run_at IS NULL"

    def counted(row: str, sign: str) -> str:
        by_status = [f"{s.lower()} = {s.lower()} {sign} ({row}.status = '{s}')" for s in STATUSES]
        return ", ".join([*by_status, f"delayed = delayed {sign} {is_delayed(row)}"])

    by_status = [f"{s.lower()} = {s.lower()} - (OLD.status = '{s}') + (NEW.status = '{s}')" for s in STATUSES]
    moved = ", ".join(
        [
            *by_status,
            f"delayed = delayed - {is_delayed('OLD')} + {is_delayed('NEW')}",
            # Ready again, or at another place in the order: behind the cursor of every process's queue.
            f"woken = woken + ({is_ready('NEW')} AND NOT ({is_ready('OLD')} AND OLD.priority = NEW.priority))",
        ]
    )
    for event, counts in (("INSERT", counted("NEW", "+")), ("UPDATE", moved), ("DELETE", counted("OLD", "-"))):
        op.execute(
            f"CREATE TRIGGER jobs_tally_{event.lower()} AFTER {event} ON jobs "
            f"BEGIN UPDATE tally SET {counts}, revision = revision + 1; END"
        )


def _postgresql_functions() -> None:
    """As before, with the delayed ones; `woken` stays 0, for a claim there asks the table itself."""
    columns = {s.lower(): f"status = '{s}'" for s in STATUSES} | {"delayed": DELAYED}
    sums = ", ".join(f"coalesce(sum(sign * ({rule})::int), 0) AS {name}" for name, rule in columns.items())
    added = ", ".join(f"{name} = tally.{name} + delta.{name}" for name in columns)
    new = "SELECT status, run_at, 1 AS sign FROM new_rows"
    old = "SELECT status, run_at, -1 AS sign FROM old_rows"
    for event, rows in (("insert", new), ("update", f"{new} UNION ALL {old}"), ("delete", old)):
        op.execute(
            f"CREATE OR REPLACE FUNCTION jobs_tally_{event}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"UPDATE tally SET {added}, revision = revision + 1 FROM (SELECT {sums} FROM ({rows}) AS changed) AS delta "
            f"WHERE slot = pg_backend_pid() % {POSTGRESQL_SLOTS}; RETURN NULL; END $$"
        )
    zeros = ", ".join(f"{name} = 0" for name in columns)
    op.execute(
        "CREATE OR REPLACE FUNCTION jobs_tally_truncate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"UPDATE tally SET {zeros}, revision = revision + 1; RETURN NULL; END $$"
    )
