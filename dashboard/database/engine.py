"""The engine: Flask-SQLAlchemy's db, SQLite's PRAGMAs, PostgreSQL's settings."""

from importlib import import_module
from time import monotonic, sleep
from types import ModuleType
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.pool import NullPool

from dashboard.config import Durability
from dashboard.database import postgresql

try:
    sqlite: ModuleType = import_module("pysqlite3.dbapi2")
except ImportError:  # no wheel of it for this platform
    sqlite = import_module("sqlite3")

BUSY_TIMEOUT = 5_000  # milliseconds that a writer waits for SQLite's one write lock

HARMLESS = ("locked", "interrupted")  # in SQLite's errors: they say nothing against the connection

BUSY_SLICE = 20  # milliseconds of it that SQLite itself waits at a time: it lets no other greenlet run meanwhile

# Connections a process, each needed for a millisecond or two at a time: for writes of one statement (SQLite has one for
# all writes), for questions of one, for transactions that read, and for those that write.
WRITERS, ASKERS, READERS, OTHERS = 8, 4, 4, 4

POOL_TIMEOUT = 5  # seconds to wait for one of them, and for PostgreSQL to take a new one

db = SQLAlchemy()


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
