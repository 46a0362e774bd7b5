"""Who created, started and ended a job; the activity of people and named tokens; whether claims are paused."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

OLD_COLUMNS = (
    "seq, id, type, priority, status, created_at, started_at, completed_at, preview, run_at, expires_at, "
    "max_attempts, retry_of, reason, reason_key, payload, result"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        for column in _new_columns():
            op.add_column("jobs", column)
    _activity()
    op.create_table(
        "pause",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("who", sa.Text),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("reason", sa.Text),
    )


def _new_columns() -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text) for name in ("created_by", "started_by", "ended_by")]


def _rebuild() -> None:
    """SQLite adds columns at the end only, behind the payload: see 0006 and 0007."""
    tables = "SELECT sql FROM sqlite_master WHERE tbl_name IN ('jobs', 'runs') AND sql IS NOT NULL AND type = "
    connection = op.get_bind()
    indexes = connection.execute(sa.text(f"{tables}'index' ORDER BY rowid")).scalars().all()
    triggers = connection.execute(sa.text(f"{tables}'trigger' ORDER BY rowid")).scalars().all()
    runs = connection.execute(sa.text(f"{tables}'table' AND name = 'runs'")).scalar_one()
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER jobs_tally_{event}")
    op.execute("ALTER TABLE runs RENAME TO runs_before")
    op.execute("ALTER TABLE jobs RENAME TO jobs_before")
    _create_jobs()
    op.execute(f"INSERT INTO jobs ({OLD_COLUMNS}) SELECT {OLD_COLUMNS} FROM jobs_before ORDER BY seq")
    op.execute(sa.text(runs))
    op.execute("INSERT INTO runs SELECT * FROM runs_before")
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'jobs'")
    op.execute("INSERT INTO sqlite_sequence SELECT 'jobs', seq FROM sqlite_sequence WHERE name = 'jobs_before'")
    op.execute("DROP TABLE runs_before")
    op.execute("DROP TABLE jobs_before")
    for sql in (*indexes, *triggers):
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
        sa.Column("reason", sa.Text),
        sa.Column("reason_key", sa.String(200)),
        *_new_columns(),
        sa.Column("payload", sa.Text),
        sa.Column("result", sa.Text),
        sa.CheckConstraint("status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')", name="jobs_status_is_known"),
        sa.CheckConstraint("priority >= 0", name="jobs_priority_is_natural"),
        sqlite_autoincrement=True,
    )


def _activity() -> None:
    op.create_table(
        "activity",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("who", sa.Text),
        sa.Column("role", sa.String(8)),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("job_id", sa.String(36)),
        sa.Column("count", sa.Integer),
        sa.Column("via", sa.String(9), nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("together", sa.String(36)),
        sqlite_autoincrement=True,
    )
    op.execute('CREATE INDEX activity_at ON activity ("at", id)')
    op.execute('CREATE INDEX activity_who ON activity (who, "at", id)')
    op.execute('CREATE INDEX activity_action ON activity (action, "at", id)')
    op.execute('CREATE INDEX activity_job ON activity (job_id, "at", id) WHERE job_id IS NOT NULL')
    op.execute("CREATE UNIQUE INDEX activity_together ON activity (together) WHERE together IS NOT NULL")
