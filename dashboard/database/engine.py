"""Flask-SQLAlchemy's `db` with two engines for one database: `db.engine` reads, `db.engines[WRITES]` writes.

The second one is a bind, as Flask-SQLAlchemy's documentation calls it. Each engine has SQLAlchemy's QueuePool with a
limit of its own, so that writes that wait for a lock never hold the connections that reads need.

`db.Model`, `db.metadata` and `db.session` are what that documentation says. The session reads, and is for what pages
rarely need. What every request needs uses Core statements in transactions.py, because the ORM costs several times
as much as the statement; every write does, because on SQLite only such writes share a commit.
"""

from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import make_url

from dashboard.config import Durability
from dashboard.database import pools, postgresql, sqlite

WRITES = "writes"

# Connections of a process, each needed for a few milliseconds at a time. SQLite has one for all writes.
READERS, WRITERS = 8, 12

READ_TIMEOUT, TURN_TIMEOUT = 5, 2  # seconds to wait for a free connection to read, and for one to write

db = SQLAlchemy()


def init_app(app: Flask, url: str, durability: Durability) -> None:
    """Bind db to the database at this URL."""
    options: dict[str, Any] = {
        "max_overflow": 0,
        "pool_reset_on_return": None,  # pools.py does it
        "pool_use_lifo": True,  # the last one used has most in its cache
    }
    if url.startswith("sqlite"):
        writers = 1
        options["module"] = sqlite.driver
    else:
        writers = WRITERS
        options["isolation_level"] = "AUTOCOMMIT"  # a statement is a transaction, where no longer one is begun
        options["connect_args"] = postgresql.connect_args(make_url(url))
    reads = {**options, "pool_size": READERS, "pool_timeout": READ_TIMEOUT}
    writes = {**options, "pool_size": writers, "pool_timeout": TURN_TIMEOUT, "url": url}
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = reads
    app.config["SQLALCHEMY_BINDS"] = {WRITES: writes}
    db.init_app(app)
    with app.app_context():
        for name, engine in db.engines.items():
            if engine.dialect.name == "sqlite":
                sqlite.set_up(engine, durability)
            else:
                postgresql.set_up(engine, durability, writes=name == WRITES)
        pools.set_up(db.engines.values())


def dispose() -> None:
    """Close the connections of the current application that are not in use."""
    for engine in db.engines.values():
        engine.dispose()
