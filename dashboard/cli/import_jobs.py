"""`flask jobs import`: jobs of an export, or of the database of the service that this one takes the place of."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from flask import current_app
from flask.cli import with_appcontext

from dashboard.core.job import Job, JobStatus
from dashboard.core.past import PastJob, past_job
from dashboard.core.printable import printable
from dashboard.database.errors import UNAVAILABLE
from dashboard.database.sqlite import driver
from dashboard.http.json_text import parse_json
from dashboard.services import history

SQLITE = b"SQLite format 3\0"  # how such a file begins
SLICE_TEXT = 2_000_000  # characters of payloads and results after which a slice ends, full or not

Found = tuple[str, PastJob | str]  # where it stands, and the job, or what is wrong with it


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@with_appcontext
def import_jobs(file: Path) -> None:
    """Bring in the jobs of FILE with their ids, statuses, times and results.

    \b
    jobs.ndjson    as GET /jobs/export writes it
    jobs.db        the SQLite database of the service that this one takes the place of

    A job that is there already is left alone, so it can be done again. What is no job is skipped, and the reason is
    printed; then the exit status is 1. Everything else is kept, also where it is cut off in the middle.
    """
    with file.open("rb") as opened:
        read = _of_database if opened.read(len(SQLITE)) == SQLITE else _of_lines
    added: Counter[str] = Counter()
    known = wrong = 0
    import_of = printable(file.name)[:200], str(uuid4())
    try:
        for jobs, problems in _slices(read(file)):
            for place, problem in problems:
                click.echo(f"Skipped {place}: {problem}", err=True)
            new = history.add_new(jobs, import_of)
            added.update(job.status for job in new)
            known += len(jobs) - len(new)
            wrong += len(problems)
        history.count()
    except (driver.Error, OSError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}. {_so_far(added)}") from None
    except UNAVAILABLE:
        raise click.ClickException(f"The database is busy or away. {_so_far(added)}") from None
    _tell(added, known, wrong)


def _so_far(added: Counter[str]) -> str:
    return f"{added.total():,} jobs came in and stay: import it again for the rest"


def _tell(added: Counter[str], known: int, wrong: int) -> None:
    each = ", ".join(f"{added[status]:,} {status}" for status in JobStatus if added[status])
    click.echo(f"Imported {added.total():,} jobs{': ' if each else ''}{each}.")
    if known or wrong:
        click.echo(f"Skipped {known:,} that are there already, and {wrong:,} that are no jobs.")
    if running := added[JobStatus.RUNNING]:
        click.echo(f"The {running:,} RUNNING are held by no lease: complete or fail each by its id.")
    if wrong:
        click.get_current_context().exit(1)


def _slices(found: Iterator[Found]) -> Iterator[tuple[list[PastJob], list[tuple[str, str]]]]:
    jobs: list[PastJob] = []
    problems: list[tuple[str, str]] = []
    size = 0
    for place, job in found:
        if isinstance(job, str):
            problems.append((place, job))
        else:
            jobs.append(job)
            size += len(job.payload or "") + len(job.result or "")
        if len(jobs) + len(problems) >= history.SLICE or size >= SLICE_TEXT:
            yield jobs, problems
            jobs, problems, size = [], [], 0
    yield jobs, problems


def _of_lines(file: Path) -> Iterator[Found]:
    """The jobs of NDJSON; a line is at most as long as that of a job that can be created here."""
    longest = 2 * current_app.extensions["max_body_bytes"] + 10_000
    with file.open("rb") as lines:
        for number in count(1):
            line = lines.readline(longest)
            if not line:
                return
            if len(line) == longest:
                while line and not line.endswith(b"\n"):
                    line = lines.readline(longest)
                yield f"line {number}", "it is longer than MAX_BODY_BYTES allows"
            elif line.strip():
                yield f"line {number}", _job(lambda line=line: parse_json(line))  # type: ignore[misc]


def _of_database(file: Path) -> Iterator[Found]:
    """The jobs of the old service, the oldest first."""
    with closing(driver.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        columns = {name.decode() for _, name, *_ in connection.execute("PRAGMA table_info(jobs)")}
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            raise click.ClickException(f"{file} is a database of this service: import what GET /jobs/export says of it")
        if missing := [name for name in Job._fields if name not in columns]:
            raise click.ClickException(f"{file} has no table of jobs with a column {missing[0]!r}")
        for row in connection.execute(f"SELECT {', '.join(Job._fields)} FROM jobs ORDER BY created_at, rowid"):  # noqa: S608
            given = dict(zip(Job._fields, row, strict=True))
            shown = given["id"].decode(errors="replace") if isinstance(given["id"], bytes) else str(given["id"])
            yield f"job {printable(shown)[:60]}", _job(lambda given=given: _plain(given))  # type: ignore[misc]


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    """The row as an export has it. Raises ValueError for what is not UTF-8 or not JSON."""
    return {
        name: value
        if not isinstance(value, bytes)
        else parse_json(value)
        if name in ("payload", "result")
        else value.decode()
        for name, value in given.items()
    }


def _job(read: Callable[[], Any]) -> PastJob | str:
    """The job, or what is wrong with it."""
    try:
        return past_job(read())
    except UnicodeDecodeError:
        return "it is not UTF-8"
    except ValueError as error:
        return printable(str(error))
