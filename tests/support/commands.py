"""The command jobqueue: in this process, and as a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from click.testing import CliRunner, Result

from dashboard.cli.main import main
from tests.support.server import ROOT, environment


def invoke(*arguments: str, status: int = 0, url: str | None = None, **more: Any) -> Result:
    """Run it to its end in this process, with the server JOBS_URL; its exit status must be this one."""
    env = {"JOBS_URL": url, "JOBS_TOKEN": None}
    result = CliRunner(env=env).invoke(main, arguments, prog_name="jobqueue", **more)
    assert result.exit_code == status, result.output
    return result


def invoke_json(*arguments: str, url: str) -> Any:
    return json.loads(invoke(*arguments, "--json", url=url).stdout)


@contextmanager
def started(*arguments: str, url: str, stderr: int | IO[bytes], first: str = "") -> Iterator["subprocess.Popen[bytes]"]:
    """It runs until the end of the block; a shell does `first` before it, as `ulimit -n 40;`."""
    command = [sys.executable, "-W", "error", "-m", "dashboard.cli.main", *arguments]
    if first:
        command = ["sh", "-c", f'{first} exec "$@"', "sh", *command]
    env = environment() | {"JOBS_URL": url, "TERM": "xterm"}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def runs(pid: int) -> bool:
    """Whether the process is there and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
