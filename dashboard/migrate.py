"""Brings the schema up to date at start, safely when several processes start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from dashboard import store

ADVISORY_LOCK = 0x6A6F6273  # "jobs": PostgreSQL's key for the one process that migrates


def upgrade() -> None:
    """Apply what is missing, in one transaction that only one process at a time can hold."""
    config = _config()
    with store.reading() as tx:
        if _is_current(tx, config):
            return
    with store.writing() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def is_current() -> bool:
    """Whether the schema is the one that this code was written for."""
    with store.reading() as tx:
        return _is_current(tx, _config())


def _is_current(tx: Connection, config: Config) -> bool:
    return MigrationContext.configure(tx).get_current_heads() == tuple(ScriptDirectory.from_config(config).get_heads())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
