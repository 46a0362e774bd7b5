"""Clients that use every word of leases, schedules, batches and waiting, on jobs that all look alike."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from types import TracebackType
from typing import Any
from uuid import uuid4

import httpx

from tests.support import http
from tests.support.factory import EXAMPLE

TYPE = f"type={EXAMPLE['type']}"
RIGHT = {200, 201, 404, 409}  # 404: nothing to claim; 409: another was faster


class Crowd:
    """So many clients, each in a thread, until the end of the block.

    A client makes at least as many ready jobs as it claims, each time before it claims them: so none of them ever takes
    a job that is less urgent than the example. The jobs that it claims, it alone ends.
    """

    def __init__(self, url: str, clients: int) -> None:
        seed = Random().randrange(10**6)
        print(f"a crowd with the seed {seed}")
        self.calls: Counter[str] = Counter()  # that were answered well, by what was called
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._members = [
            self._pool.submit(self._run, url, f"{seed} {number}", f"crowd-{number}") for number in range(clients)
        ]

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._stopped.set()
        self._pool.shutdown()
        if kind is None:
            for member in self._members:
                member.result()

    def _run(self, url: str, seed: str, name: str) -> None:
        with http.Client(base_url=url, timeout=60) as client:
            member = _Member(client, Random(seed), name, self.calls)
            while not self._stopped.is_set():
                member.work()


class _Member:
    def __init__(self, http: httpx.Client, rng: Random, name: str, calls: Counter[str]) -> None:
        self._http = http
        self._rng = rng
        self._name = name
        self._calls = calls

    def work(self) -> None:
        """Create some jobs, claim some, and end them in each way there is."""
        later, often = {"run_at": 0.2}, {"max_attempts": 3, "expires_at": 3600}
        self._call(
            "batch", "/jobs/batch", [EXAMPLE, EXAMPLE, EXAMPLE, EXAMPLE | later, EXAMPLE | often], key=uuid4().hex
        )
        one = self._call("create", "/jobs", EXAMPLE | often, key=uuid4().hex)
        self._call("wait for nothing", "/jobs/claim?type=none&wait=0.05")
        many, token = uuid4().hex, uuid4().hex
        held = [(job, many) for job in self._lease("claim many", f"/jobs/claim?{TYPE}&lease=60&limit=3", many)]
        held += [(job, token) for job in self._lease("claim", f"/jobs/claim?{TYPE}&lease=1&attempts=3&wait=1", token)]
        self._rng.shuffle(held)
        self._get("wait for an end", f"/jobs/{one['id']}?wait=0.05&full=1")
        for job, its_token in held:
            assert job["token"] == its_token
            self._call("heartbeat", f"/jobs/{job['id']}/heartbeat?token={its_token}&lease=5", {"progress": 50})
            self._end(job["id"], its_token)
        self._call("release all", f"/jobs/release?token={many}")
        self._get("list", "/jobs?full=1&limit=5")
        self._get("workers", "/workers")

    def _lease(self, name: str, path: str, token: str) -> list[Any]:
        """What is claimed; the call is repeated, as if its answer had got lost."""
        path += f"&worker={self._name}"
        self._call(name, path, key=token)
        answer = self._call(name, path, key=token)
        return answer if isinstance(answer, list) else [answer] if "id" in answer else []

    def _end(self, job_id: str, token: str) -> None:
        action = self._rng.choice(("complete", "fail", "fail now", "release", "report", "nothing"))
        ended: Any = {}
        if action == "report":
            item = {"id": job_id, "token": token, "action": "fail", "reason": "429", "retry_in": 0.1}
            self._call(action, "/jobs/report", [item])
        elif action == "fail now":
            ended = self._call(action, f"/jobs/{job_id}/fail?token={token}&retry_in=never")
        elif action != "nothing":
            ended = self._call(action, f"/jobs/{job_id}/{action}?token={token}")
        if ended.get("status") in ("COMPLETED", "FAILED"):
            self._call("retry", f"/jobs/{job_id}/retry")

    def _call(self, name: str, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        answer = self._http.post(path, json=body, headers=headers) if body else self._http.post(path, headers=headers)
        return self._told(name, answer)

    def _get(self, name: str, path: str) -> Any:
        return self._told(name, self._http.get(path))

    def _told(self, name: str, answer: httpx.Response) -> Any:
        assert answer.status_code in RIGHT, f"{name}: {answer.status_code} {answer.text}"
        self._calls[name] += answer.is_success
        return answer.json()
