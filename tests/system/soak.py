"""All rounds of every kill, and what was survived: `./run soak [rounds]`."""

import argparse
import io
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from tests.support import faults, leased_traffic
from tests.support.postgres import Postgres
from tests.support.server import Server

ROUNDS = 50

LeaseFault = Callable[..., leased_traffic.Survived]


def soak(rounds: int, folder: Path, postgres: Postgres) -> None:
    for fault in faults.KILLS:
        for kind in ("SQLite", "PostgreSQL"):
            survive(fault, kind, rounds, folder, postgres)
    for kind in ("SQLite", "PostgreSQL"):
        survive(leased_traffic.harass_leased_workers, kind, rounds, folder, postgres, LEASE_GRACE="1")
    survive(faults.fill_the_disk, "SQLite", rounds, folder, postgres)
    survive(partial(faults.kill_postgresql, postgres=postgres), "PostgreSQL", rounds, folder, postgres)


def survive(
    fault: faults.Fault | LeaseFault, kind: str, rounds: int, folder: Path, postgres: Postgres, **environ: str
) -> None:
    """Run it on a database and a server of its own, and say what was checked."""
    function = getattr(fault, "func", fault)
    name = f"{function.__name__}-{kind}"
    url = f"sqlite:///{folder / name}" if kind == "SQLite" else postgres.create(name)
    server = Server(folder / "log", {"DATABASE_URL": url, "WEB_CONCURRENCY": "2", **environ}).start()
    began = time.monotonic()
    seeds = io.StringIO()
    try:
        with redirect_stdout(seeds):
            checked = fault(server, url, rounds)
    except BaseException:
        print(f"{name} was not survived; {seeds.getvalue().splitlines()[-1:]}; the server's log is {server.log}")
        raise
    finally:
        server.stop()
    what, seconds = (function.__doc__ or "").partition(":")[0].rstrip("."), time.monotonic() - began
    told = ", ".join(f"{count} {calls.replace('_', ' ')}" for calls, count in checked._asdict().items())
    print(f"{kind}, {rounds} rounds in {seconds:.0f} s: {what}\n    acknowledged, and all there: {told}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="./run soak", description="Kill everything, and say what was survived.")
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS, help=f"of each kill; {ROUNDS} if left out")
    rounds = parser.parse_args().rounds
    place = Path(tempfile.mkdtemp(prefix="soak-"))
    place.chmod(0o755)  # PostgreSQL's user must reach its folder
    cluster = Postgres(place / "postgres")
    try:
        cluster.start()
        soak(rounds, place, cluster)
    finally:
        cluster.stop()
    shutil.rmtree(place)
