"""The tables, their constraints and indexes. migrations/ makes what stands here; a test compares the two."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TextClause,
    TypeDecorator,
    literal_column,
    text,
)

from dashboard.core.histogram import BUCKETS
from dashboard.core.job import TYPE_MAX, JobStatus
from dashboard.core.reason import KEY_MAX
from dashboard.core.run import MESSAGE_MAX, WORKER_MAX, Outcome
from dashboard.core.view import NAME_MAX
from dashboard.database.engine import db

PREVIEW = 80  # characters of a payload that lists show


class PlainText(TypeDecorator[str]):
    """Text in which U+FFFD stands for a NUL, which PostgreSQL takes in no text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and value.replace("\0", "\ufffd")


class JobId(PlainText):
    """An id, compared as the text that it is: no id has a NUL or an U+FFFD."""

    impl = String(36)  # type: ignore[assignment]
    cache_ok = True


class ReasonKey(PlainText):
    """What the failures for the same reason have in common; empty where no reason was given."""

    impl = String(KEY_MAX)  # type: ignore[assignment]
    cache_ok = True


jobs = db.Table(
    "jobs",
    # The key and the age order: AUTOINCREMENT never hands a number out twice, and in SQLite they commit in order.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", JobId, nullable=False, unique=True),
    Column("type", String(TYPE_MAX), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("status", String(9), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("started_at", DateTime),
    Column("completed_at", DateTime),
    Column("preview", String(PREVIEW)),
    # What only some jobs use: when it may run, when it is too late to begin, failures it may have, the job it repeats.
    Column("run_at", DateTime),
    Column("expires_at", DateTime),
    Column("max_attempts", Integer),
    Column("retry_of", String(36)),
    # Why it failed: the beginning of the reason, and its key. Both null where it has not, or where a job that failed
    # before there were these columns has not been brought along yet.
    Column("reason", PlainText),
    Column("reason_key", ReasonKey),
    # The name of the person or API token that did it; NULL where no credential is needed, and where a lease or a date
    # that was over did it.
    *(Column(name, PlainText) for name in ("created_by", "started_by", "ended_by")),
    # JSON as text, so that it reads back as it was sent in any database; last, so that lists need not read past it.
    Column("payload", Text),
    Column("result", Text),
    CheckConstraint(f"status IN ({', '.join(repr(s.value) for s in JobStatus)})", name="jobs_status_is_known"),
    CheckConstraint("priority >= 0", name="jobs_priority_is_natural"),
    sqlite_autoincrement=True,
)

# Partial ones only: beside an index on (status, seq) SQLite sorts all PENDING rows for a claim.
#
# In PostgreSQL each has one more condition, which always holds and is stated only by the statements that shall use it.
# After an ANALYZE of an idle queue the planner takes every partial index for empty: it sorted all PENDING rows for a
# claim and walked all RUNNING ones for a complete. `seq > 0` would not do: without statistics PostgreSQL expects a
# third of the rows, and of `seq > 0 AND seq > ?` SQLite takes the first for the range. The plus makes it an
# expression: PostgreSQL 17 drops the condition where a column is NOT NULL. The statements join tables that have a
# column of the same name, so each is qualified.
IN_CLAIM_ORDER, BY_TYPE, BY_START, BY_AGE, BY_END, OF_TYPE = (
    text(f"{sign}{column} IS NOT NULL") for column in ("jobs.priority", "jobs.seq") for sign in "+-~"
)
# Of runs; the latter is never stated.
BY_EXPIRY, UNIQUE_ONLY = text("+runs.lease IS NOT NULL"), text("+runs.attempt IS NOT NULL")

_IS_PENDING = f"status = '{JobStatus.PENDING}'"
_IS_READY = f"{_IS_PENDING} AND run_at IS NULL"


def _partial(name: str, *columns: Any, where: str, purpose: TextClause | None = None, unique: bool = False) -> None:
    more = f"{where} AND {purpose}" if purpose is not None else where
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(more))


_partial("jobs_next", jobs.c.priority.desc(), jobs.c.seq, where=_IS_READY, purpose=IN_CLAIM_ORDER)
_partial("jobs_next_of_type", jobs.c.type, jobs.c.priority.desc(), jobs.c.seq, where=_IS_READY, purpose=BY_TYPE)
_partial("jobs_later", jobs.c.run_at, where=f"{_IS_PENDING} AND run_at IS NOT NULL")
_partial("jobs_expiring", jobs.c.expires_at, where=f"{_IS_PENDING} AND expires_at IS NOT NULL")
_partial("jobs_retry_of", jobs.c.retry_of, jobs.c.seq, where="retry_of IS NOT NULL")
for _status in JobStatus:
    _partial(f"jobs_{_status.lower()}", jobs.c.seq, where=f"status = '{_status}'", purpose=BY_AGE)

# Jobs of any status by type and age, and the types that there are. In SQLite too it is for these statements alone: a
# claim of some types would take it, and read all jobs of the type. By an expression that is the seq, because
# PostgreSQL would walk the primary key for a type that many jobs have, and all of it where none of them is new.
AGE: ColumnElement[int] = literal_column("jobs.seq + 0", BigInteger)
Index("jobs_by_type", jobs.c.type, text("(seq + 0)"), sqlite_where=OF_TYPE, postgresql_where=OF_TYPE)

_partial("jobs_started", jobs.c.started_at, where="started_at IS NOT NULL")  # the pace of the last minutes
_partial(
    "jobs_by_start", jobs.c.started_at, jobs.c.seq, where=f"status = '{JobStatus.RUNNING}'", purpose=BY_START
)  # those first that have run longest
_partial("jobs_completed_at", jobs.c.completed_at, where=f"status = '{JobStatus.COMPLETED}'", purpose=BY_END)
_partial(
    "jobs_failed_at",
    *(jobs.c.completed_at, jobs.c.type, jobs.c.reason_key),
    where=f"status = '{JobStatus.FAILED}'",
    purpose=BY_END,
)
_partial(
    "jobs_reasons",
    *(jobs.c.reason_key, jobs.c.seq, jobs.c.type, jobs.c.completed_at),
    where=f"status = '{JobStatus.FAILED}' AND reason_key IS NOT NULL",
)

# How many jobs there are of each status, and how often that changed: kept by triggers, so both cost nothing to ask.
# SQLite has one row. PostgreSQL has several, and a connection always writes the same one, so that writers do not
# queue for a single row; the truth is the sum.
tally = db.Table(
    "tally",
    Column("slot", Integer, primary_key=True, autoincrement=False),
    *(Column(status.lower(), BigInteger, nullable=False) for status in JobStatus),
    Column("revision", BigInteger, nullable=False),
    Column("delayed", BigInteger, nullable=False),  # of the PENDING ones, those with a run_at
    Column("woken", BigInteger, nullable=False),  # grows when a job becomes ready behind the queues' cursors
)

# One leased attempt of a job; open while ended_at is null. A table of its own, so that a heartbeat touches no job.
runs = db.Table(
    "runs",
    Column("seq", jobs.c.seq.type, ForeignKey("jobs.seq", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("token", String(64), nullable=False),
    Column("worker", String(WORKER_MAX)),
    Column("lease", Integer, nullable=False),  # seconds, as it was last asked for
    Column("started_at", DateTime, nullable=False),
    Column("heard_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=False),
    Column("progress", Integer),
    Column("message", String(MESSAGE_MAX)),
    Column("ended_at", DateTime),
    Column("outcome", String(9)),
    Column("reason", PlainText),
    # As those of jobs.
    *(Column(name, PlainText) for name in ("started_by", "ended_by")),
    CheckConstraint(f"outcome IN ({', '.join(repr(o.value) for o in Outcome)})", name="runs_outcome_is_known"),
    CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="runs_end_has_an_outcome"),
)
# The database itself refuses a second open run of a job.
_partial("runs_open", runs.c.seq, where="ended_at IS NULL", purpose=UNIQUE_ONLY, unique=True)
_partial("runs_due", runs.c.expires_at, where="ended_at IS NULL", purpose=BY_EXPIRY)
Index("runs_token", runs.c.token, runs.c.seq, unique=True)

Index("runs_started", runs.c.started_at)

# What happened in each minute to the jobs of each type: counts, and how long those that were started had waited and
# those that ended had run, as histograms. Rows of a minute, of twelve and of an hour; `at` is the beginning, in seconds
# since 1970. Rows with the span 0 are totals (store/totals.py). The type that no job has, the empty one, stands for all
# of them.
minutes = db.Table(
    "minutes",
    Column("span", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(TYPE_MAX), primary_key=True),
    *(Column(name, Integer, nullable=False) for name in ("created", "started", "completed", "failed", "called_off")),
    *(Column(f"waited_{place}", Integer, nullable=False) for place in range(BUCKETS)),
    *(Column(f"ran_{place}", Integer, nullable=False) for place in range(BUCKETS)),
    sqlite_with_rowid=False,
)

# For how long the oldest job that a claim could take had waited, as it was seen in each minute, in whole seconds.
oldest = db.Table(
    "oldest",
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("seconds", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# How far the minutes are counted: one row, which every transaction that writes minutes locks first.
counting = db.Table(
    "counting",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),  # of the counts: a process whose look was at an older one is late
    Column("minute", BigInteger, nullable=False),  # the newest that was counted; it and the one before may change
    Column("counted_at", DateTime),
    Column("folded_to", BigInteger, nullable=False),  # before then there are hours only
)

# Jobs that came in with a past: what happened to those of these seqs before that minute is not counted yet.
uncounted = db.Table(
    "uncounted",
    Column("id", Integer, primary_key=True),
    Column("first", BigInteger),  # the first `after` of an import: from there on seqs do not grow with time
    Column("after", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("before", BigInteger, nullable=False),
)

# What became of tries to sign in by this name from this address, both as hashes.
attempts = db.Table(
    "attempts",
    Column("name", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("failed", Integer, nullable=False),  # since the last success
    Column("tried_at", DateTime, nullable=False),
    Column("succeeded_at", DateTime),
    Index("attempts_address", "address"),
    Index("attempts_tried", "tried_at"),
)

# Those who are signed in: the id is in their cookie too, and is of no use without the key that signs it.
sessions = db.Table(
    "sessions",
    Column("id", String(22), primary_key=True),
    Column("ends_at", DateTime, nullable=False),
)

# What people and named tokens did that is not a worker's routine. Rows are added, and deleted when they are old, and
# never changed.
activity = db.Table(
    "activity",
    Column("id", jobs.c.seq.type, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("who", PlainText),
    Column("role", String(8)),
    Column("action", String(20), nullable=False),
    Column("job_id", JobId),
    Column("count", Integer),
    Column("via", String(9), nullable=False),
    Column("detail", PlainText),
    # What refusals of a minute have in common: only the first one is kept.
    Column("together", String(36)),
    # What the slices of one bulk action, or of one import, have in common: they are shown as one entry.
    Column("part_of", String(36)),
    sqlite_autoincrement=True,
)
Index("activity_at", activity.c.at, activity.c.id)
Index("activity_who", activity.c.who, activity.c.at, activity.c.id)
Index("activity_action", activity.c.action, activity.c.at, activity.c.id)
_partial("activity_job", activity.c.job_id, activity.c.at, activity.c.id, where="job_id IS NOT NULL")
_partial("activity_together", activity.c.together, where="together IS NOT NULL", unique=True)
_partial("activity_part_of", activity.c.part_of, activity.c.id, where="part_of IS NOT NULL")

# One row while claims are paused, else none.
pause = db.Table(
    "pause",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("who", PlainText),
    Column("since", DateTime, nullable=False),
    Column("reason", PlainText),
)

# The owner is the name of a person, or a token's after "token:"; the empty one stands for all.
views = db.Table(
    "views",
    Column("owner", PlainText, primary_key=True),
    Column("name", String(NAME_MAX), primary_key=True),
    Column("query", Text, nullable=False),
)
