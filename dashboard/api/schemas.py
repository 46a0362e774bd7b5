"""What the JSON API takes and gives, checked by pydantic, and described by it in the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema
from pydantic_core import PydanticKnownError

from dashboard.core.job import PRIORITY_MAX, TYPE_MAX, JobStatus, json_text

LIMIT_DEFAULT = 100

LIMIT_MAX = 1_000


def _object_text(value: Any) -> str | None:
    if value is not None and not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    return json_text(value)


def without_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a NUL character cannot be stored")
    return value


# A JSON object in, its text out: that is what is stored.
JsonObject = Annotated[
    str | None,
    BeforeValidator(_object_text),
    # Without additionalProperties a generated TypeScript client would send only the empty object.
    WithJsonSchema({"anyOf": [{"type": "object", "additionalProperties": True}, {"type": "null"}]}),
]

JobType = Annotated[
    str,
    Strict(),
    Field(min_length=1, max_length=TYPE_MAX, json_schema_extra={"pattern": "^[^\\u0000]*$"}),
    AfterValidator(without_nul),
]


def whole(value: Any) -> Any:
    """5.0 is an integer in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_in_a_path(value: Any) -> Any:
    """Bytes that are not UTF-8 name no job; here as in a path they are no mistake."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


JobId = Annotated[str, BeforeValidator(_as_in_a_path)]

Priority = Annotated[int, Strict(), Field(ge=0, le=PRIORITY_MAX), BeforeValidator(whole)]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class JobComplete(Input):
    """How it went."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"result": {"message": "ok"}}]})
    result: JsonObject = None


class ListQuery(BaseModel):
    status: JobStatus | None = Field(None, description="Jobs of this status alone")
    limit: int = Field(LIMIT_DEFAULT, ge=1, le=LIMIT_MAX, description="As many at the most", examples=[10])
    before: JobId | None = Field(None, description="A job's id: only those that were created before it, the next page")


class QueueQuery(BaseModel):
    limit: int = Field(LIMIT_MAX, ge=1, le=LIMIT_MAX, description="As many at the most", examples=[10])


class FailQuery(BaseModel):
    reason: str | None = Field(None, description="Why, in words", examples=["broken"])


Time = Annotated[
    datetime,
    WithJsonSchema({"type": "string", "examples": ["2026-01-01T12:00:00.123456"], "description": "UTC, ISO 8601"}),
]


class Job(BaseModel):
    """A job."""

    id: UUID
    type: str
    payload: dict[str, Any] | None
    priority: int
    status: JobStatus
    result: dict[str, Any] | None
    created_at: Time
    started_at: Time | None
    completed_at: Time | None


class QueueEntry(BaseModel):
    """One of the process-local queue's entries; it may be stale."""

    job_id: UUID
    priority: int
    created_at: Time


class Summary(BaseModel):
    """How many jobs there are of each status."""

    pending: int
    running: int
    completed: int
    failed: int


class Refusal(BaseModel):
    """Why not, in a sentence."""

    detail: str


class Problem(BaseModel):
    """One thing that is wrong: where it is, what it should be, and what was sent."""

    type: str
    loc: list[Literal["body", "query", "header"] | str | int]
    msg: str
    input: Any


class InvalidRequest(BaseModel):
    """What in the request is not of the form above."""

    detail: list[Problem]
