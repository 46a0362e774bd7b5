"""A worker as a program of its own: `python -m tests.support.leased_worker HOST PORT NAME LOG`.

It claims by lease, is heard, ends its jobs in every way, repeats what was not answered, and writes each answer to its
log, a line each: the job, the attempt, the action and the status.
"""

import http.client
import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

LEASE = 2  # seconds
ATTEMPTS = 3
PATIENCE = 10  # seconds


class Worker:
    def __init__(self, host: str, port: int, name: str, log: Path) -> None:
        self.address, self.name, self.log = (host, port), name, log.open("a", buffering=1)
        self.rng = Random(name)

    def run(self) -> None:
        while True:
            key = uuid4().hex
            query = f"lease={LEASE}&attempts={ATTEMPTS}&worker={self.name}&limit={self.rng.randint(1, 3)}&wait=1"
            status, jobs = self.post(f"/jobs/claim?{query}", {"Idempotency-Key": key})
            for job in jobs if status == 200 else ():
                self.note(job, "claim", status)
                self.work(job)

    def work(self, job: dict[str, Any]) -> None:
        for _ in range(self.rng.randrange(3)):
            time.sleep(self.rng.random() * LEASE / 4)
            if self.call(job, "heartbeat") == 409:
                break
        self.call(job, self.rng.choice(("complete", "complete", "complete", "fail", "release")))

    def call(self, job: dict[str, Any], action: str) -> int:
        more = "&retry_in=0" if action == "fail" else ""
        status, _ = self.post(f"/jobs/{job['id']}/{action}?token={job['token']}{more}")
        self.note(job, action, status)
        return status

    def post(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Until it is answered, by another word than that the server is busy."""
        while True:
            connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
            try:
                connection.request("POST", path, headers={"Content-Length": "0", **(headers or {})})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 503:
                    return answer.status, json.loads(body)
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.05)

    def note(self, job: dict[str, Any], action: str, status: int) -> None:
        self.log.write(json.dumps([job["id"], job["attempt"], action, status]) + "\n")


if __name__ == "__main__":
    Worker(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])).run()
