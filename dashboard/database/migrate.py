"""Brings the schema up to date at start, also when several processes start at once."""

from functools import cache
from pathlib import Path
from re import fullmatch

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask, current_app
from sqlalchemy import Connection, text

from dashboard.database.engine import db, dispose
from dashboard.database.errors import UNAVAILABLE, UnusableDatabaseError
from dashboard.database.transactions import reading, writing
from dashboard.database.usable import checked

ADVISORY_LOCK = 0x6A6F6273  # "jobs": PostgreSQL's key for the one process that migrates

# The names of the columns, of the indexes in use, and of the triggers that are not switched off.
_PRESENT = {
    "sqlite": text(
        "SELECT t.name || '.' || c.name FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c "
        "WHERE t.type = 'table' "
        "UNION ALL SELECT type || ' ' || name FROM sqlite_master WHERE type IN ('index', 'trigger')"
    ),
    "postgresql": text(
        "WITH t AS (SELECT oid, relname FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid) "
        "AND relnamespace <> 'pg_catalog'::regnamespace) "
        "SELECT relname || '.' || attname FROM t JOIN pg_attribute ON attrelid = t.oid "
        "WHERE attnum > 0 AND NOT attisdropped "
        "UNION ALL SELECT 'index ' || i.relname FROM t JOIN pg_index ON indrelid = t.oid "
        "JOIN pg_class AS i ON i.oid = indexrelid WHERE indisvalid "
        "UNION ALL SELECT 'trigger ' || tgname FROM t JOIN pg_trigger ON tgrelid = t.oid WHERE tgenabled IN ('O', 'A')"
    ),
}

_TRIGGERS = {"sqlite": ("insert", "update", "delete"), "postgresql": ("insert", "update", "delete", "truncate")}

_VERSION = text("SELECT version_num FROM alembic_version")


def init_app(app: Flask) -> None:
    """Migrate now; where the database cannot be reached yet, before the first request that needs it."""
    with app.app_context():
        try:
            _upgrade()
        except UNAVAILABLE as error:
            app.logger.warning("Started without the database, which will be tried again: %s", error)
        except UnusableDatabaseError:
            dispose()  # the application is not made, so its connections must not stay open
            raise


def is_current() -> bool:
    """Whether the schema is one that this code can use: its version, and every column, index and trigger."""
    with reading() as tx:
        if missing := _missing(tx):
            current_app.logger.error("The database lacks %s", ", ".join(sorted(missing)))
        return not missing and is_for_this_version(tx)


def upgrade_once(app: Flask) -> None:
    """Migrate where the start could not, because the database could not be reached."""
    if not app.extensions.get("migrated"):
        _upgrade()


@checked()
def _upgrade() -> None:
    """Apply the missing migrations, in one transaction that one process at a time can hold."""
    with reading() as tx:
        current = not _missing(tx) and is_for_this_version(tx)
    if not current:
        config = _config()
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


def _missing(tx: Connection) -> set[str]:
    columns = {f"{table.name}.{column.name}" for table in db.metadata.tables.values() for column in table.columns}
    indexes = {f"index {index.name}" for table in db.metadata.tables.values() for index in table.indexes}
    triggers = {f"trigger jobs_tally_{event}" for event in _TRIGGERS[tx.dialect.name]}
    required = columns | indexes | triggers | {"alembic_version.version_num"}
    return required - set(tx.execute(_PRESENT[tx.dialect.name]).scalars())


def is_for_this_version(tx: Connection) -> bool:
    """Whether the newest migration of this code was applied. Raises DBAPIError where none ever was.

    A later version may have migrated since: its migrations only add, so that instances are replaced one by one.
    """
    version, *more = tx.execute(_VERSION).scalars().all() or [""]
    return not more and (version == _head() or (bool(fullmatch("[0-9]{4}", version)) and version > _head()))


@cache
def _head() -> str:
    """The newest version in this code's migrations, which a process reads once."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # Config interpolates it
    return config
