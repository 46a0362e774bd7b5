"""How fast jobs are started, and when by that the turn of one comes."""

from datetime import timedelta

from sqlalchemy import Connection

from dashboard.core.job import utc_now
from dashboard.store import listing

MINUTES = 5

STARTED_MAX = 10_000  # jobs started in that time are counted up to this

TOLD_FROM = 10  # starts: fewer are too few to tell a turn by


def started(tx: Connection) -> int:
    """How many jobs were started in the last minutes, up to a limit."""
    return listing.started_since(tx, utc_now() - timedelta(minutes=MINUTES), STARTED_MAX)


def sentence(number: int) -> str:
    """What these starts tell."""
    if not number:
        return f"No job was started in the last {MINUTES} minutes: is a worker running?"
    least = "At least " if number == STARTED_MAX else ""
    begun = f"{least}{number:,} {'job was' if number == 1 else 'jobs were'} started in the last {MINUTES} minutes"
    return f"{begun}{': too few to tell a turn' if number < TOLD_FROM else ''}."


def turn(place: int, number: int) -> timedelta | None:
    """When a job in this place begins, the first one in place 1; None where too few were started to tell."""
    return timedelta(minutes=MINUTES * place / number) if number >= TOLD_FROM else None
