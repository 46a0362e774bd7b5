"""The workers page: who holds which jobs by a lease."""

from typing import NamedTuple
from zlib import crc32

from sqlalchemy import Connection

from dashboard.store import workers
from dashboard.store.workers import Held, Worker
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Element, Live, role, row_context

HELD_MAX = 200  # jobs that are read; those of which no more is known are only counted

WORKERS_MAX = 100  # workers that are shown where there are more jobs

JOBS_EACH = 10  # jobs that are shown of each worker


class Group(NamedTuple):
    """A worker and the first of the jobs that it holds, the oldest first."""

    worker: Worker
    jobs: list[Held]


class Groups(NamedTuple):
    """The workers by name, how many there are, and how many jobs they hold."""

    groups: list[Group]
    total: int
    running: int


def tag(tx: Connection) -> str:
    return _tag(_groups(tx))


def load(tx: Connection) -> Context:
    found = _groups(tx)
    return {"live": Live(url_for("fragments.workers"), _tag(found)), **found._asdict(), **row_context()}


def _tag(found: Groups) -> str:
    """Of what is shown: a heartbeat changes no revision, and most changes of jobs change nothing here."""
    return f"{crc32(repr(found).encode()):x}{role()}"


def _groups(tx: Connection) -> Groups:
    """Up to HELD_MAX jobs tell of their workers, too; of more jobs the workers are read beside the first ones."""
    held = workers.held(tx, HELD_MAX + 1)
    by_worker: dict[str | None, list[Held]] = {}
    for job in sorted(held, key=lambda each: (each.started_at, each.id)):
        by_worker.setdefault(job.worker, []).append(job)
    if len(held) <= HELD_MAX:
        found = workers.First([_worker(name, jobs) for name, jobs in by_worker.items()], len(by_worker), len(held))
    else:
        found = workers.first_to_end(tx, WORKERS_MAX)
    shown = sorted(found.workers, key=lambda each: (each.worker is None, each.worker or ""))
    groups = [Group(each, by_worker.get(each.worker, [])[:JOBS_EACH]) for each in shown]
    return Groups(groups, found.total, found.running)


def _worker(name: str | None, jobs: list[Held]) -> Worker:
    return Worker(
        name,
        len(jobs),
        min(job.started_at for job in jobs),
        max(job.heard_at for job in jobs),
        min(job.lease_expires_at for job in jobs),
    )


WORKERS = Element("workers/_workers.html", tag, load)
