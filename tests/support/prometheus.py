"""A real Prometheus with the files of deploy/."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.support import http
from tests.support.programs import Daemon, program
from tests.support.server import ROOT, free_port


class Prometheus(Daemon):
    """It asks and looks at its rules each second; else only ports and file names differ from deploy/prometheus.yml."""

    def __init__(self, folder: Path, instances: Sequence[int], token: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(folder)
        (folder / "token").write_text(token)
        config = (ROOT / "deploy/prometheus.yml").read_text()
        changes = {
            "127.0.0.1:8081": f"127.0.0.1:{instances[0]}",
            "127.0.0.1:8082": f"127.0.0.1:{instances[1]}",
            "/etc/prometheus/jobqueue.token": str(folder / "token"),
            "scrape_interval: 15s": "scrape_interval: 1s",
            "evaluation_interval: 15s": "evaluation_interval: 1s",
        }
        for old, new in changes.items():
            assert old in config, old
            config = config.replace(old, new)
        self.config = folder / "prometheus.yml"
        self.config.write_text(config)
        shutil.copy(ROOT / "deploy/alerts.yml", folder)
        self._command = [
            program("prometheus"),
            f"--config.file={self.config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]

    def start(self) -> None:
        self.launch(*self._command, is_there=self._is_ready)

    def query(self, expression: str) -> dict[str, float]:
        """The values by their labels; of a vector."""
        answer = http.get(f"{self.url}/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        found = answer["data"]["result"]
        return {
            " ".join(value for name, value in sorted(each["metric"].items()) if name != "__name__"): float(
                each["value"][1]
            )
            for each in found
        }

    def get(self, path: str) -> Any:
        return http.get(f"{self.url}/api/v1/{path}").json()["data"]

    def _is_ready(self) -> bool:
        try:
            return http.get(f"{self.url}/-/ready").status_code == 200
        except httpx.TransportError:
            return False
