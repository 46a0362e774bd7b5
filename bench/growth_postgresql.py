"""What a request costs on PostgreSQL when its statistics are of an idle queue and many jobs wait by now."""

import json
from pathlib import Path

from bench import growth_leases, targets
from bench.growth import Grown, compared
from bench.growth_leases import leased
from bench.in_process import App
from bench.measure import Section, say
from tests.support.postgres import Postgres

FINISHED = 50_000  # what an idle queue is full of
FEW, MANY = 1_000, 100_000  # PENDING jobs; half as many are RUNNING
REQUESTS = ("create", "claim", "complete", "one job", "newest 100 of a status", "summary", "queue", "jobs page")


def growth(folder: Path) -> Section:
    """Every request with few jobs and with many, in turns, in one process."""
    with Postgres(folder / "growth", fsync=True) as postgres:
        few, many = idle_then_full(postgres, "few", FEW), idle_then_full(postgres, "many", MANY)
        rows = compared((few, many), REQUESTS)
        both = leased(few.url, few.count, growth_leases.READY), leased(many.url, many.count, growth_leases.OPEN_RUNS)
        rows += compared(both, growth_leases.OF_WORKERS)
    columns = ("request", f"{FEW:,} PENDING, ms", f"{MANY:,} PENDING, ms", "ratio ≤ 1.3")
    note = (
        f"Plain WSGI calls in one process; the last ANALYZE saw {FINISHED:,} finished jobs and no other. Half as many "
        f"jobs are RUNNING as PENDING; from the claim of a type on {growth_leases.READY} and "
        f"{growth_leases.OPEN_RUNS:,} of them are leased, and there are {growth_leases.OF_A_TYPE:,} jobs of that type."
    )
    return Section("Growth on PostgreSQL", note, columns, rows)


def idle_then_full(postgres: Postgres, name: str, pending: int) -> Grown:
    """An application on a queue that was idle at the last ANALYZE and has so many PENDING jobs now."""
    say(f"filling a PostgreSQL with {pending:,} PENDING jobs")
    url = make(postgres, name)
    with postgres.connect(name) as connection:
        connection.execute("ALTER TABLE jobs SET (autovacuum_enabled = off)")  # which would be the next ANALYZE
        for status, count in (("COMPLETED", FINISHED), ("PENDING", pending), ("RUNNING", pending // 2)):
            fill(postgres, name, status, count)
            if status == "COMPLETED":
                connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")  # or the disk would be busy with it while we measure
    return Grown(url, FINISHED + pending)


def make(postgres: Postgres, name: str) -> str:
    """The URL of a database with the dashboard's schema and no jobs."""
    url = postgres.create(name)
    App(url).close()
    return url


def fill(postgres: Postgres, name: str, status: str, count: int) -> None:
    """Add so many jobs of this status."""
    with postgres.connect(name) as connection:
        values = {"status": status, "count": count, "payload": json.dumps(targets.PAYLOAD)}
        connection.execute(_FILL, values)


_FILL = """
    INSERT INTO jobs (id, type, priority, status, created_at, started_at, completed_at, preview, payload)
    SELECT gen_random_uuid(), 'image_resize', n * 7919 %% 10, %(status)s::text, time,
        CASE WHEN %(status)s::text <> 'PENDING' THEN time END, CASE WHEN %(status)s::text = 'COMPLETED' THEN time END,
        left(%(payload)s::text, 80), %(payload)s::text
    FROM (
        SELECT n, timestamp '2025-01-01' + n * interval '1 millisecond' AS time FROM generate_series(1, %(count)s) AS n
    ) AS dated
"""
