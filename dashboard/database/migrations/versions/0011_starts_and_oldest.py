"""Which jobs have run longest, by an index; for how long the oldest had waited, minute by minute."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # Without the jobs that have not begun a create writes one entry less, so that a claim may write one more.
    op.execute("DROP INDEX jobs_started")
    op.execute("CREATE INDEX jobs_started ON jobs (started_at) WHERE started_at IS NOT NULL")
    purpose = " AND ~priority IS NOT NULL" if op.get_bind().dialect.name == "postgresql" else ""  # see 0004
    op.execute(f"CREATE INDEX jobs_by_start ON jobs (started_at, seq) WHERE status = 'RUNNING'{purpose}")
    op.create_table(
        "oldest",
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seconds", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
