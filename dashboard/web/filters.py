"""What every template can use: how times and ids look, and the state machine.

static/clock.mjs has the same formats: age, clock and left.
"""

import re
from datetime import datetime, timedelta
from typing import Protocol

from flask import Blueprint
from flask.blueprints import BlueprintSetupState

from dashboard.core.job import utc_now
from dashboard.core.run import ENDED, Outcome
from dashboard.core.transitions import ARRIVED, FINAL, RULES, TRANSITIONS
from dashboard.web.pretty import pretty

bp = Blueprint("filters", __name__)

bp.add_app_template_filter(pretty)

AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))  # seconds, unit


class Timed(Protocol):
    """A job, whole or as a line of a list."""

    @property
    def created_at(self) -> datetime: ...
    @property
    def started_at(self) -> datetime | None: ...
    @property
    def completed_at(self) -> datetime | None: ...


class Tried(Protocol):
    """A job that was leased."""

    @property
    def attempt(self) -> int: ...
    @property
    def max_attempts(self) -> int | None: ...


class Ended(Protocol):
    """A run that ended."""

    @property
    def outcome(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...


@bp.record_once
def _add_state_machine(state: BlueprintSetupState) -> None:
    state.app.jinja_env.globals.update(TRANSITIONS=TRANSITIONS, RULES=RULES, ARRIVED=ARRIVED, FINAL=FINAL, ENDED=ENDED)


@bp.app_template_filter()
def age(span: timedelta) -> str:
    """In its largest unit: 5 s, 3 min, 2 h, 9 d."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in AGES:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@bp.app_template_filter()
def clock(span: timedelta) -> str:
    """mm:ss, and h:mm:ss from an hour on."""
    minutes, seconds = divmod(max(0, int(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


@bp.app_template_filter()
def left(span: timedelta) -> str:
    """What is left of a time: by the clock in the last hour, before that in the largest unit, rounded."""
    return clock(span) if span < timedelta(hours=1) else age(span + timedelta(minutes=30))


@bp.app_template_filter()
def took(job: Timed, now: datetime) -> timedelta:
    """How long a job ran, or has been running; before it starts, how long it has been waiting."""
    return (job.completed_at or now) - (job.started_at or job.created_at)


@bp.app_template_filter()
def utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


@bp.app_template_filter()
def machine(time: datetime) -> str:
    """For <time datetime>: ISO 8601 with its zone."""
    return f"{time.isoformat(timespec='milliseconds')}Z"


@bp.app_template_filter()
def attempt(job: Tried) -> str:
    """Which attempt it is, and of how many: without that number where runs were given back, which do not count."""
    allowed = job.max_attempts or 1
    return f"attempt {job.attempt} of {allowed}" if job.attempt <= allowed else f"attempt {job.attempt}"


@bp.app_template_filter()
def why(run: Ended) -> str:
    """Why a run ended: the first line of the reason; without one, how it ended."""
    lines = (run.reason or "").strip().splitlines()
    return lines[0] if lines else ENDED[Outcome(run.outcome or "")].lower()


@bp.app_template_global()
def server_time() -> str:
    """Now: the browser counts ages from the server's clock, not from its own."""
    return machine(utc_now())


@bp.app_template_filter()
def short(job_id: str) -> str:
    """The end of an id: a UUIDv7 begins with the time, so the ids of neighbours begin alike."""
    return job_id[-8:]


@bp.app_template_filter()
def visible(sentence: str) -> str:
    """With what would change the direction of its letters as text, such as \\u202e in the name of a worker."""
    return _DIRECTIONS.sub(lambda found: f"\\u{ord(found[0]):04x}", sentence)


_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
