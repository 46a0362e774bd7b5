"""The listings of the documents work as they stand: bash, Python and the command, against a real server."""

import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from dashboard.cli.program import TERM_FOR
from dashboard.cli.work import REPORTED_WITHIN, work
from dashboard.client import RELEASE_MAX
from tests.support import http
from tests.support.server import ROOT, Server, environment
from tests.support.waiting import eventually

ADDRESS = "http://127.0.0.1:8080"
# A refusal ends the script: as it stands curl would show it and go on.
STRICT = 'set -eu -o pipefail\ncurl() { command curl -sS --fail-with-body "$@"; }\n'
BASH_WORKER, COMMAND = "#!/usr/bin/env bash", "jobqueue work"  # how those begin that run until they are stopped


@pytest.fixture
def server(sqlite_url: str, start_server: Callable[..., Server]) -> Server:
    for program in ("bash", "curl", "python3"):
        assert shutil.which(program), f"the listings need {program}: install it"
    return start_server(sqlite_url)


def listings(name: str, heading: str = "", language: str = "sh") -> list[str]:
    """The listings of a document, or of a section of it, as they stand."""
    text = (ROOT / name).read_text()
    if heading:
        text = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(server: Server, script: str, folder: Path) -> str:
    """What the script prints, its output checked for a refusal by its exit code."""
    script = STRICT + script.replace(ADDRESS, server.url)
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_listing_of_the_readme_works(server: Server, tmp_path: Path) -> None:
    (script,) = listings("README.md", "The API by curl")
    run(server, script, tmp_path)
    assert http.get(f"{server.url}/jobs/summary").json() == {"pending": 0, "running": 0, "completed": 1, "failed": 0}


def test_the_listings_about_workers_work_one_after_the_other(server: Server, tmp_path: Path) -> None:
    scripts = [each for each in listings("docs/workers.md") if not each.startswith((BASH_WORKER, COMMAND))]
    assert len(scripts) > 5
    told = run(server, "\n".join(scripts), tmp_path)
    assert re.findall(r'"status":(\d+)', told) == ["200", "200"]
    for status, count in {"COMPLETED": 3, "FAILED": 2, "RUNNING": 0}.items():
        assert len(http.get(f"{server.url}/jobs?status={status}").json()) == count, status
    assert "report" in {job["type"] for job in http.get(f"{server.url}/jobs?full=1").json() if job["run_at"]}
    assert (tmp_path / "client.py").read_bytes() == (ROOT / "dashboard" / "client.py").read_bytes()


def listing(beginning: str, language: str = "sh") -> str:
    """The one about workers that begins so."""
    (found,) = (each for each in listings("docs/workers.md", language=language) if each.startswith(beginning))
    return found


@pytest.fixture
def folder(server: Server, tmp_path: Path) -> Path:
    """The files of the document, and the client as the server offers it."""
    for script in listings("docs/workers.md", language="python"):
        name = script.splitlines()[0].removeprefix("# ")
        (tmp_path / name).write_text(script)
    (tmp_path / "client.py").write_bytes(http.get(f"{server.url}/client.py").content)
    return tmp_path


@contextmanager
def worker(*command: str, folder: Path, environ: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """It works in this folder until the end of the block."""
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**environment(), **environ}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
        assert process.poll() is None, "it ended by itself"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def completed(server: Server) -> int:
    return int(http.get(f"{server.url}/jobs/summary").json()["completed"])


def test_the_worker_in_bash_completes_jobs(server: Server, folder: Path) -> None:
    made = http.post(f"{server.url}/jobs/batch", json=[{"type": "hello"}] * 3).json()
    with worker("bash", "-c", listing(BASH_WORKER), folder=folder, environ={"JOBS": server.url}):
        eventually(lambda: completed(server) == 3, "the worker completes all")
    log = (folder / "worker.log").read_text()
    assert sorted(re.findall("hello, (.*)", log)) == sorted(job["id"] for job in made)


def test_the_worker_in_python_does_what_another_program_orders(server: Server, folder: Path) -> None:
    environ = {"JOBS_URL": server.url}
    with worker(sys.executable, "worker.py", folder=folder, environ=environ):
        for _ in range(2):
            ordered = subprocess.run(
                [sys.executable, "order.py"], cwd=folder, env=environment() | environ, capture_output=True, text=True
            )
            assert (ordered.stdout, ordered.stderr) == ("hello, Ada\n", "")
        failed = http.post(f"{server.url}/jobs", json={"type": "hello"}).json()["id"]
        eventually(lambda: http.get(f"{server.url}/jobs/{failed}").json()["status"] == "FAILED", "it fails for good")
    assert completed(server) == 1


def test_the_unit_of_systemd_leaves_time_for_the_grace() -> None:
    (text,) = listings("docs/workers.md", language="ini")
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    service = unit["Service"]
    assert service["KillMode"] == "mixed"
    command = shlex.split(service["ExecStart"])[1:]
    (grace,) = (float(value) for name, value in pairwise(command) if name == "--grace")
    assert float(service["TimeoutStopSec"]) > grace + TERM_FOR + REPORTED_WITHIN + RELEASE_MAX
    work.make_context("work", command[1:])  # its options are right


def test_the_command_works_by_any_program(server: Server, folder: Path) -> None:
    command = folder / "jobqueue"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dashboard.cli.main "$@"\n')
    command.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    environ = {"JOBS_URL": server.url, "PATH": path, "PYTHONPATH": str(ROOT)}
    made = http.post(f"{server.url}/jobs", json={"type": "hello", "payload": {"name": "Ada"}}).json()["id"]
    with worker("bash", "-c", listing(COMMAND), folder=folder, environ=environ):
        eventually(lambda: completed(server) == 1, "the worker completes it")
    assert http.get(f"{server.url}/jobs/{made}").json()["result"] == {"text": "hello, Ada, 1"}
