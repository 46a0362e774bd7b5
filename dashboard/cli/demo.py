"""`flask jobs demo`: fill the database with three days of a believable queue, and an incident in the last hours."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import click
from flask.cli import with_appcontext
from uuid_utils import uuid7

from dashboard.core.job import JobStatus, json_text, utc_now
from dashboard.core.past import PastJob
from dashboard.services import history

DAYS = 3
INCIDENT = timedelta(hours=2, minutes=20)  # ago, it began
OVERDUE, RUNNING, WAITING = 5, 12, 120

PRIORITIES = (0, 0, 0, 1, 5, 10)


def _image(rng: random.Random) -> dict[str, Any]:
    return {"image_url": f"https://example.com/{rng.randrange(9999):04}.png", "width": rng.choice((150, 300, 600))}


def _email(rng: random.Random) -> dict[str, Any]:
    name = rng.choice(("ada", "grace", "linus"))
    return {"to": f"{name}@example.com", "template": rng.choice(("welcome", "receipt"))}


def _report(rng: random.Random) -> dict[str, Any]:
    return {"month": f"2026-{rng.randint(1, 12):02}", "format": rng.choice(("pdf", "csv"))}


def _webhook(rng: random.Random) -> dict[str, Any]:
    return {"url": f"https://hooks.example.com/{rng.randrange(90)}", "event": rng.choice(("paid", "shipped"))}


class Kind(NamedTuple):
    """A type of job: how many of a hundred, how long one usually runs, which share fails, and why."""

    share: int
    seconds: float
    failing: float
    payload: Callable[[random.Random], dict[str, Any] | None]
    reason: Callable[[random.Random], str]


# The slow one is build_report.
KINDS = {
    "send_email": Kind(40, 0.8, 0.01, _email, lambda rng: f"mailbox {rng.randrange(900)} is full"),
    "webhook_deliver": Kind(25, 1.5, 0.02, _webhook, lambda rng: f"status {rng.choice((500, 502))} from the receiver"),
    "image_resize": Kind(25, 4.0, 0.015, _image, lambda rng: f"image is corrupt at byte {rng.randrange(9_000)}"),
    "build_report": Kind(7, 190.0, 0.03, _report, lambda rng: f"no data for month {rng.randint(1, 12)}"),
    "purge_cache": Kind(3, 0.1, 0.0, lambda _: None, lambda _: ""),
}

# What the incident is: its type fails, for four reasons.
FAILING = "webhook_deliver"
REASONS: tuple[Callable[[random.Random], str], ...] = (
    lambda rng: f"timed out after {rng.choice((10, 30))} s\nPOST https://hooks.example.com/{rng.randrange(90)}",
    lambda rng: f"connection refused by 10.0.0.{rng.randrange(9)}:443",
    lambda rng: f"certificate of 'hooks-{rng.randrange(9)}.example.com' has expired",
    lambda rng: f"unexpected answer: request {UUID(int=rng.getrandbits(128))} is unknown",
)
INCIDENT_FAILURES, INCIDENT_SUCCESSES = 200, 400


@click.command()
@with_appcontext
def demo() -> None:
    """Add three days of example jobs with an incident; each run adds as many again. No other job is changed."""
    rng = random.Random()  # noqa: S311
    now = utc_now()
    made = sorted([*_days(rng, now), *_incident(rng, now), *_present(rng, now)], key=lambda job: job.created_at)
    history.bring_in(made)
    failed = sum(job.status is JobStatus.FAILED for job in made)
    again = sum(job.retry_of is not None for job in made)
    click.echo(
        f"Added {len(made)} jobs of {len(KINDS)} types and {DAYS} days: {failed} failed, {again} of them run again.\n"
        f"{FAILING} fails since {now - INCIDENT:%H:%M} UTC, for {len(REASONS)} reasons; build_report is slow; "
        f"{OVERDUE} jobs run far longer than usual; {WAITING} wait, more every minute."
    )


def _job(rng: random.Random, name: str, status: JobStatus, created: datetime, **more: Any) -> PastJob:
    payload = json_text(KINDS[name].payload(rng))
    return PastJob(str(uuid7()), name, payload, rng.choice(PRIORITIES), status, created, **more)


def _kind(rng: random.Random) -> str:
    return rng.choices(list(KINDS), [kind.share for kind in KINDS.values()])[0]


def _finished(rng: random.Random, name: str, created: datetime, now: datetime, reason: str | None = None) -> PastJob:
    """Of ages and durations as they are usual for the type; it fails for the reason, if there is one."""
    started = min(now, created + timedelta(seconds=rng.lognormvariate(0.3, 1.2)))
    ended = min(now, started + timedelta(seconds=KINDS[name].seconds * rng.lognormvariate(0, 0.6)))
    if reason:
        return _job(rng, name, JobStatus.FAILED, created, started_at=started, completed_at=ended, reason=reason)
    result = json_text({"message": "ok"})
    return _job(rng, name, JobStatus.COMPLETED, created, started_at=started, completed_at=ended, result=result)


def _days(rng: random.Random, now: datetime) -> list[PastJob]:
    """What came and went; a few failures, half of which were run again."""
    jobs: list[PastJob] = []
    for _ in range(2_400):
        created = now - timedelta(minutes=5) - timedelta(days=DAYS) * rng.random()
        name = _kind(rng)
        kind = KINDS[name]
        jobs.append(_finished(rng, name, created, now, kind.reason(rng) if rng.random() < kind.failing else None))
        if jobs[-1].status is JobStatus.FAILED and rng.random() < 0.5:
            again = _finished(rng, name, min(now, created + timedelta(minutes=rng.randint(5, 50))), now)
            jobs.append(again._replace(payload=jobs[-1].payload, retry_of=jobs[-1].id))
    return jobs


def _incident(rng: random.Random, now: datetime) -> list[PastJob]:
    reasons: list[str | None] = [rng.choice(REASONS)(rng) for _ in range(INCIDENT_FAILURES)]
    reasons += [None] * INCIDENT_SUCCESSES
    return [_finished(rng, FAILING, now - INCIDENT * rng.random(), now, reason) for reason in reasons]


def _present(rng: random.Random, now: datetime) -> list[PastJob]:
    """What runs, of which some are overdue, and a backlog that grows: more arrivals than starts in each minute."""
    overdue = [
        _job(rng, "image_resize", JobStatus.RUNNING, started, started_at=started)
        for started in (now - timedelta(minutes=rng.randint(40, 250)) for _ in range(OVERDUE))
    ]
    running = [
        _job(rng, "build_report", JobStatus.RUNNING, started, started_at=started)
        for started in (now - timedelta(seconds=rng.randint(1, 120)) for _ in range(RUNNING - OVERDUE))
    ]
    waiting = [
        _job(rng, _kind(rng), JobStatus.PENDING, now - timedelta(minutes=12) * ((n + 0.5) / WAITING))
        for n in range(WAITING)
    ]
    return [*overdue, *running, *waiting]
