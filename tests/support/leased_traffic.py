"""Workers that lease, killed, stopped and continued at random beside a server that is killed: what must come of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.support import http
from tests.support.database import query
from tests.support.leased_worker import ATTEMPTS, LEASE
from tests.support.server import ROOT, Server
from tests.support.waiting import eventually

WORKERS = 4
JOBS = 20  # a round
OUTCOMES = {"complete": "completed", "fail": "failed", "release": "released"}
ENDED_WITHIN = 120  # seconds: some leases, and the backoffs between them


class Survived(NamedTuple):
    jobs: int
    runs: int
    expired: int
    late_calls_refused: int


class Fleet:
    """Workers, each a process; one that was killed is replaced by another."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._names = count()
        self.workers: list[subprocess.Popen[bytes]] = []
        for _ in range(WORKERS):
            self.hire()

    def hire(self) -> None:
        name = f"worker-{os.getpid()}-{next(self._names)}"
        command = [sys.executable, "-m", "tests.support.leased_worker", "127.0.0.1", str(self._server.port), name]
        self.workers.append(subprocess.Popen([*command, str(self._folder / f"{name}.calls")], cwd=ROOT))

    def kill(self, rng: Random) -> None:
        worker = self.workers.pop(rng.randrange(len(self.workers)))
        worker.kill()
        worker.wait()
        self.hire()

    def stop_for_longer_than_a_lease(self, rng: Random) -> None:
        worker = rng.choice(self.workers)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(LEASE + 1.5)
        worker.send_signal(signal.SIGCONT)

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


def harass_leased_workers(server: Server, url: str, rounds: int) -> Survived:
    """Leased workers killed, stopped and continued, and the server killed meanwhile: each job ends once."""
    seed = Random().randrange(10**6)
    print(f"leased workers with the seed {seed}")
    rng = Random(seed)
    folder = server.log.parent / f"calls-{server.port}"
    folder.mkdir()
    fleet = Fleet(server, folder)
    try:
        for _ in range(rounds):
            made = http.post(f"{server.url}/jobs/batch", json=[{"type": "t"}] * JOBS, timeout=60)
            assert made.status_code == 201
            steps: tuple[Callable[[Random], object], ...] = (
                *(fleet.kill, fleet.kill, fleet.stop_for_longer_than_a_lease),
                lambda _: restart(server),
            )
            for step in rng.sample(steps, len(steps)):
                step(rng)
                time.sleep(rng.random())
            eventually(lambda: all_ended(url), "every job has ended", within=ENDED_WITHIN)
            checked = judge_runs(url, folder)
    finally:
        fleet.end()
    return checked


def restart(server: Server) -> None:
    server.kill()
    server.start()


def all_ended(url: str) -> bool:
    return query(url, "SELECT count(*) FROM jobs WHERE completed_at IS NULL") == [(0,)]


def judge_runs(url: str, folder: Path) -> Survived:
    """Runs are 1..n without a gap, each job has ended once and as its last run says, and each answer was true."""
    runs: dict[str, dict[int, str | None]] = defaultdict(dict)
    found = "SELECT id, attempt, outcome FROM runs JOIN jobs ON jobs.seq = runs.seq ORDER BY jobs.seq, attempt"
    for job_id, attempt, outcome in query(url, found):
        runs[job_id][attempt] = outcome
    statuses = dict(query(url, "SELECT id, status FROM jobs"))
    for job_id, status in statuses.items():
        outcomes = list(runs[job_id].values())
        assert list(runs[job_id]) == list(range(1, len(outcomes) + 1)), f"{job_id} has the runs {runs[job_id]}"
        failures = sum(outcome in ("failed", "expired") for outcome in outcomes)
        assert failures == ATTEMPTS if status == "FAILED" else failures < ATTEMPTS, f"{job_id}: {outcomes}"
        assert outcomes.count("completed") == (outcomes[-1] == "completed") == (status == "COMPLETED")
        assert None not in outcomes
    refused = 0
    for job_id, attempt, action, status in answers(folder):
        assert attempt in runs[job_id], f"{job_id} was claimed as attempt {attempt}, of which there is no run"
        if action in OUTCOMES:
            assert status in (200, 409)
            assert (runs[job_id][attempt] == OUTCOMES[action]) == (status == 200), f"{job_id} {attempt} {action}"
            refused += status == 409
    outcomes_of_all = Counter(outcome for each in runs.values() for outcome in each.values())
    return Survived(len(statuses), sum(outcomes_of_all.values()), outcomes_of_all["expired"], refused)


def answers(folder: Path) -> list[tuple[str, int, str, int]]:
    """What the workers were told; the last line of one that was killed may be half of one."""
    lines = [line for log in folder.glob("worker-*.calls") for line in log.read_text().split("\n")[:-1]]
    return [(job_id, attempt, action, status) for job_id, attempt, action, status in map(json.loads, lines)]
