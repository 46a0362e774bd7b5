"""The words that a worker may use, beyond the contract's nine keys: their forms, and the bodies and answers of them."""

from datetime import UTC, datetime, timedelta
from re import fullmatch
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    RootModel,
    Strict,
    WithJsonSchema,
    model_validator,
)

from dashboard.api import schemas
from dashboard.api.schemas import (
    FailQuery,
    Input,
    Job,
    JobCreate,
    JobType,
    JsonObject,
    Time,
    without_nul,
)
from dashboard.core.job import Moment, utc_now
from dashboard.core.run import (
    AHEAD_MAX,
    ATTEMPTS_MAX,
    CLAIM_MAX,
    DELAY_MAX,
    LEASE_MAX,
    MESSAGE_MAX,
    TOKEN,
    TYPES_MAX,
    WAIT_MAX,
    WORKER_MAX,
)

ITEMS_MAX = 1_000  # of a batch or a report
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?"

Lease = Annotated[int, Field(ge=1, le=LEASE_MAX, description="Seconds")]
Token = Annotated[str, Field(pattern=f"^{TOKEN}$")]
Worker = Annotated[str, Field(min_length=1, max_length=WORKER_MAX), AfterValidator(without_nul)]
Attempts = Annotated[int, Field(ge=1, le=ATTEMPTS_MAX)]
Wait = Annotated[float, Field(ge=0, le=WAIT_MAX, allow_inf_nan=False, description="Seconds")]
Delay = Annotated[float, Field(ge=0, le=DELAY_MAX, allow_inf_nan=False, description="Seconds")]
Message = Annotated[str, Field(max_length=MESSAGE_MAX), AfterValidator(without_nul)]
Progress = Annotated[int, Strict(), Field(ge=0, le=100)]
Reason = Annotated[str, AfterValidator(without_nul)]


def _moment(value: Any) -> Moment | None:
    """Seconds from now, or a date and time; without a zone it is UTC."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a time is a number of seconds from now, or a date and time as 2026-01-01T12:00:00")
    if not isinstance(value, str):
        if not 0 <= value <= AHEAD_MAX:
            raise ValueError(f"a number of seconds from now is from 0 to {AHEAD_MAX}")
        return timedelta(seconds=value)
    if not fullmatch(_ISO, value):
        raise ValueError("a time is a number of seconds from now, or a date and time as 2026-01-01T12:00:00")
    try:
        time = datetime.fromisoformat(value)
        time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        raise ValueError("there is no such date and time") from None
    if time > utc_now() + timedelta(seconds=AHEAD_MAX):
        raise ValueError("a time is at most ten years ahead")
    return time


Later = Annotated[
    Any,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": AHEAD_MAX, "description": "Seconds from now"},
                {"type": "string", "format": "date-time", "description": "UTC where it has no zone"},
                {"type": "null"},
            ]
        }
    ),
]


class FullJobCreate(JobCreate):
    """A job to enqueue. `type` is required; a larger `priority` is more urgent.

    `run_at`: not before then. `expires_at`: a job that is not begun by then fails. `max_attempts`: how many runs may
    fail, for workers that lease. With one of these in the body the answer has them too.
    """

    run_at: Later = None
    expires_at: Later = None
    max_attempts: Annotated[int, Strict(), Field(ge=1, le=ATTEMPTS_MAX)] | None = None

    @property
    def is_full(self) -> bool:
        return bool(self.model_fields_set & {"run_at", "expires_at", "max_attempts"})


class Batch(RootModel[Annotated[list[FullJobCreate], Field(min_length=1, max_length=ITEMS_MAX)]]):
    """Jobs to enqueue: all or none."""


class FullQuery(BaseModel):
    full: Literal["1"] | None = Field(None, description="1: with what leases and schedules add")


class ListQuery(schemas.ListQuery, FullQuery):
    pass


class JobQuery(FullQuery):
    wait: Wait = 0


class ClaimQuery(BaseModel):
    type: list[JobType] = Field([], max_length=TYPES_MAX, description="Of these types alone; may be repeated")
    lease: Lease | None = None
    worker: Worker | None = None
    attempts: Attempts | None = None
    wait: Wait = 0
    limit: int | None = Field(None, ge=1, le=CLAIM_MAX, description="As many at the most; the answer is an array")


class ProcessQuery(BaseModel):
    lease: Lease | None = None
    worker: Worker | None = None
    attempts: Attempts | None = None


class TokenQuery(BaseModel):
    token: Token


class HeartbeatQuery(TokenQuery):
    lease: Lease | None = None


class CompleteQuery(BaseModel):
    token: Token | None = None


class FailTokenQuery(FailQuery):
    token: Token | None = None
    retry_in: Delay | Literal["never"] | None = None

    @model_validator(mode="after")
    def needs_token(self) -> "FailTokenQuery":
        if self.retry_in is not None and self.token is None:
            raise ValueError("retry_in goes with token")
        return self


class ReleaseQuery(TokenQuery):
    in_: Delay = Field(0, alias="in")


class Heartbeat(Input):
    """What to show of the progress; what is left out stays as it was."""

    progress: Progress | None = None
    message: Message | None = None


class _Item(Input):
    id: str
    token: Token


class CompleteItem(_Item):
    action: Literal["complete"]
    result: JsonObject = None


class FailItem(_Item):
    action: Literal["fail"]
    reason: Reason | None = None
    retry_in: Delay | Literal["never"] | None = None


class ReleaseItem(_Item):
    action: Literal["release"]
    in_: Delay = Field(0, alias="in")


class HeartbeatItem(_Item):
    action: Literal["heartbeat"]
    lease: Annotated[int, Strict(), Field(ge=1, le=LEASE_MAX)] | None = None
    progress: Progress | None = None
    message: Message | None = None


Item = Annotated[CompleteItem | FailItem | ReleaseItem | HeartbeatItem, Field(discriminator="action")]


def _each_once(items: list[Any]) -> list[Any]:
    if len({item.id for item in items}) < len(items):
        raise ValueError("a job's id stands in it more than once")
    return items


class Report(RootModel[Annotated[list[Item], Field(min_length=1, max_length=ITEMS_MAX), AfterValidator(_each_once)]]):
    """What became of runs; each item is judged alone, and all that hold are committed together."""


class ReportAnswer(BaseModel):
    """Of one item: 200, or why not."""

    id: str
    status: int
    detail: str | None = None


class Heard(BaseModel):
    """Until when the lease holds now."""

    lease_expires_at: Time
    attempt: int


class FullJob(Job):
    """A job, with what leases and schedules add."""

    run_at: Time | None
    expires_at: Time | None
    max_attempts: int | None
    attempt: int
    worker: str | None
    lease_expires_at: Time | None
    progress: int | None
    message: str | None
    retry_of: str | None


class LeasedJob(FullJob):
    """A job that is held by a lease; its token ends it."""

    token: str


class Attempt(BaseModel):
    """A run of a job."""

    attempt: int
    worker: str | None
    started_at: Time
    heard_at: Time
    ended_at: Time | None
    outcome: Literal["completed", "failed", "expired", "released", "taken"] | None
    reason: str | None


class JobWithAttempts(FullJob):
    """A job and its last runs, oldest first."""

    attempts: list[Attempt]


class WorkerAtWork(BaseModel):
    """A worker that holds jobs."""

    worker: str | None
    running: int
    oldest_started_at: Time
    heard_at: Time
    lease_expires_at: Time
