"""The files of deploy/ are taken by the programs that they are for; nginx's is used by tests/system/test_stop.py."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.client import Jobs
from dashboard.config import Settings
from tests.support.commands import started
from tests.support.programs import certificate, program
from tests.support.server import ROOT, Server
from tests.support.waiting import eventually

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture
def haproxy() -> str:
    return program("haproxy")


@pytest.fixture
def systemd_analyze() -> str:
    return program("systemd_analyze")


def with_what_is_there(name: str, folder: Path, absent: str, there: str | Path) -> Path:
    """The file of deploy/, with a path of this machine for one that it has not."""
    text = (DEPLOY / name).read_text()
    assert absent in text
    (folder / name).write_text(text.replace(absent, str(there)))
    return folder / name


def test_haproxy_takes_its_file(haproxy: str, tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    made.write_text(made.read_text() + key.read_text())
    file = with_what_is_there("haproxy.cfg", tmp_path, "/etc/haproxy/jobs.example.com.pem", made)
    checked = subprocess.run([haproxy, "-c", "-q", "-f", file], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_systemd_takes_the_unit(systemd_analyze: str, tmp_path: Path) -> None:
    file = with_what_is_there("jobs@.service", tmp_path, "/usr/local/bin/jobqueue", sys.executable)
    checked = subprocess.run([systemd_analyze, "verify", file], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_composed_service_has_settings_that_it_takes() -> None:
    settings = Settings.from_environ(COMPOSE["services"]["jobs"]["environment"])
    assert "jobs" in settings.allowed_hosts


def test_the_composed_worker_does_its_jobs(server: Server) -> None:
    command = COMPOSE["services"]["worker"]["command"]
    assert command[:3] == ["python", "-m", "dashboard.cli.main"]
    with Jobs(server.url) as jobs, started(*command[3:], url=server.url, stderr=subprocess.DEVNULL) as worker:
        made = jobs.create("hello", {"to": "all"})
        done = jobs.wait(made["id"], timeout=30)
        worker.terminate()
        eventually(lambda: worker.poll() is not None, "the worker ends")
    assert (done["status"], done["result"]) == ("COMPLETED", {"to": "all"})
