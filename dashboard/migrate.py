"""Brings the schema up to date at start, safely when several processes start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask, Request, current_app
from sqlalchemy import Connection, text

from dashboard.transactions import reading, writing
from dashboard.usable import UNAVAILABLE, UnusableDatabaseError, checked

ADVISORY_LOCK = 0x6A6F6273  # "jobs": PostgreSQL's key for the one process that migrates
NEEDS_NO_DATABASE = ("assets.static", "health.healthz")


def init_app(app: Flask) -> None:
    """Migrate now; where the database cannot be reached yet, before the first request that needs it."""
    with app.app_context():
        try:
            _upgrade()
        except UNAVAILABLE as error:
            app.logger.warning("Started without the database, which will be tried again: %s", error)


def is_current() -> bool:
    """Whether the schema is the one that this code was written for."""
    with reading() as tx:
        return _is_current(tx, _config())


def migrate_first(app: Flask, request: Request) -> None:
    if not app.extensions.get("migrated") and request.endpoint not in NEEDS_NO_DATABASE:
        _upgrade()


@checked()
def _upgrade() -> None:
    """Apply what is missing, in one transaction that only one process at a time can hold."""
    config = _config()
    with reading() as tx:
        current = _is_current(tx, config)
    if not current:
        with writing() as tx:
            if tx.dialect.name == "postgresql":
                tx.execute(text("SET LOCAL statement_timeout = 0"))
                tx.execute(text("SET LOCAL lock_timeout = 0"))
                tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            config.attributes["connection"] = tx
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise UnusableDatabaseError(
                    f"The database's schema is not one that this version knows: {error}"
                ) from None
    current_app.extensions["migrated"] = True


def _is_current(tx: Connection, config: Config) -> bool:
    return MigrationContext.configure(tx).get_current_heads() == tuple(ScriptDirectory.from_config(config).get_heads())


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # it is interpolated
    return config
