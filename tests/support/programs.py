"""Programs that only the system's packages have; `./run test` installs Debian's where it may."""

import os
import shutil
import subprocess
from pathlib import Path

# By the fixture that stands for each; None is one that is not installed.
PROGRAMS = {
    name: shutil.which(name.replace("_", "-"), path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    for name in ("haproxy", "nginx", "pgbouncer", "systemd_analyze")
}


def program(name: str) -> str:
    path = PROGRAMS[name]
    assert path, "tests whose fixture is missing are left out: see tests/conftest.py"
    return path


def certificate(folder: Path) -> tuple[Path, Path]:
    """Of 127.0.0.1, signed by itself, and its key."""
    made, key = folder / "certificate.pem", folder / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    options = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*make.split(), *options], check=True, capture_output=True)
    return made, key
