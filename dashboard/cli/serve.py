"""What works on DATABASE_URL: the server, and example jobs. Each is another program, which takes this one's place."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from dashboard import files
from dashboard.config import SettingsError, worker_processes


def serve(arguments: Sequence[str]) -> NoReturn:
    """Become gunicorn with our configuration and these arguments of its own.

    It reads WEB_CONCURRENCY before our configuration, and answers an empty or a wrong one with a traceback.
    """
    try:
        os.environ["WEB_CONCURRENCY"] = str(worker_processes(os.environ))
    except SettingsError as error:
        sys.exit(f"Cannot start: {error}")
    _become("gunicorn", "-c", str(files.GUNICORN), *arguments)


def add_examples() -> NoReturn:
    """Become `flask jobs demo`."""
    _become("flask", "--app", str(files.WSGI), "jobs", "demo")


def _become(module: str, *arguments: str) -> NoReturn:
    """A new program starts with no module of ours loaded: see gunicorn.conf.py."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606
