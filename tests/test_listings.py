"""The listings of the documents work as they stand: bash and curl, against a real server."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import http
from tests.support.server import ROOT, Server
from tests.support.waiting import eventually

ADDRESS = "http://127.0.0.1:8080"
# A refusal ends the script: as it stands curl would show it and go on.
STRICT = 'set -eu -o pipefail\ncurl() { command curl -sS --fail-with-body "$@"; }\n'
RUN_BY_ITSELF = "#!/usr/bin/env bash"


@pytest.fixture
def server(sqlite_url: str, start_server: Callable[..., Server]) -> Server:
    for program in ("bash", "curl", "python3"):
        assert shutil.which(program), f"the listings need {program}: install it"
    return start_server(sqlite_url)


def listings(name: str, heading: str = "") -> list[str]:
    """The shell listings of a document, or of a section of it, as they stand."""
    text = (ROOT / name).read_text()
    if heading:
        text = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(server: Server, script: str) -> str:
    """What the script prints, its output checked for a refusal by its exit code."""
    script = STRICT + script.replace(ADDRESS, server.url)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_listing_of_the_readme_works(server: Server) -> None:
    (script,) = listings("README.md", "The API by curl")
    run(server, script)
    assert http.get(f"{server.url}/jobs/summary").json() == {"pending": 0, "running": 0, "completed": 1, "failed": 0}


def test_the_listings_about_workers_work_one_after_the_other(server: Server) -> None:
    scripts = [script for script in listings("docs/workers.md") if not script.startswith(RUN_BY_ITSELF)]
    assert len(scripts) > 5
    told = run(server, "\n".join(scripts))
    assert re.findall(r'"status":(\d+)', told) == ["200", "200"]
    for status, count in {"COMPLETED": 3, "FAILED": 2, "RUNNING": 0}.items():
        assert len(http.get(f"{server.url}/jobs?status={status}").json()) == count, status
    assert "report" in {job["type"] for job in http.get(f"{server.url}/jobs?full=1").json() if job["run_at"]}


@pytest.fixture
def worker(server: Server, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The worker of the document, as a process."""
    (script,) = (script for script in listings("docs/workers.md") if script.startswith(RUN_BY_ITSELF))
    file = tmp_path / "worker.sh"
    file.write_text(script)
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", file], env=os.environ | {"JOBS": server.url}, stdout=log, stderr=log, start_new_session=True
        )
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def test_the_worker_in_bash_completes_jobs(server: Server, worker: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    made = http.post(f"{server.url}/jobs/batch", json=[{"type": "hello"}] * 3).json()
    eventually(lambda: http.get(f"{server.url}/jobs/summary").json()["completed"] == 3, "the worker completes all")
    log = (tmp_path / "worker.log").read_text()
    assert sorted(re.findall("hello, (.*)", log)) == sorted(job["id"] for job in made)
    assert worker.poll() is None
