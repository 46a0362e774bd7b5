"""The tables, their constraints and indexes, and how a connection to them is set up.

migrations/ makes what stands here; a test compares the two.
"""

from importlib import import_module
from time import monotonic, sleep
from types import ModuleType
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ExceptionContext,
    Index,
    Integer,
    String,
    Text,
    TextClause,
    TypeDecorator,
    and_,
    event,
    text,
)
from sqlalchemy.pool import NullPool

from dashboard import postgresql
from dashboard.config import Durability
from dashboard.core.job import TYPE_MAX, JobStatus

try:
    sqlite: ModuleType = import_module("pysqlite3.dbapi2")
except ImportError:  # no wheel of it for this platform
    sqlite = import_module("sqlite3")

PREVIEW = 80  # characters of a payload that lists show
BUSY_TIMEOUT = 5_000  # milliseconds that a writer waits for SQLite's one write lock
HARMLESS = ("locked", "interrupted")  # in SQLite's errors: they say nothing against the connection
BUSY_SLICE = 20  # milliseconds of it that SQLite itself waits at a time: it lets no other greenlet run meanwhile

# Connections a process, each needed for a millisecond or two at a time: for writes of one statement (SQLite has one for
# all writes), for questions of one, for transactions that read, and for those that write.
WRITERS, ASKERS, READERS, OTHERS = 8, 4, 4, 4
POOL_TIMEOUT = 5  # seconds to wait for one of them, and for PostgreSQL to take a new one

db = SQLAlchemy()


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


def init_app(app: Flask, url: str, durability: Durability) -> None:
    """Bind db to the database at this URL."""
    options: dict[str, Any] = {"poolclass": NullPool}  # connections.py keeps them
    if url.startswith("sqlite"):
        options["module"] = sqlite
    else:
        options["isolation_level"] = "AUTOCOMMIT"  # a statement is a transaction, unless one begins a longer one
        options["connect_args"] = {
            "connect_timeout": POOL_TIMEOUT,
            "client_encoding": "utf8",  # whatever the environment or the role has
        }
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    app.teardown_appcontext_funcs.clear()  # it is the first: what ends the ORM's session, which nobody opens
    with app.app_context():
        if "module" in options:
            _set_up_sqlite(db.engine, synchronous="FULL" if durability is Durability.FULL else "NORMAL")
        else:
            postgresql.set_up(db.engine, durability)


def _set_up_sqlite(engine: Engine, synchronous: str) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; "begin" below does
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")  # first: the next line may have to wait
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SLICE}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that will write takes the write lock at once: one that reads first and then wants it, fails.
        if until := connection.get_execution_options().get("writes_until"):
            _begin_immediate(connection, until)
        else:
            connection.connection.cursor().execute("BEGIN")

    @event.listens_for(engine, "handle_error")
    def handle_error(context: ExceptionContext) -> None:
        # A connection that met a full disk or a read-only file stays as it is: the next request gets a new one.
        error = context.original_exception
        if isinstance(error, sqlite.OperationalError) and not any(word in str(error) for word in HARMLESS):
            context.is_disconnect = True


def _begin_immediate(connection: Connection, until: float) -> None:
    """Take the write lock, waiting for it so that others can be served."""
    while monotonic() < until:
        try:
            connection.connection.cursor().execute("BEGIN IMMEDIATE")
        except sqlite.OperationalError as error:
            if "locked" not in str(error):
                break
            sleep(BUSY_SLICE / 1000)
        else:
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, for SQLAlchemy to raise what it raises
