"""A real nginx with the file of deploy/."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.support import http
from tests.support.programs import certificate, program
from tests.support.server import ROOT, free_port
from tests.support.waiting import eventually


class Nginx:
    """It stands before instances on loopback; only ports and file names differ from deploy/nginx.conf."""

    def __init__(self, folder: Path, instances: Sequence[int]) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self.certificate, key = certificate(folder)
        site = (ROOT / "deploy/nginx.conf").read_text()
        changes = {
            "127.0.0.1:8081": f"127.0.0.1:{instances[0]}",
            "127.0.0.1:8082": f"127.0.0.1:{instances[1]}",
            "listen 443": f"listen 127.0.0.1:{self._port}",
            "/etc/ssl/certs/jobs.example.com.pem": str(self.certificate),
            "/etc/ssl/private/jobs.example.com.key": str(key),
        }
        for old, new in changes.items():
            assert old in site, old
            site = site.replace(old, new)
        (folder / "site.conf").write_text(site)
        paths = "".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log stderr; worker_processes 1; events {{ }}\n"
            f"http {{ access_log off; {paths} include {folder}/site.conf; }}\n"
        )

    def start(self) -> "Nginx":
        make = (
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -keyout key.pem -subj /CN=localhost"
        )
        name = ["-out", str(self.certificate), "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(["openssl", *make.split(), *name], cwd=self._folder, check=True, capture_output=True)
        with (self._folder / "log").open("wb") as log:
            command = [program("nginx"), "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(self._answers, f"nginx answers; the log is in {self._folder}")
        return self

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return http.get(f"{self.url}/healthz", verify=False).status_code == 200
        except httpx.TransportError:
            return False
