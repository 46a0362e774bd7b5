"""The tables, their constraints and indexes. migrations/ makes what stands here; a test compares the two."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    String,
    Text,
    TextClause,
    TypeDecorator,
    and_,
    text,
)

from dashboard.core.job import TYPE_MAX, JobStatus
from dashboard.database.engine import db

PREVIEW = 80  # characters of a payload that lists show


class JobId(TypeDecorator[str]):
    """An id, compared as the text that it is. U+FFFD stands for a NUL, which PostgreSQL takes in no text: no id has
    either."""

    impl = String(36)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and value.replace("\0", "\ufffd")


jobs = db.Table(
    "jobs",
    # The key and the age order: AUTOINCREMENT never hands a number out twice, and in SQLite they commit in order.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", JobId, nullable=False, unique=True),
    Column("type", String(TYPE_MAX), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("status", String(9), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("started_at", DateTime),
    Column("completed_at", DateTime),
    Column("preview", String(PREVIEW)),
    # JSON as text, so that it reads back as it was sent in any database; last, so that lists need not read past it.
    Column("payload", Text),
    Column("result", Text),
    CheckConstraint(f"status IN ({', '.join(repr(s.value) for s in JobStatus)})", name="jobs_status_is_known"),
    CheckConstraint("priority >= 0", name="jobs_priority_is_natural"),
    sqlite_autoincrement=True,
)

# Partial ones only: beside an index on (status, seq) SQLite sorts all PENDING rows for a claim.
#
# In PostgreSQL each has one more condition, which always holds and is stated only by the statements that shall use it.
# After an ANALYZE of an idle queue the planner takes every partial index for empty: it sorted all PENDING rows for a
# claim and walked all RUNNING ones for a complete. `seq > 0` would not do: without statistics PostgreSQL expects a
# third of the rows, and of `seq > 0 AND seq > ?` SQLite takes the first for the range. The plus makes it an
# expression: PostgreSQL 17 drops the condition where a column is NOT NULL.
IN_CLAIM_ORDER, BY_AGE = text("+priority IS NOT NULL"), text("+seq IS NOT NULL")


def _partial(status: JobStatus, purpose: TextClause) -> dict[str, Any]:
    has_status = text(f"status = '{status}'")
    return {"sqlite_where": has_status, "postgresql_where": and_(has_status, purpose)}


Index("jobs_next", jobs.c.priority.desc(), jobs.c.seq, **_partial(JobStatus.PENDING, IN_CLAIM_ORDER))

for _status in JobStatus:
    Index(f"jobs_{_status.lower()}", jobs.c.seq, **_partial(_status, BY_AGE))

Index("jobs_started", jobs.c.started_at)  # the pace of the last minutes

# How many jobs there are of each status, and how often that changed: kept by triggers, so both cost nothing to ask.
# SQLite has one row. PostgreSQL has several, and a connection always writes the same one, so that writers do not
# queue for a single row; the truth is the sum.
tally = db.Table(
    "tally",
    Column("slot", Integer, primary_key=True, autoincrement=False),
    *(Column(status.lower(), BigInteger, nullable=False) for status in JobStatus),
    Column("revision", BigInteger, nullable=False),
)

# What became of tries to sign in by this name from this address, both as hashes.
attempts = db.Table(
    "attempts",
    Column("name", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("failed", Integer, nullable=False),  # since the last success
    Column("tried_at", DateTime, nullable=False),
    Column("succeeded_at", DateTime),
    Index("attempts_address", "address"),
    Index("attempts_tried", "tried_at"),
)

# Those who are signed in: the id is in their cookie too, and is of no use without the key that signs it.
sessions = db.Table(
    "sessions",
    Column("id", String(22), primary_key=True),
    Column("ends_at", DateTime, nullable=False),
)
