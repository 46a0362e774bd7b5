"""Workers of the client against real servers, through a proxy that cuts, delays, repeats and drops."""

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random

import pytest

from dashboard.client import Job, Jobs
from tests.support.client_worker import ATTEMPTS, LEASE
from tests.support.database import query
from tests.support.leased_traffic import all_ended, judge_runs
from tests.support.local_server import BadProxy
from tests.support.server import ROOT, StartServer
from tests.support.waiting import eventually

JOBS = 1_000
WORKERS = 4
STEPS = 6
WITHIN = 240  # seconds: some leases and the backoffs between them, on a machine that does other things


class Fleet:
    """Workers, each a process; one that ended is replaced."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder, self._names = url, folder, count()
        self.workers: list[subprocess.Popen[bytes]] = []
        for _ in range(WORKERS):
            self.add()

    def add(self) -> None:
        name = f"worker-{next(self._names)}"
        command = [sys.executable, "-m", "tests.support.client_worker", self._url, name]
        with (self._folder / f"{name}.log").open("wb") as log:
            self.workers.append(
                subprocess.Popen([*command, str(self._folder / f"{name}.notes")], cwd=ROOT, stdout=log, stderr=log)
            )

    def end_one(self, rng: Random, number: int) -> None:
        worker = self.workers.pop(rng.randrange(len(self.workers)))
        notes = Path(str(worker.args[-1]))  # type: ignore[index]
        eventually(lambda: notes.exists() and notes.read_text(), "it works")
        worker.send_signal(number)
        assert worker.wait(60) == (0 if number == signal.SIGTERM else -number)
        self.add()

    def suspend_one(self, rng: Random, seconds: float) -> None:
        worker = rng.choice(self.workers)
        worker.send_signal(signal.SIGSTOP)
        threading.Event().wait(seconds)
        worker.send_signal(signal.SIGCONT)

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


def test_a_thousand_jobs_end_once_each_by_workers_that_are_killed_stopped_and_suspended(
    database_url: str, start_server: StartServer, tmp_path: Path
) -> None:
    seed = Random().randrange(10**6)
    print(f"workers with the seed {seed}")
    rng = Random(seed)
    server = start_server(database_url, LEASE_GRACE="1", WEB_CONCURRENCY="2")
    proxy = BadProxy(server.port)
    with proxy:
        with Jobs(proxy.url) as jobs:
            made = jobs.create_many(({"type": "t", "payload": {"n": n}} for n in range(JOBS)), key="all")
        assert len(made) == JOBS
        fleet = Fleet(proxy.url, tmp_path)
        steps: list[Callable[[], None]] = [
            lambda: fleet.end_one(rng, signal.SIGKILL),
            lambda: fleet.end_one(rng, signal.SIGTERM),
            lambda: fleet.suspend_one(rng, LEASE / 2),
            lambda: fleet.suspend_one(rng, LEASE + 1.5),
        ]
        try:
            for step in steps + rng.choices(steps, k=STEPS - len(steps)):
                step()
            eventually(lambda: all_ended(database_url), "every job has ended", within=WITHIN)
        finally:
            fleet.end()
    assert query(database_url, "SELECT count(*) FROM jobs") == [(JOBS,)]
    survived = judge_runs(database_url, tmp_path)
    assert survived.runs > JOBS
    assert min(proxy.faults.values()) > 0
    judge_notes(database_url, tmp_path)


def judge_notes(url: str, folder: Path) -> None:
    """No attempt began twice, and what a job ended as is what its last attempt returned."""
    lines = [line for notes in folder.glob("*.notes") for line in notes.read_text().split("\n")[:-1]]
    noted = [(job_id, attempt, word) for job_id, attempt, word in map(json.loads, lines)]
    begun = Counter((job_id, attempt) for job_id, attempt, word in noted if word == "begun")
    assert set(begun.values()) == {1}
    returned = {(job_id, attempt): word for job_id, attempt, word in noted if word != "begun"}
    found = "SELECT id, attempt, outcome FROM runs JOIN jobs ON jobs.seq = runs.seq"
    for job_id, attempt, outcome in query(url, found):
        if outcome == "completed":
            assert returned[job_id, attempt] == "complete"
        elif outcome == "failed":
            assert returned[job_id, attempt] == "fail"
    failures = "SELECT count(*) FROM runs JOIN jobs ON jobs.seq = runs.seq "
    failures += "WHERE status = 'FAILED' AND outcome != 'released'"
    failed = query(url, "SELECT count(*) FROM jobs WHERE status = 'FAILED'")[0][0]
    assert query(url, failures) == [(ATTEMPTS * failed,)]


@pytest.fixture
def jobs(sqlite_url: str, start_server: StartServer) -> Jobs:
    return Jobs(start_server(sqlite_url, WEB_CONCURRENCY="2", LEASE_GRACE="0").url)


def test_a_job_that_is_called_off_is_lost_to_its_worker_and_stays_failed(jobs: Jobs) -> None:
    why: list[str] = []

    @jobs.worker("t", lease=2)
    def work(job: Job) -> None:
        jobs.call_off(job.id, "wrong customer")
        job.wait_until_lost(30)
        why.append(job.why_lost)

    with jobs:
        made = jobs.create("t", max_attempts=5)
        jobs.run(drain=True)
        assert "called off" in why[0]
        assert "wrong customer" in why[0]
        assert jobs.wait(made["id"])["result"] == {"reason": "wrong customer"}


def test_what_a_job_tells_of_its_progress_is_seen_while_it_runs(jobs: Jobs) -> None:
    @jobs.worker("t", lease=2, name="mill")
    def work(job: Job) -> dict[str, int]:
        job.progress(42, "page 21")
        eventually(lambda: jobs.get(job.id, full=True)["message"] == "page 21", "it is seen")
        assert [each["worker"] for each in jobs.workers()] == ["mill"]
        return {"progress": jobs.get(job.id, full=True)["progress"]}

    with jobs:
        made = jobs.create("t", key="mine")
        assert jobs.create("t", key="mine")["id"] == made["id"]
        jobs.run(drain=True)
        assert jobs.wait(made["id"], timeout=5)["result"] == {"progress": 42}
        assert jobs.summary()["completed"] == 1
        again = jobs.retry(made["id"])
        assert [job["id"] for job in jobs.newest(status="PENDING")] == [again["id"]]


def test_an_own_loop_claims_prolongs_and_ends_by_the_token(jobs: Jobs) -> None:
    with jobs:
        for kind in ("complete", "fail", "release", "all"):
            jobs.create("t", {"kind": kind}, max_attempts=2)
        held = jobs.claim("t", lease=60, limit=4, worker="w")
        ids = {job["payload"]["kind"]: job["id"] for job in held}
        token = held[0]["token"]
        assert jobs.heartbeat(ids["complete"], token, progress=5)["attempt"] == 1
        assert jobs.complete(ids["complete"], token, {"n": 1})["status"] == "COMPLETED"
        assert jobs.fail(ids["fail"], token, "why", retry_in="never")["status"] == "FAILED"
        assert jobs.release(ids["release"], token)["status"] == "PENDING"
        assert [job["id"] for job in jobs.release_all(token)] == [ids["all"]]
        assert jobs.claim("other", wait=0) == []
