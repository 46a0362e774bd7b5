"""The jobs, and the tally that triggers keep of them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
POSTGRESQL_SLOTS = 16


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "jobs",
        sa.Column("seq", key, primary_key=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("status", sa.String(9), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("started_at", sa.DateTime),
        sa.Column("completed_at", sa.DateTime),
        sa.Column("preview", sa.String(80)),
        sa.Column("payload", sa.Text),
        sa.Column("result", sa.Text),
        sa.CheckConstraint("status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')", name="jobs_status_is_known"),
        sa.CheckConstraint("priority >= 0", name="jobs_priority_is_natural"),
        sqlite_autoincrement=True,
    )
    op.execute("CREATE INDEX jobs_next ON jobs (priority DESC, seq) WHERE status = 'PENDING'")
    for status in STATUSES:
        op.execute(f"CREATE INDEX jobs_{status.lower()} ON jobs (seq) WHERE status = '{status}'")

    op.execute("CREATE INDEX jobs_started ON jobs (started_at)")

    columns = [status.lower() for status in STATUSES]
    op.create_table(
        "tally",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(column, sa.BigInteger, nullable=False) for column in columns),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for slot in range(1 if sqlite else POSTGRESQL_SLOTS):
        op.execute(f"INSERT INTO tally VALUES ({slot}, 0, 0, 0, 0, 0)")
    op.create_table(
        "attempts",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("next_at", sa.DateTime, nullable=False),
    )
    (_sqlite_triggers if sqlite else _postgresql_triggers)()


def _sqlite_triggers() -> None:
    def counted(row: str, sign: str) -> str:
        return ", ".join(f"{s.lower()} = {s.lower()} {sign} ({row}.status = '{s}')" for s in STATUSES)

    def moved() -> str:
        return ", ".join(f"{s.lower()} = {s.lower()} - (OLD.status = '{s}') + (NEW.status = '{s}')" for s in STATUSES)

    for event, counts in (("INSERT", counted("NEW", "+")), ("UPDATE", moved()), ("DELETE", counted("OLD", "-"))):
        op.execute(
            f"CREATE TRIGGER jobs_tally_{event.lower()} AFTER {event} ON jobs "
            f"BEGIN UPDATE tally SET {counts}, revision = revision + 1; END"
        )


def _postgresql_triggers() -> None:
    # By statement, not by row: a statement that writes a million rows touches its slot once.
    def changed(rows: str) -> str:
        sums = ", ".join(f"coalesce(sum(sign * (status = '{s}')::int), 0) AS {s.lower()}" for s in STATUSES)
        return f"SELECT {sums} FROM ({rows}) AS changed"

    new = "SELECT status, 1 AS sign FROM new_rows"
    old = "SELECT status, -1 AS sign FROM old_rows"
    for event, rows, tables in (
        ("INSERT", new, "NEW TABLE AS new_rows"),
        ("UPDATE", f"{new} UNION ALL {old}", "NEW TABLE AS new_rows OLD TABLE AS old_rows"),
        ("DELETE", old, "OLD TABLE AS old_rows"),
    ):
        name = f"jobs_tally_{event.lower()}"
        sums = ", ".join(f"{s.lower()} = tally.{s.lower()} + delta.{s.lower()}" for s in STATUSES)
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"UPDATE tally SET {sums}, revision = revision + 1 FROM ({changed(rows)}) AS delta "
            f"WHERE slot = pg_backend_pid() % {POSTGRESQL_SLOTS}; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON jobs REFERENCING {tables} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
    zeros = ", ".join(f"{s.lower()} = 0" for s in STATUSES)
    op.execute(
        "CREATE FUNCTION jobs_tally_truncate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"UPDATE tally SET {zeros}, revision = revision + 1; RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER jobs_tally_truncate AFTER TRUNCATE ON jobs "
        "FOR EACH STATEMENT EXECUTE FUNCTION jobs_tally_truncate()"
    )
