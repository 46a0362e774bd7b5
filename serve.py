"""Serves the dashboard by gunicorn: `python serve.py`; what follows goes to gunicorn.

gunicorn reads WEB_CONCURRENCY before our configuration, and meets an empty or a wrong one with a traceback.
"""

import os
import runpy
import sys
from pathlib import Path

ours = runpy.run_path(str(Path(__file__).parent / "dashboard" / "config.py"))
try:
    os.environ["WEB_CONCURRENCY"] = str(ours["worker_processes"](os.environ))
except ours["SettingsError"] as error:
    sys.exit(f"Cannot start: {error}")

runpy.run_module("gunicorn", run_name="__main__")
