"""A real pgbouncer for the tests."""

import shutil
from pathlib import Path

import psycopg

from tests.support.postgres import Postgres
from tests.support.programs import Daemon, program

PORT = 6432  # of a Unix socket: it names the file
MODES = {
    "transaction": {"pool_mode": "transaction", "default_pool_size": "5"},
    "transaction, options ignored": {
        "pool_mode": "transaction",
        "default_pool_size": "5",
        "ignore_startup_parameters": "options,extra_float_digits",
    },
    "session": {"pool_mode": "session", "default_pool_size": "100"},
}


class Pgbouncer(Daemon):
    """It stands before a cluster, on a Unix socket only, and pools by transaction or by session."""

    def __init__(self, postgres: Postgres, folder: Path, mode: str) -> None:
        """The mode is one of MODES."""
        super().__init__(folder)
        self._postgres = postgres
        self.pool_mode = MODES[mode]["pool_mode"]
        if postgres.user:
            shutil.chown(folder, postgres.user)
        options = {
            "listen_addr": "",
            "unix_socket_dir": str(folder),
            "auth_type": "any",
            "max_client_conn": "200",
            "admin_users": "postgres",
            **MODES[mode],
        }
        lines = ["[databases]", f"* = host={postgres.folder} user=postgres", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in options.items()]
        (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")

    def start(self) -> "Pgbouncer":
        command = (program("pgbouncer"), self._folder / "pgbouncer.ini")
        self.launch(*command, is_there=self._answers, user=self._postgres.user)
        return self

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}&port={PORT}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True
