"""Saved views; the slices of a bulk action are entries of their own; who started and who ended each run."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "views",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("query", sa.Text, nullable=False),
    )
    op.add_column("activity", sa.Column("part_of", sa.String(36)))
    op.execute("CREATE INDEX activity_part_of ON activity (part_of, id) WHERE part_of IS NOT NULL")
    op.execute("UPDATE activity SET \"count\" = NULL WHERE action IN ('refused', 'sign_in_refused')")
    for name in ("started_by", "ended_by"):
        op.add_column("runs", sa.Column(name, sa.Text))
