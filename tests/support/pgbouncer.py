"""A real pgbouncer for the tests."""

import shutil
import subprocess
from pathlib import Path

import psycopg

from tests.support.postgres import Postgres
from tests.support.programs import program
from tests.support.waiting import eventually

PORT = 6432  # of a Unix socket: it names the file


class Pgbouncer:
    """It stands before a cluster, on a Unix socket only, and pools by transaction or by session."""

    def __init__(self, postgres: Postgres, folder: Path, pool_mode: str, **settings: str) -> None:
        self._postgres = postgres
        self._folder = folder
        self.pool_mode = pool_mode
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        if postgres.user:
            shutil.chown(folder, postgres.user)
        options = {
            "pool_mode": pool_mode,
            "listen_addr": "",
            "unix_socket_dir": str(folder),
            "auth_type": "any",
            "max_client_conn": "200",
            "admin_users": "postgres",
            **settings,
        }
        lines = ["[databases]", f"* = host={postgres.folder} user=postgres", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in options.items()]
        (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")

    def start(self) -> "Pgbouncer":
        with (self._folder / "log").open("wb") as log:
            command = [program("pgbouncer"), str(self._folder / "pgbouncer.ini")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._postgres.user)
        eventually(self._answers, "pgbouncer answers")
        return self

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}&port={PORT}"

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True
