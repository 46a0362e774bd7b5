"""More slots of the tally on PostgreSQL: of 16, two of a dozen connections nearly always shared one, and waited."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

OLD_SLOTS, SLOTS = 16, 128


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # it has one writer, and one slot
    op.execute(f"INSERT INTO tally SELECT slot, 0, 0, 0, 0, 0 FROM generate_series({OLD_SLOTS}, {SLOTS - 1}) AS slot")
    for event in ("insert", "update", "delete"):
        function = sa.text("SELECT pg_get_functiondef(CAST(:name AS regproc))").bindparams(name=f"jobs_tally_{event}")
        definition: str = op.get_bind().execute(function).scalar_one()
        op.execute(definition.replace(f"pg_backend_pid() % {OLD_SLOTS};", f"pg_backend_pid() % {SLOTS};"))
