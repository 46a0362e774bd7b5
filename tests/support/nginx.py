"""A real nginx with the file of deploy/."""

from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.support import http
from tests.support.programs import Daemon, certificate, program
from tests.support.server import ROOT, free_port


class Nginx(Daemon):
    """It stands before instances on loopback; only ports and file names differ from deploy/nginx.conf."""

    def __init__(self, folder: Path, instances: Sequence[int]) -> None:
        self._port = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        super().__init__(folder)
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
        command = (program("nginx"), "-p", self._folder, "-c", self._folder / "nginx.conf")
        self.launch(*command, is_there=self._answers)
        return self

    def _answers(self) -> bool:
        try:
            return http.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False
