"""How values look on a page: template filters. app.js has the same age and clock, to let them tick."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import Blueprint, get_template_attribute
from markupsafe import Markup

from dashboard.core.job import utc_now

bp = Blueprint("formats", __name__)

AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))  # seconds, unit


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
    """mm:ss, with hours before them where there are any."""
    minutes, seconds = divmod(max(0, int(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


@bp.app_template_filter()
def took(job: Any, now: datetime) -> timedelta:
    """How long a job ran, or has been running; before that, how long it has been waiting."""
    span: timedelta = (job.completed_at or now) - (job.started_at or job.created_at)
    return span


GAP = Markup("<!--gap-->")  # where a time goes; in what comes from outside it would be escaped


@bp.app_template_global()
def job_rows(
    jobs: list[Any], allowed: Callable[[str], list[str]], jobs_at: str, fragments_at: str, now: datetime
) -> Markup:
    """The rows of the jobs table. All but the time that passes is remembered: to make it costs thirty times as much."""
    actions = {status: tuple(allowed(status)) for status in {job.status for job in jobs}}
    parts: list[str] = []
    for job in jobs:
        before, between, after = _row(job, actions[job.status], jobs_at, fragments_at)
        parts += before, age(now - job.created_at), between, clock(took(job, now)), after
    return Markup("".join(parts))  # noqa: S704


@lru_cache(maxsize=2_000)
def _row(job: Any, actions: tuple[str, ...], jobs_at: str, fragments_at: str) -> list[str]:
    row: str = get_template_attribute("jobs/_row.html", "row")(job, actions, jobs_at, fragments_at, GAP)
    return f"{row}\n".split(GAP)


@bp.app_template_filter()
def utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


@bp.app_template_filter()
def machine(time: datetime) -> str:
    """For <time datetime>: ISO 8601 with its zone."""
    return f"{time.isoformat(timespec='milliseconds')}Z"


@bp.app_template_global()
def server_time() -> str:
    """Now, for the browser to tell ages by."""
    return machine(utc_now())


@bp.app_template_filter()
def short(job_id: str) -> str:
    """The end of an id: a UUIDv7 begins with the time, so neighbours share their first characters."""
    return job_id[-8:]


SHOWN = 20_000  # characters of a payload or a result, indented, that a page shows

_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*"?|\{\}|\[\]|[][{},:]|[^][{},:"]+')


@bp.app_template_filter()
def pretty(text: str) -> tuple[str, bool]:
    """The beginning of compact JSON text, indented, and whether there is more.

    Only what is shown is made: deeply nested, the whole is two hundred times as long as the text. Nothing is ever
    shorter than in the text, so no more of it than SHOWN characters has to be read.
    """
    parts: list[str] = []
    size, line = 0, "\n"
    for token in _TOKEN.findall(text[: SHOWN + 1]):
        match token:
            case "{" | "[":
                line += "  "
                part = token + line
            case "}" | "]":
                line = line[:-2]
                part = line + token
            case ",":
                part = token + line
            case ":":
                part = ": "
            case _:
                part = token
        parts.append(part)
        size += len(part)
        if size > SHOWN:
            break
    return "".join(parts)[:SHOWN], size > SHOWN
