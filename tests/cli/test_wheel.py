"""The wheel carries all that the service needs, and works in an environment of its own, away from the checkout."""

import re
import signal
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dashboard import __version__
from tests.support.server import ROOT, RunProgram, environment, free_port
from tests.support.waiting import eventually


def run(*command: str | Path, cwd: Path = ROOT, **environ: str) -> str:
    """What it prints."""
    env = environment() | environ
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by what is installed here: nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "-q", "--no-build-isolation", "--no-deps", "--no-index", "-w", folder, ".")
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a fresh environment with the wheel; its dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "-q", "--no-deps", "--no-index", "--no-compile", wheel)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def test_it_has_every_file_of_the_service_and_nothing_else(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    folders = ("templates/", "static/")
    expected = {name for name in tracked if name.startswith("dashboard/")}
    expected |= {f"dashboard/{name}" for name in tracked if name.startswith(folders)}
    expected |= {"dashboard/gunicorn.conf.py", "dashboard/wsgi.py"}
    with zipfile.ZipFile(wheel) as file:
        assert {name for name in file.namelist() if ".dist-info/" not in name} == expected
    assert __version__ in wheel.name


@pytest.fixture
def jobqueue(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """The command, in a folder of its own."""

    def jobqueue(*arguments: str, **environ: str) -> str:
        return run(installed / "jobqueue", *arguments, cwd=tmp_path, **environ)

    return jobqueue


def test_a_job_walks_through_its_life(installed: Path, tmp_path: Path, jobqueue: Callable[..., str]) -> None:
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    env = environment() | {"PORT": port, "WEB_CONCURRENCY": "1"}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([installed / "jobqueue", "serve"], cwd=tmp_path, env=env, stdout=log, stderr=log)
    try:
        eventually(lambda: answers(f"{url}/readyz"), f"it serves; the log is {tmp_path}/log")
        job_id = jobqueue("create", "greeting", '{"name": "Ada"}', JOBS_URL=url).strip()
        jobqueue("work", "greeting", "--drain", "--", "cat", JOBS_URL=url)
        told = jobqueue("show", job_id, JOBS_URL=url)
        assert "COMPLETED" in told
        assert 'result           {"name": "Ada"}' in told
        assert f"/dashboard/jobs/{job_id}" in httpx.get(f"{url}/dashboard/").text
        assert answers(f"{url}/static/app.css")
        assert httpx.get(f"{url}/client.py").content == (ROOT / "dashboard" / "client.py").read_bytes()
        added = re.match(r"Added (\d+) jobs", jobqueue("demo"))
        assert added
        assert sum(httpx.get(f"{url}/jobs/summary").json().values()) == int(added[1]) + 1
        assert len(jobqueue("list", "--limit", "1000", JOBS_URL=url).splitlines()) == 1_000
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(40) == 0
    assert {path.name for path in tmp_path.iterdir()} - {"jobs.db-turn", "jobs.db-shm", "jobs.db-wal"} == {
        "jobs.db",
        "log",
    }


def test_what_lies_in_the_current_folder_is_not_imported(
    installed: Path, tmp_path: Path, jobqueue: Callable[..., str]
) -> None:
    trap = 'raise SystemExit(f"{__file__} was imported")'
    for name in ("flask", "gunicorn", "gevent", "wsgi", "queue", "dashboard"):
        (tmp_path / f"{name}.py").write_text(trap)
    jobqueue("demo")
    port = str(free_port())
    env = environment() | {"PORT": port, "WEB_CONCURRENCY": "1"}
    for way in ((installed / "jobqueue", "serve"), (installed / "python", "-P", "-m", "dashboard")):
        with (tmp_path / "log").open("wb") as log:
            server = subprocess.Popen(way, cwd=tmp_path, env=env, stdout=log, stderr=log)
        try:
            eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"), f"it serves; the log is {tmp_path}/log")
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(40) == 0


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_the_module_serves_too_and_a_bad_setting_stops_it_with_a_sentence(
    installed: Path, tmp_path: Path, run_program: RunProgram
) -> None:
    for way in ((installed / "jobqueue", "serve"), (installed / "python", "-m", "dashboard")):
        for name, value in (("WEB_CONCURRENCY", "two"), ("DATABASE_URL", "mysql://a/b"), ("HOST", "0.0.0.0")):
            ended = run_program(*way, cwd=tmp_path, environ={name: value})
            assert ended.returncode != 0
            assert ended.stderr.count("Cannot start: ") == 1
            assert "Traceback" not in ended.stderr


def test_its_version_is_that_of_the_package(jobqueue: Callable[..., str]) -> None:
    assert jobqueue("version") == f"{__version__}\n"
