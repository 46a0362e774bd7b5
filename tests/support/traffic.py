"""Many clients at once, and a record of each call."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from random import Random
from types import TracebackType
from typing import Any, NamedTuple

import httpx

from tests.support import http

UNANSWERED = 0  # the status of a call whose connection broke
LIFE = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
TARGETS = {"create": "PENDING", "claim": "RUNNING", "process": "RUNNING", "complete": "COMPLETED", "fail": "FAILED"}


class Call(NamedTuple):
    """One request: `job_id` is the job that it was aimed at or that came back, None where there is none."""

    action: str
    job_id: str | None
    status: int
    began: float
    ended: float

    @property
    def acknowledged(self) -> bool:
        return self.status in (200, 201)


class Client:
    """What one program does: one request after the other over a connection that is kept alive."""

    def __init__(self, url: str, calls: list[Call]) -> None:
        self.calls = calls
        self.http = http.Client(base_url=url, timeout=60)

    def create(self, priority: int = 0) -> Call:
        return self._call("create", "/jobs", json={"type": "traffic", "priority": priority})

    def claim(self) -> Call:
        return self._call("claim", "/jobs/claim")

    def act(self, action: str, job_id: str) -> Call:
        return self._call(action, f"/jobs/{job_id}/{action}", job_id)

    def _call(self, action: str, path: str, job_id: str | None = None, **body: Any) -> Call:
        began = time.monotonic()
        try:
            answer = self.http.post(path, **body)
        except httpx.TransportError:
            status = UNANSWERED
        else:
            status = answer.status_code
            judge_answer(answer)
            if answer.is_success:
                job_id = answer.json()["id"]
                assert answer.json()["status"] == TARGETS[action]
        call = Call(action, job_id, status, began, time.monotonic())
        self.calls.append(call)
        return call


def judge_answer(answer: httpx.Response) -> None:
    """A success, or a refusal of the one form there is."""
    if answer.is_success:
        return
    assert answer.status_code in (400, 404, 503), answer.text
    assert list(answer.json()) == ["detail"]
    assert isinstance(answer.json()["detail"], str)
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["detail"].endswith(".")


def drain(url: str, calls: list[Call]) -> None:
    """Claim until there is nothing left."""
    client = Client(url, calls)
    with client.http:
        while client.claim().acknowledged:
            pass


class Traffic:
    """Creators and workers, each a thread with a connection of its own, spread over the servers.

    A creator starts some of its jobs itself; a worker claims a job, then completes it, fails it or lets it run.
    Without a number of `jobs` they go on until the end of the block. Every call is added to `calls`.
    """

    def __init__(
        self, urls: Sequence[str], calls: list[Call], creators: int = 3, workers: int = 5, jobs: int | None = None
    ) -> None:
        seed = Random().randrange(10**6)
        print(f"traffic with the seed {seed}")
        self._calls = calls
        self._numbers = iter(count() if jobs is None else range(jobs))
        self._stopped = threading.Event()
        self._all_created = threading.Event()
        self._pool = ThreadPoolExecutor(creators + workers)

        def start(number: int, loop: Callable[[Client, Random], None]) -> "Future[None]":
            client = Client(urls[number % len(urls)], calls)
            return self._pool.submit(self._run, loop, client, Random(f"{seed} {number}"))

        self._creators = [start(number, self._create) for number in range(creators)]
        self._workers = [start(number, self._work) for number in range(workers)]

    def __enter__(self) -> "Traffic":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        """Have each client get the answer to what it asked, and no further."""
        self._stopped.set()
        if kind is None:
            self.finish()
        self._pool.shutdown()

    def finish(self) -> None:
        """Wait until all jobs are created and claimed."""
        for creator in self._creators:
            creator.result()
        self._all_created.set()
        for worker in self._workers:
            worker.result()

    def _run(self, loop: Callable[[Client, Random], None], client: Client, rng: Random) -> None:
        with client.http:
            loop(client, rng)

    def _create(self, client: Client, rng: Random) -> None:
        for _ in self._numbers:
            created = self._pause(client.create(rng.randrange(5)))
            if created.acknowledged and rng.random() < 0.1:
                client.act("process", str(created.job_id))
            if self._stopped.is_set():
                return

    def _work(self, client: Client, rng: Random) -> None:
        while not self._stopped.is_set():
            all_created = self._all_created.is_set()
            claimed = self._pause(client.claim())
            action = rng.choice(("complete", "complete", "complete", "fail", None))
            if claimed.acknowledged and action:
                client.act(action, str(claimed.job_id))
            elif claimed.status == 404 and all_created:
                return

    def _pause(self, call: Call) -> Call:
        if call.status in (UNANSWERED, 503):
            self._stopped.wait(0.02)  # a client that hammers a server that is down only heats the room
        return call
