"""Create jobs: one, or up to a thousand at once; with a key, a repeat creates nothing.

The key becomes the job's id, so the unique index on ids keeps it, for as long as the job lives.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from re import fullmatch
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection
from uuid_utils import uuid7

from dashboard.core.activity import Did
from dashboard.core.errors import KeyUsedError
from dashboard.core.job import NAMESPACE, UUID_FORM, JobStatus, Moment, NewJob, utc_now
from dashboard.core.run import FullJob
from dashboard.core.who import NOBODY, Who
from dashboard.database import clock
from dashboard.database.transactions import write
from dashboard.services.activity import of_person
from dashboard.store import full_jobs, jobs, runs


def create_full(new: NewJob, who: Who = NOBODY) -> FullJob:
    """Enqueue a job, PENDING, with what only some jobs use."""

    def work(tx: Connection) -> FullJob:
        job = add(tx, new, who.name)
        of_person(tx, who, Did.CREATE, job.id)
        return job

    return write(work)


def create_once(new: NewJob, key: str, who: str) -> tuple[FullJob, bool]:
    """Create the job of this key, or find it: whether it is new. Raises KeyUsedError where its content is another."""
    job_id = id_of(key, who)

    def work(tx: Connection) -> tuple[FullJob, bool]:
        runs.lock_key(tx, job_id)
        if found := full_jobs.full(tx, [job_id]).get(job_id):
            if not _is_same(found, new):
                raise KeyUsedError(f"This Idempotency-Key belongs to another job, {job_id}, of other content")
            return found, False
        return _insert(tx, [job_id], [new], who or None)[0], True

    return write(work)


def create_many(new: Sequence[NewJob], who: Who = NOBODY) -> list[FullJob]:
    """Enqueue these jobs, all or none."""
    ids = [str(uuid7()) for _ in new]
    return write(lambda tx: _insert(tx, ids, new, who.name))


def create_many_once(new: Sequence[NewJob], key: str, who: str) -> tuple[list[FullJob], bool]:
    """The same with a key; raises KeyUsedError where its jobs are others or another number of them."""
    *ids, one_more = [batch_id(key, who, place) for place in range(len(new) + 1)]

    def work(tx: Connection) -> tuple[list[FullJob], bool]:
        runs.lock_key(tx, ids[0])
        found = full_jobs.full(tx, [*ids, one_more])
        if not found:
            return _insert(tx, ids, new, who or None), True
        is_same = set(found) == set(ids) and all(_is_same(found[i], job) for i, job in zip(ids, new, strict=True))
        if not is_same:
            raise KeyUsedError("This Idempotency-Key belongs to another batch, or some of its jobs were deleted")
        return [found[job_id] for job_id in ids], False

    return write(work)


def add(tx: Connection, new: NewJob, who: str | None) -> FullJob:
    """Create a job in this transaction."""
    return _insert(tx, [str(uuid7())], [new], who)[0]


def id_of(key: str, who: str) -> str:
    """The id that a key stands for: itself where it is a UUID as we write it, else made from it and the caller."""
    return key if fullmatch(UUID_FORM, key) else str(uuid5(NAMESPACE, f"{who}\n{key}"))


def batch_id(key: str, who: str, place: int) -> str:
    """The id of the job at this place of a batch with this key."""
    return str(uuid5(NAMESPACE, f"batch\n{who}\n{key}\n{place}"))


def _insert(tx: Connection, ids: Sequence[str], new: Sequence[NewJob], who: str | None) -> list[FullJob]:
    now = utc_now()
    has_times = any(job.run_at is not None or job.expires_at is not None for job in new)
    judge = clock.now(tx) if has_times else now
    rows: list[dict[str, Any]] = [
        {
            "place": place,
            "id": job_id,
            "type": job.type,
            "payload": job.payload,
            "priority": job.priority,
            "run_at": _time(judge, job.run_at, past=None),
            "expires_at": _time(judge, job.expires_at, past=judge),
            "max_attempts": job.max_attempts,
            "retry_of": job.retry_of,
        }
        for place, (job_id, job) in enumerate(zip(ids, new, strict=True))
    ]
    jobs.insert_many(tx, rows, now, who)
    return [
        FullJob(
            id=row["id"],
            type=row["type"],
            payload=row["payload"],
            priority=row["priority"],
            status=JobStatus.PENDING,
            result=None,
            created_at=now,
            started_at=None,
            completed_at=None,
            run_at=row["run_at"],
            expires_at=row["expires_at"],
            max_attempts=row["max_attempts"],
            attempt=0,
            worker=None,
            lease_expires_at=None,
            progress=None,
            message=None,
            retry_of=row["retry_of"],
        )
        for row in rows
    ]


def _time(now: datetime, moment: Moment | None, past: datetime | None) -> datetime | None:
    """The time that is meant; `past` where it is not in the future."""
    if moment is None:
        return None
    time = now + moment if isinstance(moment, timedelta) else moment
    return time if time > now else past


def _is_same(found: FullJob, new: NewJob) -> bool:
    return (found.type, found.priority) == (new.type, new.priority) and (
        _canonical(found.payload) == _canonical(new.payload)
    )


def _canonical(text: str | None) -> str | None:
    """JSON text that is equal where the value is: `1.0` is `1`, and the order of keys means nothing."""
    if text is None:
        return None
    return json.dumps(json.loads(text, parse_float=_number), sort_keys=True)


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number
