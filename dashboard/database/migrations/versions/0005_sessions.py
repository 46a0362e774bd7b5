"""Who is signed in; attempts by name and address together."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("DROP TABLE IF EXISTS attempts")  # waits of some minutes, which nobody will miss
    op.create_table(
        "attempts",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("address", sa.String(64), primary_key=True),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("tried_at", sa.DateTime, nullable=False),
        sa.Column("succeeded_at", sa.DateTime),
    )
    op.create_index("attempts_address", "attempts", ["address"])
    op.create_index("attempts_tried", "attempts", ["tried_at"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(22), primary_key=True),
        sa.Column("ends_at", sa.DateTime, nullable=False),
    )
