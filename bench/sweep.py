"""A hundred thousand overdue runs end, or old jobs are deleted: the longest wait of a request beside it."""

from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import httpx

from bench import growth_postgresql, load, targets
from bench.measure import BenchError, Cell, Section, say
from bench.talk import Talk, check, converse
from tests.support.postgres import Postgres

MANY = 100_000
PATIENCE = 300  # seconds
SLICE = 0.5  # seconds of creates between two looks
LONG_AGO = "2020-01-01 00:00:00"


class Sweep(NamedTuple):
    words: str
    status: str  # of the jobs that it is about: at the end none has it
    wanted: str  # of the longest wait
    settings: dict[str, str]


RUNS_END = Sweep("overdue runs end", "RUNNING", "≤ 50", {"LEASE_GRACE": "1"})
JOBS_GO = Sweep("old jobs are deleted", "COMPLETED", "≤ 20", {"KEEP_FINISHED_DAYS": "30"})


def sweep(folder: Path) -> Section:
    rows: list[list[Cell]] = []
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres(folder / "sweep", fsync=True))
        for what in (RUNS_END, JOBS_GO):
            rows.append(beside_creates(what, "SQLite", on_sqlite(folder, what), folder))
            rows.append(beside_creates(what, "PostgreSQL", _on_postgresql(postgres, what), folder))
    note = f"{MANY:,} of them, by the housekeepers in slices, while one client creates jobs."
    columns = ("sweep", "database", "a second", "longest wait meanwhile, ms", "wanted", "longest wait afterwards, ms")
    return Section("Sweep", note, columns, rows)


def beside_creates(what: Sweep, name: str, url: str, folder: Path) -> list[Cell]:
    say(f"{what.words}, {name}")
    log = folder / f"sweep-{name}.log"
    with targets.serving(targets.OURS, "/readyz", log, DATABASE_URL=url, **what.settings) as at:
        began, longest = perf_counter(), 0.0
        while left := httpx.get(f"{at}/jobs/summary").json()[what.status.lower()]:
            longest = max(longest, _longest_wait(at))
            if perf_counter() - began > PATIENCE:
                raise BenchError(f"{left:,} jobs are {what.status} after {PATIENCE} s")
        took = perf_counter() - began
        afterwards = max(_longest_wait(at) for _ in range(5))
    return [what.words, name, MANY / took, 1000 * longest, what.wanted, 1000 * afterwards]


def _longest_wait(url: str) -> float:
    return max(converse([load.port(url)], [_create()], SLICE).times)


def _create() -> Talk:
    while True:
        check((yield targets.CREATE.encode()))


def on_sqlite(folder: Path, what: Sweep) -> str:
    """The URL of a database with that many jobs for it."""
    path = folder / f"sweep-{what.status}.db"
    url = targets.make_ours(path)
    targets.fill(path, MANY, {what.status: 1})
    if what is RUNS_END:
        targets.open_runs(url, MANY, f"{LONG_AGO}.000000")
    return url


def _on_postgresql(postgres: Postgres, what: Sweep) -> str:
    name = f"sweep_{what.status.lower()}"
    url = growth_postgresql.make(postgres, name)
    growth_postgresql.fill(postgres, name, what.status, MANY)
    with postgres.connect(name) as connection:
        if what is RUNS_END:
            connection.execute(_OPEN_RUNS, {"expires_at": LONG_AGO})
        connection.execute("CHECKPOINT")  # or the disk would be busy with it while we measure
    return url


_OPEN_RUNS = """
    INSERT INTO runs (seq, attempt, token, worker, lease, started_at, heard_at, expires_at)
    SELECT seq, 1, 'token-of-the-run-' || seq, 'worker-' || seq %% 100, 60, started_at, started_at,
        %(expires_at)s::timestamp
    FROM jobs
"""
