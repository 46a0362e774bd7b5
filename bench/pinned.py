"""PostgreSQL with somebody's transaction left open: no row that is dead since can be removed, and churn goes on."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

from bench import cycles, growth_postgresql
from bench.measure import Cell, Ratio, Section, say
from tests.support.postgres import Postgres

SECONDS = 600.0  # of churn
ROUNDS = 5  # that are compared: those before it is left open, and the last ones


def pinned(folder: Path) -> Section:
    say(f"{SECONDS / 60:.0f} minutes of churn beside a transaction that was left open")
    with Postgres(folder / "pinned", fsync=True) as postgres:
        row = beside_somebody(postgres, "pinned")
    note = f"Create, claim and complete by the service's functions, {cycles.CLIENTS} clients; beside it, before that."
    return Section("A pinned horizon", note, ("what", "cycles/s", "beside", "ratio", "wanted"), [row])


def beside_somebody(postgres: Postgres, name: str) -> list[Cell]:
    """The rate at the end of that time, beside the one before somebody's transaction was left open."""
    url = growth_postgresql.make(postgres, name)
    growth_postgresql.fill(postgres, name, "PENDING", cycles.BACKLOG)
    with ProcessPoolExecutor(1, get_context("spawn")) as process:

        def rate() -> float:
            return process.submit(cycles.called, url).result()

        rate()  # to warm up
        free = [rate() for _ in range(ROUNDS)]
        with postgres.connect(name) as somebody:
            somebody.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            somebody.execute("SELECT count(*) FROM tally")
            held: list[float] = []
            began = perf_counter()
            while perf_counter() - began < SECONDS or len(held) < ROUNDS:
                held.append(rate())
    last = held[-ROUNDS:]
    return [f"after {SECONDS:.0f} s", median(last), median(free), Ratio.of(last, free), "≥ 0.5"]
