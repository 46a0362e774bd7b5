"""Whether the database is one that this service can use. If not, the start ends with a sentence and changes nothing.

A database that cannot be reached is not judged: it is tried again later.
"""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn
from sqlalchemy import URL, Connection, create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from dashboard.config import SettingsError
from dashboard.core.job import Job
from dashboard.database import postgresql
from dashboard.database.engine import db
from dashboard.database.errors import UNAVAILABLE, UnusableDatabaseError
from dashboard.database.sqlite import driver

NOWHERE = "nowhere"  # no address in digits: nothing is sent, nor any name looked up


def check_url(text: str) -> None:
    """Raise SettingsError for a DATABASE_URL that is no URL, or has an option that its driver does not accept."""
    try:
        url = make_url(text)
        if url.get_backend_name() == "postgresql":
            _check_options(url.get_dialect()().create_connect_args(url)[1])
        elif url.query:
            raise SettingsError(f"DATABASE_URL: a SQLite file takes no option, not {next(iter(url.query))!r} either")
    except (ArgumentError, ValueError):
        raise SettingsError("DATABASE_URL is no URL of a database: look at its host, port and options") from None
    except ProgrammingError as error:
        raise SettingsError(f"DATABASE_URL: {str(error).strip()}") from None


def _check_options(arguments: MutableMapping[str, Any]) -> None:
    """Have libpq check all of them, by an attempt to connect to an address that does not exist."""
    hosts = str(arguments.get("hostaddr") or arguments.get("host", "")).count(",") + 1
    options = make_conninfo(**{**arguments, "hostaddr": ",".join([NOWHERE] * hosts)})
    attempt = PGconn.connect_start(options.encode())
    problem = attempt.error_message.decode(errors="replace")
    attempt.finish()
    if NOWHERE not in problem:
        raise ProgrammingError(problem)


@contextmanager
def checked() -> Iterator[None]:
    """Check the database before the block; raise UnusableDatabaseError where it, or the block, finds it unusable."""
    url = db.engine.url
    try:
        if url.get_backend_name() == "postgresql":
            _check(url, connect_args=postgresql.connect_args(url))
        elif _is_file(Path(url.database or "")):
            _check(url, module=driver)  # by a connection that does not yet switch the file to WAL
        yield
    except UNAVAILABLE as error:
        if "unable to open database file" in str(error):
            raise UnusableDatabaseError(f"{url.database} cannot be opened as a database file") from None
        raise
    except DBAPIError as error:
        name = url.database if url.get_backend_name() == "sqlite" else "The database"
        raise UnusableDatabaseError(f"{name} cannot be used: {str(error.orig).strip()}") from None


def _is_file(path: Path) -> bool:
    if not path.parent.is_dir():
        raise UnusableDatabaseError(f"DATABASE_URL names a file in {path.parent}, a folder that does not exist")
    return path.exists()


def _check(url: URL, **options: Any) -> None:
    with create_engine(url, poolclass=NullPool, **options).connect() as connection:
        _check_tables(connection)
        if connection.dialect.name == "postgresql":
            _check_encoding(connection)


def _check_tables(connection: Connection) -> None:
    """Leave another service's tables alone. A PostgreSQL may be shared: there only tables with our names count."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return  # a version that this code does not know is refused by the upgrade
    if connection.dialect.name == "postgresql":
        tables &= set(db.metadata.tables)
    if "jobs" in tables and connection.dialect.name == "sqlite" and _is_old(connection):
        file = connection.engine.url.database
        raise UnusableDatabaseError(
            f"{file} is the database of the service that this one takes the place of. Let DATABASE_URL name a new one, "
            f"and bring its jobs in by: jobqueue import {file} (from a checkout: flask --app wsgi jobs import {file})"
        )
    if tables:
        raise UnusableDatabaseError(
            f"{connection.engine.url.database} is another service's database: it has a table {min(tables)!r} that is "
            "not ours. Let DATABASE_URL name a new one"
        )


def _is_old(connection: Connection) -> bool:
    """Whether its jobs have the columns that those of the old service had."""
    return {column["name"] for column in inspect(connection).get_columns("jobs")} >= set(Job._fields)


def _check_encoding(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    encoding = driver.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise UnusableDatabaseError(
            f"The database {connection.engine.url.database} is kept in {encoding}, which cannot hold every text. "
            "Make one by CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
