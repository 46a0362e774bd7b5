"""Programs that only the system's packages have; `./run test` installs Debian's where it may."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.waiting import eventually

# By the fixture that stands for each; None is one that is not installed.
PROGRAMS = {
    name: shutil.which(name.replace("_", "-"), path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    for name in ("haproxy", "nginx", "pgbouncer", "prometheus", "promtool", "systemd_analyze")
}


def program(name: str) -> str:
    path = PROGRAMS[name]
    assert path, "tests whose fixture is missing are left out: see tests/conftest.py"
    return path


class Daemon:
    """A program that serves until it is stopped; its folder has its log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    def launch(self, *command: str | Path, is_there: Callable[[], bool], user: str | None = None) -> None:
        with (self._folder / "log").open("wb") as log:
            self._process = process = subprocess.Popen(command, stdout=log, stderr=log, user=user)

        def answers() -> bool:
            assert process.poll() is None, (self._folder / "log").read_text()
            return is_there()

        eventually(answers, f"{Path(command[0]).name} answers; the log is in {self._folder}")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


def certificate(folder: Path) -> tuple[Path, Path]:
    """Of 127.0.0.1, signed by itself, and its key."""
    made, key = folder / "certificate.pem", folder / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    options = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*make.split(), *options], check=True, capture_output=True)
    return made, key
