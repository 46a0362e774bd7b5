"""What works on DATABASE_URL: the server, examples, an import. Each is another program, in the place of this one."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from dashboard import files
from dashboard.config import SettingsError, worker_processes

GUNICORN = str(Path(__file__).with_name("safe_gunicorn.py"))


def serve(arguments: Sequence[str]) -> NoReturn:
    """Become gunicorn with our configuration and these arguments of its own.

    It reads WEB_CONCURRENCY before our configuration, and answers an empty or a wrong one with a traceback.
    """
    try:
        os.environ["WEB_CONCURRENCY"] = str(worker_processes(os.environ))
    except SettingsError as error:
        sys.exit(f"Cannot start: {error}")
    _become(GUNICORN, "-c", str(files.GUNICORN), *arguments)


def add_examples() -> NoReturn:
    """Become `flask jobs demo`."""
    _become("-m", "flask", "--app", str(files.WSGI), "jobs", "demo")


def import_jobs(file: Path) -> NoReturn:
    """Become `flask jobs import FILE`."""
    _become("-m", "flask", "--app", str(files.WSGI), "jobs", "import", str(file.absolute()))


def _become(*arguments: str) -> NoReturn:
    """A new program starts with no module of ours loaded: see gunicorn.conf.py.

    Nothing is imported from the current folder, where anybody's flask.py may be. Not by an option of Python's: what
    gunicorn starts later imports nothing from there either.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
