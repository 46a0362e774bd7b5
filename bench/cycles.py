"""PostgreSQL: cycles of create, claim and complete a second, beside the same three statements run bare."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from uuid import uuid4

import psycopg
from flask import Flask

from bench import load, targets
from bench.measure import Cell, Ratio, Section, interleaved, say
from bench.talk import Heard, Talk, check, converse
from dashboard.app import create_app
from dashboard.database.schema import IN_CLAIM_ORDER
from dashboard.services import claims, jobs
from tests.support.postgres import Postgres

ROUNDS = 3
SECONDS = 1.5
CLIENTS = 8
BACKLOG = 2_000  # PENDING jobs that stay; without, a claim may find none, for others took what it saw

PAYLOAD, RESULT = json.dumps(targets.PAYLOAD), '{"message": "ok"}'
_JOB = "id, type, payload, priority, status, result, created_at, started_at, completed_at"
_INSERT = (
    "INSERT INTO jobs (id, type, payload, preview, priority, created_at, status) "
    "VALUES (%s, 'image_resize', %s, %s, 5, %s, 'PENDING')"
)
_CLAIM = (
    "UPDATE jobs SET status = 'RUNNING', started_at = %s WHERE seq = (SELECT seq FROM jobs WHERE status = 'PENDING' "
    f"AND {IN_CLAIM_ORDER} ORDER BY priority DESC, seq LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING {_JOB}"
)
_COMPLETE = (
    "UPDATE jobs SET status = 'COMPLETED', completed_at = %s, result = %s "
    f"WHERE id = %s AND status = 'RUNNING' RETURNING {_JOB}"
)


def bare(url: str) -> float:
    """Cycles a second of the statements alone, by threads with a connection each."""
    with ExitStack() as stack:
        connections = [stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(CLIENTS)]
        return _in_threads([partial(_bare_cycle, connection) for connection in connections])


def _bare_cycle(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    connection.execute(_INSERT, _new_job())
    claimed = connection.execute(_CLAIM, [_now()]).fetchall()
    completed = connection.execute(_COMPLETE, [_now(), RESULT, claimed[0][0]]).fetchall()
    assert completed[0][4] == "COMPLETED"


def _new_job() -> Sequence[object]:
    return str(uuid4()), PAYLOAD, PAYLOAD[:80], _now()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def called(url: str) -> float:
    """Cycles a second of the service's own functions, by as many threads."""
    return _in_threads([partial(_called_cycle, _app(url))] * CLIENTS)


@cache
def _app(url: str) -> Flask:
    return create_app({"DATABASE_URL": url})


def _called_cycle(app: Flask) -> None:
    with app.app_context():
        jobs.create("image_resize", PAYLOAD, 5)
        jobs.complete(claims.claim().id, RESULT)


def _in_threads(cycles: Sequence[Callable[[], None]]) -> float:
    began = perf_counter()

    def go_on(cycle: Callable[[], None]) -> int:
        count = 0
        while perf_counter() - began < SECONDS:
            cycle()
            count += 1
        return count

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(go_on, cycles)) / (perf_counter() - began)


def by_http(urls: Sequence[str]) -> float:
    """Cycles a second of clients with a connection each, spread over the instances."""
    ports = [load.port(url) for url in urls]
    share = partial(_clients, ports, CLIENTS // load.PROCESSES)
    heard = load.in_processes([share] * load.PROCESSES)
    return sum(len(one.times) / 3 / one.seconds for one in heard)


def _clients(ports: Sequence[int], count: int) -> Heard:
    return converse(ports, [_http_cycles() for _ in range(count)], SECONDS)


def _http_cycles() -> Talk:
    while True:
        check((yield targets.CREATE.encode()))
        claimed = json.loads(check((yield targets.CLAIM.encode())).body)
        check((yield targets.complete(claimed["id"]).encode()))


def cycles(folder: Path) -> tuple[Section, str]:
    """The section, and PostgreSQL's version."""
    say("starting PostgreSQL")
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres(folder / "postgres", fsync=True))
        url = postgres.create("bench")
        instances = [
            stack.enter_context(
                targets.serving(targets.OURS, "/readyz", folder / f"instance-{number}.log", DATABASE_URL=url)
            )
            for number in (1, 2)
        ]
        with postgres.connect("bench") as connection:
            version = connection.info.parameter_status("server_version") or ""
            connection.cursor().executemany(_INSERT, [_new_job() for _ in range(BACKLOG)])
        # Each in a process of its own, so that nothing else holds its interpreter.
        processes = [stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"))) for _ in range(3)]

        def together(function: Callable[[str], float], *chosen: ProcessPoolExecutor) -> float:
            return sum(running.result() for running in [process.submit(function, url) for process in chosen])

        contestants: dict[str, Callable[[], float]] = {
            "bare": lambda: together(bare, processes[0]),
            "called": lambda: together(called, processes[1]),
            "twice": lambda: together(called, *processes[1:]),
            "one": lambda: by_http(instances[:1]),
            "two": lambda: by_http(instances),
        }
        say("cycles on PostgreSQL")
        interleaved(contestants, 1)  # to warm up
        rates = interleaved(contestants, ROUNDS)
    rows: list[list[Cell]] = []
    for what, name, beside, wanted in (
        ("the service's functions, beside bare statements", "called", "bare", "≥ 0.8"),
        (f"two instances of them with {CLIENTS} clients each, beside one", "twice", "called", "> 1"),
        ("one instance over HTTP, beside bare statements", "one", "bare", ""),
        (f"two instances over HTTP with {CLIENTS} clients in all, beside one", "two", "one", "> 1"),
    ):
        ratio = Ratio.of(rates[name], rates[beside])
        rows.append([what, median(rates[name]), median(rates[beside]), ratio, wanted])
    columns = ("what", "cycles/s", "beside", "ratio", "wanted")
    note = f"Create, claim and complete by {CLIENTS} clients; the bare ones are psycopg's, by threads with autocommit."
    return Section("PostgreSQL", note, columns, rows), version
