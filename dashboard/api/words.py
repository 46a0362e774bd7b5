"""The words that a worker may use beyond the contract: the form of each, and the queries that are made of them."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from dashboard.api import schemas
from dashboard.api.schemas import JobType, without_nul
from dashboard.core.job import JobStatus, Moment
from dashboard.core.run import (
    AHEAD_MAX,
    ATTEMPTS_MAX,
    CLAIM_MAX,
    DELAY_MAX,
    LEASE_MAX,
    TOKEN,
    TYPES_MAX,
    WAIT_MAX,
    WORKER_MAX,
)
from dashboard.core.times import ISO, NotATimeError, parse_time
from dashboard.store.selection import Selection

TEXT_MAX = 1_000  # characters

_TIME_FORM = "a time is a number of seconds from now, or a date and time as 2026-01-01T12:00:00"

Lease = Annotated[int, Field(ge=1, le=LEASE_MAX, description="Seconds that the job is held", examples=[60])]
Token = Annotated[str, Field(pattern=f"^{TOKEN}$", description="That of the claim", examples=["mill-3-0000000001"])]
Worker = Annotated[
    str,
    Field(
        min_length=1,
        max_length=WORKER_MAX,
        description="A name to know the worker by; without it, that of the API token",
        examples=["mill-3"],
        json_schema_extra={"pattern": "^[^\\u0000]*$"},
    ),
    AfterValidator(without_nul),
]
Attempts = Annotated[
    int,
    Field(ge=1, le=ATTEMPTS_MAX, description="How often the job may fail, where its creator did not say", examples=[3]),
]
Wait = Annotated[
    float,
    Field(ge=0, le=WAIT_MAX, allow_inf_nan=False, description="Seconds that the answer may take", examples=[20]),
]
Delay = Annotated[
    float,
    Field(ge=0, le=DELAY_MAX, allow_inf_nan=False, description="Seconds until the next attempt", examples=[30]),
]


def _moment(value: Any) -> Moment | None:
    """Seconds from now, or a date and time; without a zone it is UTC."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(_TIME_FORM)
    if not isinstance(value, str):
        if not 0 <= value <= AHEAD_MAX:
            raise ValueError(f"a number of seconds from now is from 0 to {AHEAD_MAX}")
        return timedelta(seconds=value)
    try:
        return parse_time(value)
    except NotATimeError:
        raise ValueError(_TIME_FORM) from None


Later = Annotated[
    Any,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": AHEAD_MAX, "description": "Seconds from now"},
                {
                    "type": "string",
                    "pattern": f"^{ISO}$",
                    "description": "UTC where it has no zone; at most ten years ahead",
                },
                {"type": "null"},
            ]
        }
    ),
]


def _time(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(_DATE_FORM)
    try:
        return parse_time(value)
    except NotATimeError:
        raise ValueError(_DATE_FORM) from None


_DATE_FORM = "a time is a date and time as 2026-01-01T12:00:00"

# UTC where it has no zone.
Past = Annotated[datetime, BeforeValidator(_time), WithJsonSchema({"type": "string", "pattern": f"^{ISO}$"})]
Text = Annotated[
    str,
    Field(min_length=1, max_length=TEXT_MAX, json_schema_extra={"pattern": "^[^\\u0000]*$"}),
    AfterValidator(without_nul),
]


class JobFilter(BaseModel):
    """Which jobs; all that is given has to hold."""

    type: JobType | None = Field(None, description="Jobs of this type alone", examples=["image_resize"])
    type_prefix: JobType | None = Field(
        None, description="Jobs whose type begins so, in either case", examples=["image_"]
    )
    q: Text | None = Field(
        None, description="Jobs with this text in type, id, payload, result or reason, in either case"
    )
    reason: Text | None = Field(
        None,
        description="Jobs that failed for the same reason: the first lines are equal but for numbers, ids and quotes",
        examples=["timed out after 30 s"],
    )
    since: Past | None = Field(
        None,
        description="Jobs that came into their status at this time or later",
        examples=["2026-01-01T02:10:00"],
    )
    until: Past | None = Field(None, description="Jobs that came into their status before this time")

    def selection(self, status: JobStatus | None) -> Selection:
        """The filter, for jobs of this status or of any."""
        return Selection(status, self.type, self.type_prefix, self.q, self.reason, self.since, self.until)


class FullQuery(BaseModel):
    full: Literal["1"] | None = Field(None, description="With what leases and schedules add")


class ListQuery(schemas.ListQuery, JobFilter, FullQuery):
    pass


class ExportQuery(JobFilter):
    status: JobStatus | None = Field(None, description="Jobs of this status alone")
    format: Literal["ndjson", "csv"] = Field(
        "ndjson", description="One JSON object a line, or a table for spreadsheets"
    )


class JobQuery(FullQuery):
    wait: Wait = 0


class ProcessQuery(BaseModel):
    lease: Lease | None = None
    worker: Worker | None = None
    attempts: Attempts | None = None


class ClaimQuery(ProcessQuery):
    type: list[JobType] = Field(
        [], max_length=TYPES_MAX, description="Of these types alone; may be repeated", examples=[["image_resize"]]
    )
    wait: Wait = 0
    limit: int | None = Field(
        None, ge=1, le=CLAIM_MAX, description="As many at the most; the answer is an array", examples=[10]
    )


class TokenQuery(BaseModel):
    token: Token


class HeartbeatQuery(TokenQuery):
    lease: Lease | None = None


class CompleteQuery(BaseModel):
    token: Token | None = None


class FailTokenQuery(schemas.FailQuery, CompleteQuery):
    retry_in: Delay | Literal["never"] | None = Field(
        None,
        description="With `token`: seconds until the next attempt, or never; without it, the backoff",
        examples=[30],
    )

    @field_validator("retry_in")
    @classmethod
    def _goes_with_token(cls, value: float | str | None, info: ValidationInfo) -> float | str | None:
        if info.data.get("token", "") is None:
            raise ValueError("retry_in goes with token")
        return value


class ReleaseQuery(TokenQuery):
    in_: Delay = Field(0, alias="in")
