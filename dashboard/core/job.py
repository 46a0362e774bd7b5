"""A job, its statuses and its limits."""

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

UUID_FORM = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # of the ids as they are written here, a regular expression

NAMESPACE = UUID("6c1f0a0e-7a53-5d0c-9f6b-0f6f6a1f2d11")  # of the ids that are made from keys; never to be changed

TYPE_MAX = 100  # characters

PRIORITY_MAX = 2**31 - 1  # what an INTEGER column holds in every database we support


class JobStatus(StrEnum):
    PENDING = "PENDING"  # waits to be claimed
    RUNNING = "RUNNING"  # a worker has taken it
    COMPLETED = "COMPLETED"  # ended well, for good
    FAILED = "FAILED"  # ended badly, or was called off before it ran, for good


class Job(NamedTuple):
    """One job as it is stored: payload and result are JSON text, times are UTC without a zone."""

    id: str
    type: str
    payload: str | None
    priority: int
    status: str
    result: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


Moment = datetime | timedelta  # a time as a client gives it: absolute, or from now by the clock that judges it


class NewJob(NamedTuple):
    """What a creator gives."""

    type: str
    payload: str | None = None
    priority: int = 0
    run_at: Moment | None = None
    expires_at: Moment | None = None
    max_attempts: int | None = None
    retry_of: str | None = None


def utc_now() -> datetime:
    """The time as it is stored: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def json_text(value: Any) -> str | None:
    """The compact JSON text of a parsed value, as it is stored; None stays None.

    Raises ValueError for a number that JSON has no text for: 1e999 parses as infinity.
    """
    if value is None:
        return None
    try:
        return _encode(value)
    except ValueError:
        raise ValueError("a number in it is too large") from None


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
