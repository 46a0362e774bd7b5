"""What clients get over HTTP, beside a constant view, beside the service's predecessor, and beside other clients."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx

from bench import load, targets
from bench.load import Result
from bench.measure import Cell, Ratio, Section, interleaved, say
from bench.talk import Request

ROUNDS = 5
SECONDS = 1  # a round; wrk takes whole ones
CONNECTIONS = (8, 32)
JOBS = 300_000  # PENDING and RUNNING ones each, more than all rounds use up
REFERENCE_JOBS = 30_000
ROUND_MAX = 40_000  # completions that a round is given
READ = Request("GET", "/jobs?limit=1")
CONSTANT = Request("POST", "/", targets.CREATE.body)


class Target(NamedTuple):
    """A server, and the jobs on it that can still be completed."""

    url: str
    running: list[str]

    def create(self, connections: int) -> Result:
        return self.send([targets.CREATE], connections)

    def claim(self, connections: int) -> Result:
        return self.send([targets.CLAIM], connections)

    def complete(self, connections: int) -> Result:
        result = self.send([targets.complete(job_id) for job_id in self.running[:ROUND_MAX]], connections)
        del self.running[: result.spent]
        return result

    def create_beside_readers(self, connections: int, readers: int) -> Result:
        """The creates alone are counted; the reads begin before them and last longer."""
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(self.send, [READ], readers, 2 * SECONDS)
            result = self.create(connections)
            reading.result()
        return result

    def send(self, requests: Sequence[Request], connections: int, seconds: int = SECONDS) -> Result:
        result = load.load(self.url, requests, connections, seconds)
        # wrk cuts off what is in flight. The server must be done with that: it would burden the next round, and of
        # the reference 40 requests at a time leave no thread to give a session back, and it stands still for 30 s.
        httpx.get(f"{self.url}/jobs?limit=1", timeout=60)
        return result


class Targets(NamedTuple):
    ours: Target
    constant: Target
    reference: Target


@contextmanager
def all_serving(folder: Path) -> Iterator[Targets]:
    """All three at once; those that are not asked anything cost nothing."""
    say(f"filling two databases with {2 * JOBS:,} and {2 * REFERENCE_JOBS:,} jobs")
    paths = folder / "ours.db", folder / "reference.db"
    ours, reference = targets.make_ours(paths[0]), targets.make_reference(paths[1])
    for path, jobs in zip(paths, (JOBS, REFERENCE_JOBS), strict=True):
        targets.fill(path, 2 * jobs, targets.PENDING_AND_RUNNING)
    running = [targets.ids(path, "RUNNING") for path in paths]
    with (
        targets.serving(targets.OURS, "/readyz", folder / "ours.log", DATABASE_URL=ours) as ours_at,
        targets.serving(targets.CONSTANT, "/", folder / "constant.log") as constant_at,
        targets.serving(targets.REFERENCE, "/jobs/summary", folder / "reference.log", DATABASE_URL=reference) as other,
    ):
        yield Targets(Target(ours_at, running[0]), Target(constant_at, []), Target(other, running[1]))


def calls(at: Targets) -> Section:
    """Create, claim and complete."""
    for target, request in ((at.ours, targets.CREATE), (at.constant, CONSTANT), (at.reference, targets.CREATE)):
        target.send([request], max(CONNECTIONS))  # to warm up
    rows: list[list[Cell]] = []
    for call in ("create", "claim", "complete"):
        for connections in CONNECTIONS:
            say(f"{call}, {connections} connections")
            found = interleaved(
                {
                    "constant": partial(at.constant.send, [CONSTANT], connections),
                    "ours": partial(getattr(at.ours, call), connections),
                    "reference": partial(getattr(at.reference, call), connections),
                },
                ROUNDS,
            )
            rates = {name: [result.rate for result in results] for name, results in found.items()}
            rows.append(
                [
                    f"{call}, {connections}",
                    median(rates["ours"]),
                    median(result.p99 * 1000 for result in found["ours"]),
                    median(rates["constant"]),
                    Ratio.of(rates["ours"], rates["constant"]),
                    median(rates["reference"]),
                    Ratio.of(rates["ours"], rates["reference"]),
                ]
            )
    columns = ("call, connections", "ours/s", "p99, ms", "constant/s", "ratio ≥ 0.8", "reference/s", "ratio ≥ 5")
    note = (
        "Beside what the same gunicorn serves of a Flask view that returns a constant JSON, and beside a plain "
        "rendition of the predecessor with WAL, uvloop and httptools (bench/reference.py)."
    )
    return Section("Calls", note, columns, rows)


def pages(at: Targets) -> Section:
    """The jobs page beside the same jobs as JSON, and a poll that finds nothing new beside the constant view."""
    say("the jobs page and its poll")
    poll = "/dashboard/fragments/board"
    tag = httpx.get(at.ours.url + poll).headers["ETag"]
    page_and_json = interleaved(
        {path: partial(at.ours.send, [Request("GET", path)], 1) for path in ("/dashboard/", "/jobs?limit=50")}, ROUNDS
    )
    poll_and_constant = interleaved(
        {
            "poll": partial(at.ours.send, [Request("GET", poll, tag=tag)], 8),
            "constant": partial(at.constant.send, [Request("GET", "/")], 8),
        },
        ROUNDS,
    )
    rows: list[list[Cell]] = []
    for what, found, wanted in (
        ("page of 50 jobs, beside GET /jobs?limit=50; 1 connection", page_and_json, "≤ 3"),
        ("poll answered by 304, beside the constant view; 8 connections", poll_and_constant, "≤ 1.2"),
    ):
        ours, beside = ([1000 / result.rate for result in results] for results in found.values())
        rows.append([what, median(ours), median(beside), Ratio.of(ours, beside), wanted])
    columns = ("what", "ours, ms", "beside, ms", "ratio", "wanted")
    return Section("Pages", "Milliseconds of the server a request: one over the rate.", columns, rows)


def together(ours: Target) -> Section:
    """Creates beside reads, beside creates alone."""
    say("creates beside reads")
    found = interleaved({"beside": partial(ours.create_beside_readers, 8, 4), "alone": partial(ours.create, 8)}, ROUNDS)
    beside, alone = ([result.rate for result in results] for results in found.values())
    p99 = median(result.p99 * 1000 for result in found["beside"])
    row: list[Cell] = [
        "8 create beside 4 that read",
        median(beside),
        p99,
        median(alone),
        Ratio.of(beside, alone),
        "≥ 0.4",
    ]
    columns = ("connections", "creates/s", "p99, ms", "alone/s", "ratio", "wanted")
    return Section("Together", "The readers ask for the newest job, over and over.", columns, [row])
