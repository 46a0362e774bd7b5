"""The end of a hundred thousand overdue runs, and the longest wait of a request beside it."""

from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import httpx

from bench import growth_postgresql, load, targets
from bench.measure import BenchError, Cell, Section, say
from bench.talk import Talk, check, converse
from tests.support.postgres import Postgres

OVERDUE = 100_000
PATIENCE = 300  # seconds
SLICE = 0.5  # seconds of creates between two looks
LONG_AGO = "2020-01-01 00:00:00"


def sweep(folder: Path) -> Section:
    rows: list[list[Cell]] = []
    with ExitStack() as stack:
        rows.append(beside_creates("SQLite", on_sqlite(folder), folder))
        rows.append(beside_creates("PostgreSQL", _on_postgresql(folder, stack), folder))
    note = f"{OVERDUE:,} overdue runs, ended by the housekeepers in slices, while one client creates jobs."
    columns = ("database", "ended/s", "longest wait meanwhile, ms", "wanted", "longest wait afterwards, ms")
    return Section("Sweep", note, columns, rows)


def beside_creates(name: str, url: str, folder: Path) -> list[Cell]:
    say(f"the end of {OVERDUE:,} overdue runs, {name}")
    log = folder / f"sweep-{name}.log"
    with targets.serving(targets.OURS, "/readyz", log, DATABASE_URL=url, LEASE_GRACE="1") as at:
        began, longest = perf_counter(), 0.0
        while running := httpx.get(f"{at}/jobs/summary").json()["running"]:
            longest = max(longest, _longest_wait(at))
            if perf_counter() - began > PATIENCE:
                raise BenchError(f"{running:,} runs are overdue after {PATIENCE} s")
        took = perf_counter() - began
        return [name, OVERDUE / took, 1000 * longest, "≤ 50", 1000 * max(_longest_wait(at) for _ in range(5))]


def _longest_wait(url: str) -> float:
    return max(converse([load.port(url)], [_create()], SLICE).times)


def _create() -> Talk:
    while True:
        check((yield targets.CREATE.encode()))


def on_sqlite(folder: Path) -> str:
    """The URL of a database with that many overdue runs."""
    path = folder / "sweep.db"
    url = targets.make_ours(path)
    targets.fill(path, OVERDUE, {"RUNNING": 1})
    targets.open_runs(url, OVERDUE, f"{LONG_AGO}.000000")
    return url


def _on_postgresql(folder: Path, stack: ExitStack) -> str:
    postgres = stack.enter_context(Postgres(folder / "sweep", fsync=True))
    url = growth_postgresql.make(postgres, "sweep")
    growth_postgresql.fill(postgres, "sweep", "RUNNING", OVERDUE)
    with postgres.connect("sweep") as connection:
        connection.execute(_OPEN_RUNS, {"expires_at": LONG_AGO})
        connection.execute("CHECKPOINT")  # or the disk would be busy with it while we measure
    return url


_OPEN_RUNS = """
    INSERT INTO runs (seq, attempt, token, worker, lease, started_at, heard_at, expires_at)
    SELECT seq, 1, 'token-of-the-run-' || seq, 'worker-' || seq %% 100, 60, started_at, started_at,
        %(expires_at)s::timestamp
    FROM jobs
"""
