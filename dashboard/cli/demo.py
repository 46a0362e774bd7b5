"""flask jobs …: what an operator runs in a shell."""

import random
from collections.abc import Callable
from typing import Any

import click
from flask import Blueprint

from dashboard.core.job import json_text
from dashboard.services import jobs

bp = Blueprint("jobs", __name__, cli_group="jobs")

DEMO_SIZE = 120


def _image(rng: random.Random) -> dict[str, Any]:
    return {"image_url": f"https://example.com/{rng.randrange(9999):04}.png", "width": rng.choice((150, 300, 600))}


def _email(rng: random.Random) -> dict[str, Any]:
    return {
        "to": f"{rng.choice(('ada', 'grace', 'linus'))}@example.com",
        "template": rng.choice(("welcome", "receipt")),
    }


def _report(rng: random.Random) -> dict[str, Any]:
    return {"month": f"2026-{rng.randint(1, 12):02}", "format": rng.choice(("pdf", "csv"))}


DEMO_JOBS: dict[str, Callable[[random.Random], dict[str, Any] | None]] = {
    "image_resize": _image,
    "send_email": _email,
    "build_report": _report,
    "purge_cache": lambda _: None,
}

DEMO_REASONS = ("connection refused by the mail server", "image is corrupt", "timed out after 30 s")


@bp.cli.command()
def demo() -> None:
    """Add a believable mix of jobs; run again, it adds as many again. Jobs of others are left alone."""
    rng = random.Random()  # noqa: S311
    for _ in range(DEMO_SIZE):
        _demo_job(rng)
    click.echo(f"Added {DEMO_SIZE} jobs.")


def _demo_job(rng: random.Random) -> None:
    kind = rng.choice(list(DEMO_JOBS))
    job = jobs.create(kind, json_text(DEMO_JOBS[kind](rng)), rng.choice((0, 0, 0, 1, 5, 10)))
    fate = rng.random()
    if fate < 0.3:
        return  # stays PENDING
    jobs.process(job.id)
    if fate < 0.85:
        jobs.complete(job.id, json_text({"message": "ok", "seconds": rng.randint(1, 90)}))
    elif fate < 0.95:
        jobs.fail(job.id, rng.choice(DEMO_REASONS))
