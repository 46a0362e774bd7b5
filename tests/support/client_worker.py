"""A worker of the client as a program of its own: `python -m tests.support.client_worker URL NAME LOG`.

Its jobs take a moment, and end in every way. It writes to its log when it begins one and what it returns, a line each:
the job, the attempt, the word.
"""

import json
import sys
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

from dashboard.client import Job, Jobs, Release, Retry

LEASE = 2  # seconds
ATTEMPTS = 3
SLOTS = 8


def main(url: str, name: str, log: Path) -> None:
    rng = Random(name)
    notes = log.open("a", buffering=1)
    jobs = Jobs(url)

    def note(job: Job, word: str) -> None:
        notes.write(json.dumps([job.id, job.attempt, word]) + "\n")

    @jobs.worker(slots=SLOTS, lease=LEASE, attempts=ATTEMPTS, name=name, grace=1)
    def work(job: Job) -> dict[str, Any]:
        note(job, "begun")
        job.progress(50, "half")
        sleep(rng.choices((0, 0.05, LEASE), (10, 5, 1))[0])
        end = rng.choice(("complete", "complete", "complete", "complete", "fail", "release"))
        job.check()
        note(job, end)
        if end == "fail":
            raise Retry("as it happens", in_seconds=0)
        if end == "release":
            raise Release
        return {"by": name, "attempt": job.attempt}

    jobs.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
