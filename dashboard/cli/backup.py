"""`flask jobs backup` and `flask jobs check`: a copy of the database, and whether such a copy is whole."""

from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from dashboard.database import backup as database_backup
from dashboard.database import migrate
from dashboard.database.engine import db
from dashboard.database.sqlite import driver
from dashboard.store import consistency

NEW_FILE = click.Path(dir_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command()
@click.argument("file", type=NEW_FILE)
@with_appcontext
def backup(file: Path) -> None:
    """Copy the SQLite database into a new FILE while it is in use.

    To restore it: stop the server, let DATABASE_URL name the copy, start the server.
    """
    if db.engine.dialect.name != "sqlite":
        url = db.engine.url.set(drivername="postgresql", password=None).render_as_string()
        raise click.ClickException(
            f"PostgreSQL has its own tool for this: pg_dump --format=custom --file={file} '{url}'"
        )
    try:
        database_backup.copy_to(file)
    except FileExistsError:
        raise click.ClickException(f"{file} is there already; name a new file") from None
    except (OSError, DBAPIError, driver.Error) as error:
        raise click.ClickException(f"{file} could not be written: {error}") from None
    _check(file)


@click.command()
@click.argument("file", type=FILE)
@with_appcontext
def check(file: Path) -> None:
    """Check a SQLite FILE: that it is whole, and that its tally, jobs and runs agree. It only reads."""
    _check(file)


def _check(file: Path) -> None:
    try:
        with database_backup.opened(file) as connection:
            found = database_backup.damage(connection)
            is_current = not found and migrate.is_for_this_version(connection)
            if is_current:
                found = consistency.problems(connection)
    except DBAPIError as error:
        raise click.ClickException(f"{file} is damaged, or not a database of this service: {error.orig}") from None
    if found:
        raise click.ClickException("\n".join((f"{file} is damaged", *found)))
    size = f"{file.stat().st_size / 1_000_000:,.1f} MB"
    if is_current:
        click.echo(f"{file} is whole ({size}); its tally, jobs and runs agree.")
    else:
        click.echo(f"{file} is whole ({size}). Its schema is another version's, so nothing else was checked.")
