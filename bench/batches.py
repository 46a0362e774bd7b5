"""Whole jobs a second over HTTP, from their creation to their end: single calls, leased ones, batches."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

import orjson

from bench import growth_postgresql, load, targets
from bench.measure import BenchError, Cell, Ratio, Section, interleaved, say
from bench.talk import Heard, Talk, check, converse
from tests.support.postgres import Postgres

ROUNDS = 3
SECONDS = 1.0
CLIENTS = (4, 32)
ALL_CLIENTS = (1, 4, 16, 32)  # with --large
BACKLOG = 10_000  # PENDING jobs that stay: a claim passes over what others have locked
SHAPES = {"single calls": 0, "leased claim, report": 1, "batches of 10": 10, "batches of 100": 100}


def batches(folder: Path, large: bool) -> Section:
    with ExitStack() as stack:
        servers = {"SQLite": _on_sqlite(folder, stack), "PostgreSQL": _on_postgresql(folder, stack)}
        rows: list[list[Cell]] = []
        for clients in ALL_CLIENTS if large else CLIENTS:
            rates: dict[tuple[str, str], list[float]] = {}
            for name, url in servers.items():
                say(f"whole jobs, {clients} clients, {name}")
                contestants = {shape: partial(whole_jobs, url, size, clients) for shape, size in SHAPES.items()}
                found = interleaved(contestants, ROUNDS)
                rates |= {(name, shape): found[shape] for shape in SHAPES}
            rows += [[f"{shape}, {clients}", *_cells(rates, servers, shape)] for shape in SHAPES]
    columns = ("calls, clients", *(heading for name in servers for heading in (f"{name}, jobs/s", "beside single")))
    note = (
        "Jobs that were created, claimed and completed: by POST /jobs, /jobs/claim and /complete; with a lease and "
        "/jobs/report; by /jobs/batch, a leased claim with `limit` and /jobs/report. Wanted of batches of 10: ≥ 1.5."
    )
    return Section("Whole jobs", note, columns, rows)


def _cells(rates: dict[tuple[str, str], list[float]], names: Sequence[str] | dict[str, str], shape: str) -> list[Cell]:
    cells: list[Cell] = []
    for name in names:
        own, single = rates[name, shape], rates[name, "single calls"]
        cells += [median(own), Ratio.of(own, single)]
    return cells


def whole_jobs(url: str, size: int, clients: int) -> float:
    """Jobs a second in batches of this size; 0: by the calls of the nine keys."""
    processes = min(load.PROCESSES, clients)
    tasks: list[Callable[[], Heard]] = [
        partial(_clients, load.port(url), size, len(range(number, clients, processes))) for number in range(processes)
    ]
    heard = load.in_processes(tasks)
    return sum(len(one.times) / 3 * (size or 1) / one.seconds for one in heard)


def _clients(port: int, size: int, count: int) -> Heard:
    return converse([port], [_cycles(size) for _ in range(count)], SECONDS)


def _cycles(size: int) -> Talk:
    """Three requests for each cycle."""
    create = (targets.batch(size) if size > 1 else targets.CREATE).encode()
    claim = (targets.leased_claim(size) if size else targets.CLAIM).encode()
    while True:
        check((yield create))
        claimed = orjson.loads(check((yield claim)).body)
        end = targets.report(claimed) if size else targets.complete(claimed["id"])
        ended = check((yield end.encode()))
        if (size and len(claimed) < size) or b'"detail"' in ended.body:
            raise BenchError(f"{len(claimed)} jobs were claimed: {ended.body[:200]!r}")


def _on_sqlite(folder: Path, stack: ExitStack) -> str:
    path = folder / "batches.db"
    url = targets.make_ours(path)
    targets.fill(path, BACKLOG, targets.PENDING)
    return stack.enter_context(targets.serving(targets.OURS, "/readyz", folder / "batches.log", DATABASE_URL=url))


def _on_postgresql(folder: Path, stack: ExitStack) -> str:
    postgres = stack.enter_context(Postgres(folder / "batches", fsync=True))
    url = growth_postgresql.make(postgres, "batches")
    growth_postgresql.fill(postgres, "batches", "PENDING", BACKLOG)
    log = folder / "batches-postgresql.log"
    return stack.enter_context(targets.serving(targets.OURS, "/readyz", log, DATABASE_URL=url))
