"""Claims that wait: what they cost while nothing happens, and how soon one has a job."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from statistics import median
from time import perf_counter, sleep

from bench import targets
from bench.measure import BenchError, Cell, Section, say
from bench.talk import Line, Request, check
from tests.support.postgres import Postgres
from tests.support.server import Server

WAITERS = 500
SETTLED = 2.0  # seconds after which all of them wait
IDLE = 5.0  # seconds of nothing
JOBS = 20  # created for them, in the same process and in another one
PATIENCE = 10  # seconds until one of them has it
CLAIM = Request("POST", "/jobs/claim?wait=25").encode()


def waiting(folder: Path) -> Section:
    rows: list[list[Cell]] = []
    with Postgres(folder / "waiting", fsync=True) as postgres:
        for name, url in (
            ("SQLite", targets.make_ours(folder / "waiting.db")),
            ("PostgreSQL", postgres.create("waiting")),
        ):
            rows += _rows(name, url, folder)
    note = f"{WAITERS} claims with `wait` at one process. A job is created there, or by another process."
    return Section("Waiting", note, ("what", "SQLite and PostgreSQL", "wanted"), rows)


def _rows(name: str, url: str, folder: Path) -> list[list[Cell]]:
    say(f"{WAITERS} claims wait, {name}")
    with ExitStack() as stack:
        here, there = (Server(folder / f"{name}-{number}.log", {"DATABASE_URL": url}) for number in (1, 2))
        for server in (here, there):
            stack.callback(server.stop)
            server.start()
        waiters = Waiters(here.port, WAITERS)
        stack.callback(waiters.close)
        began = perf_counter()
        sleep(SETTLED)
        share = idle_share(here.workers(), IDLE)
        same = [waiters.until_claimed(here.port) for _ in range(JOBS)]
        other = [waiters.until_claimed(there.port) for _ in range(JOBS)]
        if perf_counter() - began > 20:
            raise BenchError("the machine is too busy: claims have waited for longer than they may")
    return [
        [f"share of a core while nothing happens, %, {name}", 100 * share, "< 3"],
        [f"ms until a waiting claim has a job of the same process, {name}", 1000 * median(same), "< 10"],
        [f"the same of another process, {name}", 1000 * median(other), "< 150"],
    ]


def idle_share(pids: Sequence[int], seconds: float) -> float:
    """The CPU time of these processes over so many seconds, as a share of one core."""
    before, began = cpu_time(pids), perf_counter()
    sleep(seconds)
    return (cpu_time(pids) - before) / (perf_counter() - began)


def cpu_time(pids: Sequence[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Waiters:
    """Connections that each wait for a job."""

    def __init__(self, port: int, count: int) -> None:
        self._selector = DefaultSelector()
        for _ in range(count):
            line = Line(port)
            self._selector.register(line.socket, EVENT_READ, line)
            line.say(CLAIM)

    def until_claimed(self, port: int) -> float:
        """Create a job at this port, and return the seconds until one of the claims is answered."""
        creator = Line(port)
        began = perf_counter()
        creator.say(targets.CREATE.encode())
        ready = self._selector.select(PATIENCE)
        took = perf_counter() - began
        if len(ready) != 1:
            raise BenchError(f"{len(ready)} claims were answered in {took:.3f} s after one job was created")
        line: Line = ready[0][0].data
        check(line.answer())
        line.say(CLAIM)
        check(creator.answer())
        creator.socket.close()
        return took

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.data.socket.close()
        self._selector.close()
