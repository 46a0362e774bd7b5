"""What a request costs with a thousand jobs and with a million of them, and how soon a process is ready."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from bench import targets
from bench.in_process import App
from bench.measure import Cell, Ratio, Section, interleaved, say
from bench.talk import Request, check
from tests.support.database import connect

ROUNDS = 7
BATCH = 50  # requests in a row: all rounds together leave some of the few PENDING jobs of the small database
SMALL = 1_000
LARGE = 1_000_000
LARGE_FINISHED = 10_500_000  # with --large; the half million PENDING among them is as many as the million has
STARTS = 3


class Grown:
    """An application on a database with so many jobs."""

    def __init__(self, url: str, count: int) -> None:
        self.app = App(url)
        self.url, self.count = url, count
        self.claimed: list[str] = []

    def pending(self) -> list[str]:
        """The ids of PENDING jobs from everywhere in the table: theirs are the pages that cost most."""
        query = "SELECT id FROM jobs WHERE status = 'PENDING' AND seq > {} ORDER BY seq LIMIT 1"
        with closing(connect(self.url)) as connection:
            return [connection.execute(query.format(self.count * n // BATCH)).fetchone()[0] for n in range(BATCH)]

    def requests(self, name: str) -> Sequence[Request]:
        """A batch of them; making it is not measured."""
        return REQUESTS[name](self)

    def run(self, request: str) -> float:
        """What it costs in milliseconds, by a batch."""
        requests = self.requests(request)
        began = perf_counter()
        answers = [self.app.ask(each) for each in requests]
        cost = (perf_counter() - began) * 1000 / len(requests)
        for answer in answers:
            check(answer)
        if request == "claim":
            self.claimed += [json.loads(answer.body)["id"] for answer in answers]
        return cost


def _same(path: str) -> Callable[[Grown], Sequence[Request]]:
    return lambda _grown: [Request("GET", path)] * BATCH


def _poll(grown: Grown) -> Sequence[Request]:
    path = "/dashboard/fragments/board"
    return [Request("GET", path, tag=grown.app.tag(path))] * BATCH


REQUESTS: dict[str, Callable[[Grown], Sequence[Request]]] = {
    "create": lambda _grown: [targets.CREATE] * BATCH,
    "claim": lambda _grown: [targets.CLAIM] * BATCH,
    "complete": lambda grown: [targets.complete(grown.claimed.pop()) for _ in range(BATCH)],
    "one job": lambda grown: [Request("GET", f"/jobs/{job_id}") for job_id in grown.pending()],
    "newest 100": _same("/jobs?limit=100"),
    "newest 100 of a status": _same("/jobs?status=COMPLETED&limit=100"),
    "summary": _same("/jobs/summary"),
    "queue": _same("/jobs/queue?limit=100"),
    "jobs page": _same("/dashboard/"),
    "jobs page, half-way down": lambda grown: [Request("GET", f"/dashboard/?before={grown.count // 2}")] * BATCH,
    "jobs page of a status": _same("/dashboard/?status=FAILED"),
    "poll (304)": _poll,
    "job page": lambda grown: [Request("GET", f"/dashboard/jobs/{job_id}") for job_id in grown.pending()],
    "queue page": _same("/dashboard/queue"),
    "overview": _same("/dashboard/overview"),
    "overview of a day": _same("/dashboard/overview?last=24h"),
    "RUNNING jobs": _same("/dashboard/?status=RUNNING"),
}


def growth(folder: Path, large: bool) -> Section:
    """Every request on a small database and on a large one, in turns, in one process."""
    count, mix = (LARGE_FINISHED, targets.MOSTLY_FINISHED) if large else (LARGE, targets.HALF_PENDING)
    both = _filled(folder / "small.db", SMALL, targets.HALF_PENDING), _filled(folder / "large.db", count, mix)
    columns = ("request", f"{SMALL:,} jobs, ms", f"{count:,} jobs, ms", "ratio ≤ 1.3")
    pending = "half a million" if large else "half"
    note = f"Plain WSGI calls in one process, the default durability; {pending} of the many jobs are PENDING."
    return Section("Growth", note, columns, compared(both, REQUESTS))


def _filled(path: Path, count: int, mix: dict[str, int]) -> Grown:
    say(f"filling a database with {count:,} jobs")
    url = targets.make_ours(path)
    targets.fill(path, count, mix)
    return Grown(url, count)


def compared(both: tuple[Grown, Grown], requests: Iterable[str]) -> list[list[Cell]]:
    """A row for each request: what it costs with few jobs, with many, and their ratio."""
    rows: list[list[Cell]] = []
    for request in requests:
        say(f"growth: {request}")
        for grown in both:
            grown.run(request)  # to warm up
        costs = interleaved({str(index): partial(grown.run, request) for index, grown in enumerate(both)}, ROUNDS)
        few, many = costs.values()
        rows.append([request, median(few), median(many), Ratio.of(many, few)])
    for grown in both:
        grown.app.close()
    return rows


def start(folder: Path) -> Section:
    """A fresh process on a million PENDING jobs."""
    say(f"filling a database with {LARGE:,} PENDING jobs")
    path = folder / "pending.db"
    url = targets.make_ours(path)
    targets.fill(path, LARGE, targets.PENDING)
    say("starting on it")
    command = [sys.executable, "-m", "bench.first_claim", url]
    told = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(STARTS)]
    rows: list[list[Cell]] = [
        ["seconds to the first claim's answer", median(one["seconds"] for one in told), "< 1.5"],
        ["MB that the resident memory grew by", median(one["bytes"] for one in told) / 1e6, "< 150"],
    ]
    note = f"A fresh process, its modules imported, on {LARGE:,} PENDING jobs: create_app and a claim."
    return Section("Start", note, ("what", "ours", "wanted"), rows)
