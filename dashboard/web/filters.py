"""What every template can use: how times and ids look, and the state machine.

static/clock.mjs has the same formats: age, lasted and left; a test compares them.
"""

import re
from datetime import datetime, timedelta
from typing import Protocol

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from markupsafe import Markup, escape

from dashboard.core.activity import DID
from dashboard.core.job import JobStatus, utc_now
from dashboard.core.pause import Pause
from dashboard.core.run import ENDED, Outcome
from dashboard.core.transitions import ARRIVED, FINAL, RULES, TRANSITIONS
from dashboard.security import access
from dashboard.services import pause
from dashboard.web.pretty import pretty
from dashboard.web.spans import WORDS

bp = Blueprint("filters", __name__)

bp.add_app_template_filter(pretty)

UNITS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))  # seconds, unit, the next smaller one


class Timed(Protocol):
    """A job, whole or as a line of a list."""

    @property
    def status(self) -> str: ...
    @property
    def run_at(self) -> datetime | None: ...
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
    state.app.jinja_env.globals.update(
        TRANSITIONS=TRANSITIONS, RULES=RULES, ARRIVED=ARRIVED, FINAL=FINAL, ENDED=ENDED, DID=DID, SPANS=WORDS
    )


@bp.app_template_filter()
def age(span: timedelta) -> str:
    """In its largest unit: 5 s, 3 min, 2 h, 9 d."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit, *_ in UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@bp.app_template_filter()
def lasted(span: timedelta) -> str:
    """How long something took, or has been going on: 84 ms, 3.2 s, 42 s, 1 min 5 s, 2 h 31 min."""
    milliseconds = max(0, span // timedelta(milliseconds=1))
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 10_000:
        return f"{milliseconds // 100 / 10:.1f} s"
    return _in_two_units(milliseconds // 1_000)


@bp.app_template_filter()
def seconds_lasted(seconds: float) -> str:
    """The same of a number of seconds."""
    return lasted(timedelta(seconds=seconds))


@bp.app_template_filter()
def left(span: timedelta) -> str:
    """What is left of a time: to the second in the last hour, before that in the largest unit, rounded."""
    if span < timedelta(hours=1):
        return _in_two_units(max(0, int(span.total_seconds())))
    return age(span + timedelta(minutes=30))


def _in_two_units(seconds: int) -> str:
    for size, unit, smaller, small in UNITS:
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit} {rest} {small}" if rest else f"{seconds // size} {unit}"
    return f"{seconds} s"


@bp.app_template_filter()
def is_later(job: Timed) -> bool:
    """Whether its time to wait for a worker has not come."""
    return job.status == JobStatus.PENDING and job.run_at is not None


@bp.app_template_filter()
def goes_on(job: Timed) -> datetime | None:
    """Since when it has been running, or else waiting; None where neither goes on."""
    return None if job.completed_at or is_later(job) else job.started_at or job.created_at


@bp.app_template_filter()
def utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


@bp.app_template_filter()
def exact_utc(time: datetime) -> str:
    return f"{time.isoformat(' ', 'milliseconds')} UTC"


@bp.app_template_filter()
def time_told(text: str) -> str:
    """The same of the text of a time in UTC."""
    return utc(datetime.fromisoformat(text))


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
    return first_line(run.reason or "") or ENDED[Outcome(run.outcome or "")].lower()


@bp.app_template_filter()
def first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")


@bp.app_template_global()
def paused() -> Pause | None:
    """Who has paused claims, for whoever may see the jobs."""
    return pause.known().pause if access.may_see() else None


@bp.app_template_global()
def server_time() -> str:
    """Now: the browser counts ages from the server's clock, not from its own."""
    return machine(utc_now())


@bp.app_template_global()
def now_utc() -> str:
    """Now, for people."""
    return utc(utc_now())


@bp.app_template_filter()
def short(job_id: str) -> str:
    """The end of an id: a UUIDv7 begins with the time, so the ids of neighbours begin alike."""
    return job_id[-8:]


@bp.app_template_filter()
def outside(text: str) -> Markup:
    """Text that came from outside: it cannot change the order of what stands beside it."""
    return Markup("<bdi>%s</bdi>") % escape(visible(text))


@bp.app_template_filter()
def isolated(text: str) -> str:
    """The same where no element can stand: in a title or an attribute. A text in ASCII turns nothing."""
    return text if text.isascii() else f"\u2068{visible(text)}\u2069"


@bp.app_template_filter()
def visible(sentence: str) -> str:
    """With what would change the direction of its letters as text, such as \\u202e in the name of a worker."""
    return _DIRECTIONS.sub(lambda found: f"\\u{ord(found[0]):04x}", sentence)


_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
