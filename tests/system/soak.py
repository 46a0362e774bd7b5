"""All rounds of every fault, and what was survived: `./run soak [rounds]`."""

import argparse
import io
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Protocol

from tests.support import faults, leased_traffic, programs
from tests.support.failover import fail_over
from tests.support.pgbouncer import MODES, Pgbouncer
from tests.support.postgres import Postgres
from tests.support.restarts import restart_in_turn, two_behind_nginx
from tests.support.server import Server

ROUNDS = 20


class Survived(Protocol):
    """What was counted: a named tuple."""

    def _asdict(self) -> dict[str, Any]: ...


class Soak:
    def __init__(self, rounds: int, folder: Path, postgres: Postgres) -> None:
        self._rounds = rounds
        self._folder = folder
        self._postgres = postgres

    def run(self) -> None:
        for kind in ("SQLite", "PostgreSQL"):
            for fault in faults.KILLS:
                self._on_a_server(kind, fault)
            self._on_a_server(kind, leased_traffic.harass_leased_workers)
        self._on_a_server("SQLite", faults.fill_the_disk)
        self._on_a_server("PostgreSQL", faults.kill_postgresql, self._postgres)
        self._on_a_server("PostgreSQL", faults.pin_the_horizon)
        self._survive("PostgreSQL and its standby", fail_over, self._made("failover"))
        self._behind_pgbouncer()
        self._behind_nginx()

    def _on_a_server(self, kind: str, fault: Callable[..., Survived], *more: Any) -> None:
        """One of two processes, on a database of its own."""
        name = f"{fault.__name__}-{kind}"
        url = f"sqlite:///{self._made(name) / 'jobs.db'}" if kind == "SQLite" else self._postgres.create(name)
        settings = {"DATABASE_URL": url, "WEB_CONCURRENCY": "2", "LEASE_GRACE": "1"}
        server = Server(self._folder / f"{name}.log", settings).start()
        try:
            self._survive(kind, fault, *more, server, url)
        finally:
            server.stop()

    def _behind_pgbouncer(self) -> None:
        if not _is_there("pgbouncer"):
            return
        for number, mode in enumerate(MODES):
            database = f"pooled-{number}"
            url = self._postgres.create(database)
            pooler = Pgbouncer(self._postgres, self._postgres.folder / database, mode).start()
            servers = [Server(self._folder / f"{database}.log", {"DATABASE_URL": pooler.url(database)}) for _ in "12"]
            try:
                for server in servers:
                    server.start()
                self._survive(f"PostgreSQL, pgbouncer ({mode})", faults.share_a_pooler, servers, url)
            finally:
                for server in servers:
                    server.stop()
                pooler.stop()

    def _behind_nginx(self) -> None:
        if not _is_there("nginx"):
            return
        with two_behind_nginx(self._made("restarts"), self._postgres.create("restarts")) as (proxy, servers):
            self._survive("PostgreSQL, nginx", restart_in_turn, proxy, servers)

    def _made(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        folder.chmod(0o755)
        return folder

    def _survive(self, kind: str, fault: Callable[..., Survived], *place: Any) -> None:
        """Run it, and say what was checked."""
        began = time.monotonic()
        seeds = io.StringIO()
        try:
            with redirect_stdout(seeds):
                checked = fault(*place, self._rounds)
        except BaseException:
            print(f"{fault.__name__} on {kind} was not survived; {seeds.getvalue().splitlines()[-1:]}")
            print(f"the logs are in {self._folder}")
            raise
        what, seconds = (fault.__doc__ or "").partition(":")[0].rstrip("."), time.monotonic() - began
        told = ", ".join(f"{count:,} {calls.replace('_', ' ')}" for calls, count in checked._asdict().items())
        print(
            f"{kind}, {self._rounds} rounds in {seconds:.0f} s: {what}\n    acknowledged, and all there: {told}",
            flush=True,
        )


def _is_there(program: str) -> bool:
    if programs.PROGRAMS[program]:
        return True
    print(f"Left out: what goes through {program}, because it is not installed.")
    return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="./run soak", description="Break everything, and say what was survived.")
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS, help=f"of each fault; {ROUNDS} if left out")
    rounds = parser.parse_args().rounds
    place = Path(tempfile.mkdtemp(prefix="soak-"))
    place.chmod(0o755)  # PostgreSQL's user must reach its folder
    cluster = Postgres(place / "postgres")
    try:
        cluster.start()
        Soak(rounds, place, cluster).run()
    finally:
        cluster.stop()
    shutil.rmtree(place)
