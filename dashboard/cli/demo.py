"""`flask jobs demo`: fill the database with a believable mix of jobs."""

import random
from collections.abc import Callable
from typing import Any

import click
from flask.cli import with_appcontext

from dashboard.core.job import JobStatus, json_text
from dashboard.services import jobs

# How many jobs end up in each status.
SHARES = {JobStatus.PENDING: 36, JobStatus.RUNNING: 6, JobStatus.COMPLETED: 66, JobStatus.FAILED: 12}

PRIORITIES = (0, 0, 0, 1, 5, 10)

REASONS = ("connection refused by the mail server", "image is corrupt", "timed out after 30 s")


def _image(rng: random.Random) -> dict[str, Any]:
    return {"image_url": f"https://example.com/{rng.randrange(9999):04}.png", "width": rng.choice((150, 300, 600))}


def _email(rng: random.Random) -> dict[str, Any]:
    name = rng.choice(("ada", "grace", "linus"))
    return {"to": f"{name}@example.com", "template": rng.choice(("welcome", "receipt"))}


def _report(rng: random.Random) -> dict[str, Any]:
    return {"month": f"2026-{rng.randint(1, 12):02}", "format": rng.choice(("pdf", "csv"))}


PAYLOADS: dict[str, Callable[[random.Random], dict[str, Any] | None]] = {
    "image_resize": _image,
    "send_email": _email,
    "build_report": _report,
    "purge_cache": lambda _: None,
}


@click.command()
@with_appcontext
def demo() -> None:
    """Add a believable mix of jobs; each run adds as many again. No other job is changed."""
    rng = random.Random()  # noqa: S311
    statuses = [status for status, share in SHARES.items() for _ in range(share)]
    rng.shuffle(statuses)
    for status in statuses:
        _add(rng, status)
    click.echo(f"Added {len(statuses)} jobs.")


def _add(rng: random.Random, status: JobStatus) -> None:
    """Create a job and take it to this status."""
    kind = rng.choice(list(PAYLOADS))
    job = jobs.create(kind, json_text(PAYLOADS[kind](rng)), rng.choice(PRIORITIES))
    if status is not JobStatus.PENDING:
        jobs.process(job.id)
    if status is JobStatus.COMPLETED:
        jobs.complete(job.id, json_text({"message": "ok", "seconds": rng.randint(1, 90)}))
    elif status is JobStatus.FAILED:
        jobs.fail(job.id, rng.choice(REASONS))
