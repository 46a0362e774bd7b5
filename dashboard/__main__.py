"""Serve the dashboard by gunicorn: `python -m dashboard`; all arguments are gunicorn's.

gunicorn reads WEB_CONCURRENCY before our configuration, and answers an empty or a wrong one with a traceback.
"""

import os
import sys

from dashboard.config import SettingsError, worker_processes


def main() -> None:
    try:
        os.environ["WEB_CONCURRENCY"] = str(worker_processes(os.environ))
    except SettingsError as error:
        sys.exit(f"Cannot start: {error}")
    # It takes the place of this process, so that it starts with no module of ours loaded: see gunicorn.conf.py.
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
