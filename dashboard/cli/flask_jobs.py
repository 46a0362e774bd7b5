"""`flask jobs …`: the commands that work on the database itself."""

from flask import Blueprint

from dashboard.cli.backup import backup, check
from dashboard.cli.demo import demo
from dashboard.cli.import_jobs import import_jobs

bp = Blueprint("jobs", __name__, cli_group="jobs")

for command in (demo, backup, check, import_jobs):
    bp.cli.add_command(command)
