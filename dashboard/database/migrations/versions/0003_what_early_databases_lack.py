"""What a database lacks that was made while 0001 was still edited, after it had landed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
PREVIEW = 80


def upgrade() -> None:
    op.execute("CREATE INDEX IF NOT EXISTS jobs_started ON jobs (started_at)")
    op.create_table(
        "attempts",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("next_at", sa.DateTime, nullable=False),
        if_not_exists=True,
    )
    if op.get_bind().dialect.name == "postgresql":
        _count_a_truncate()
    columns = {column["name"]: str(column["type"]) for column in sa.inspect(op.get_bind()).get_columns("jobs")}
    if columns["preview"] != f"VARCHAR({PREVIEW})":
        _shorten_previews()


def _count_a_truncate() -> None:
    zeros = ", ".join(f"{s.lower()} = 0" for s in STATUSES)
    op.execute(
        "CREATE OR REPLACE FUNCTION jobs_tally_truncate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"UPDATE tally SET {zeros}, revision = revision + 1; RETURN NULL; END $$"
    )
    op.execute("DROP TRIGGER IF EXISTS jobs_tally_truncate ON jobs")
    op.execute(
        "CREATE TRIGGER jobs_tally_truncate AFTER TRUNCATE ON jobs "
        "FOR EACH STATEMENT EXECUTE FUNCTION jobs_tally_truncate()"
    )


def _shorten_previews() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE jobs ALTER COLUMN preview TYPE varchar({PREVIEW}) USING left(preview, {PREVIEW})")
    else:  # SQLite ignores the declared length, so the column may keep it
        op.execute(f"UPDATE jobs SET preview = substr(preview, 1, {PREVIEW}) WHERE length(preview) > {PREVIEW}")
