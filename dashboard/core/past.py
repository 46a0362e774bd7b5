"""A job that comes in with a past, by an import or as an example, and what is wrong with one that cannot."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from re import IGNORECASE, fullmatch
from typing import Any, NamedTuple

from dashboard.core.job import PRIORITY_MAX, TYPE_MAX, UUID_FORM, JobStatus, json_text, utc_now
from dashboard.core.printable import printable
from dashboard.core.run import ATTEMPTS_MAX
from dashboard.core.times import NotATimeError, parse_time
from dashboard.core.transitions import FINAL

EARLIEST = datetime(1970, 1, 1)
AHEAD = timedelta(minutes=5)  # by which the clock of another machine may be


class PastJob(NamedTuple):
    """A job and what has happened to it; payload and result are JSON text.

    Of a failure without a result the reason makes one.
    """

    id: str
    type: str
    payload: str | None
    priority: int
    status: JobStatus
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    result: str | None = None
    reason: str | None = None
    retry_of: str | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    max_attempts: int | None = None


def past_job(given: object) -> PastJob:
    """The job that an export has under these keys, times as text; other keys are left alone.

    Raises ValueError, whose sentence says what is wrong.
    """
    if not isinstance(given, Mapping):
        raise ValueError("it is no object")
    status = _status(given)
    result = _object(given, "result")
    reason = result.get("reason") if result and status is JobStatus.FAILED else None
    created_at = _happened(given, "created_at")
    if created_at is None:
        raise ValueError("it has no created_at")
    job = PastJob(
        _uuid(given, "id") or "",
        _type(given),
        json_text(_object(given, "payload")),
        _whole(given, "priority", 0, PRIORITY_MAX) or 0,
        status,
        created_at,
        _happened(given, "started_at"),
        _happened(given, "completed_at"),
        json_text(result),
        reason if isinstance(reason, str) else None,
        _uuid(given, "retry_of"),
        _time(given, "run_at"),
        _time(given, "expires_at"),
        _whole(given, "max_attempts", 1, ATTEMPTS_MAX),
    )
    if not job.id:
        raise ValueError("it has no id")
    _check(job)
    return job


def _check(job: PastJob) -> None:
    """That its times and its result are those of its status."""
    told = {"started_at": job.started_at, "completed_at": job.completed_at, "result": job.result}
    needed = {JobStatus.RUNNING: ("started_at",), JobStatus.COMPLETED: ("started_at", "completed_at")}
    for name in needed.get(job.status, ("completed_at",) if job.status in FINAL else ()):
        if told[name] is None:
            raise ValueError(f"it is {job.status} and has no {name}")
    if job.status in FINAL:
        return
    for name in {"completed_at", "result"} if job.started_at and job.status is JobStatus.RUNNING else told:
        if told[name] is not None:
            raise ValueError(f"it is {job.status} and has a {name}")


def _status(given: Mapping[str, Any]) -> JobStatus:
    status = given.get("status")
    if status not in tuple(JobStatus):
        raise ValueError(f"there is no status {_shown(status)}")
    return JobStatus(status)


def _type(given: Mapping[str, Any]) -> str:
    name = given.get("type")
    if not isinstance(name, str) or not 1 <= len(name) <= TYPE_MAX or "\0" in name:
        raise ValueError(f"its type is no text of 1 to {TYPE_MAX} characters")
    return name


def _uuid(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not (isinstance(value, str) and fullmatch(UUID_FORM, value, IGNORECASE)):
        raise ValueError(f"its {name} {_shown(value)} is no UUID")
    return value


def _whole(given: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = given.get(name)
    if value is not None and (type(value) is not int or not least <= value <= most):
        raise ValueError(f"its {name} is no whole number from {least} to {most:,}")
    return value


def _object(given: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"its {name} is no object")
    return value


def _time(given: Mapping[str, Any], name: str) -> datetime | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        return parse_time(value if isinstance(value, str) else "")
    except NotATimeError:
        raise ValueError(f"its {name} {_shown(value)} is no date and time") from None
    except ValueError as error:
        raise ValueError(f"its {name} {_shown(value)}: {error}") from None


def _happened(given: Mapping[str, Any], name: str) -> datetime | None:
    time = _time(given, name)
    if time and not EARLIEST <= time <= utc_now() + AHEAD:
        raise ValueError(f"its {name} is {'in the future' if time > EARLIEST else 'before 1970'}")
    return time


def _shown(value: object) -> str:
    return printable(repr(value))[:60]
