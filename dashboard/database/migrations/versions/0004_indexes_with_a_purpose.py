"""PostgreSQL's partial indexes serve only the statements they are made for: see models.py."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # it has no statistics unless someone runs ANALYZE, and needs none
    op.execute("DROP INDEX IF EXISTS jobs_next")
    op.execute("CREATE INDEX jobs_next ON jobs (priority DESC, seq) WHERE status = 'PENDING' AND +priority IS NOT NULL")
    for status in STATUSES:
        op.execute(f"DROP INDEX IF EXISTS jobs_{status.lower()}")
        op.execute(f"CREATE INDEX jobs_{status.lower()} ON jobs (seq) WHERE status = '{status}' AND +seq IS NOT NULL")
