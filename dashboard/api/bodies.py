"""The bodies of creates, batches, heartbeats and reports."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, RootModel, Strict

from dashboard.api.schemas import Input, JobType, JsonObject, Priority, whole, without_nul
from dashboard.api.words import Later, Token
from dashboard.core.run import ATTEMPTS_MAX, DELAY_MAX, LEASE_MAX, MESSAGE_MAX

ITEMS_MAX = 1_000  # of a batch or a report

Lease = Annotated[int, Strict(), Field(ge=1, le=LEASE_MAX), BeforeValidator(whole)]
Delay = Annotated[float, Strict(), Field(ge=0, le=DELAY_MAX, allow_inf_nan=False)]
Attempts = Annotated[int, Strict(), Field(ge=1, le=ATTEMPTS_MAX), BeforeValidator(whole)]
Progress = Annotated[int, Strict(), Field(ge=0, le=100), BeforeValidator(whole)]
Message = Annotated[
    str,
    Field(max_length=MESSAGE_MAX, json_schema_extra={"pattern": "^[^\\u0000]*$"}),
    AfterValidator(without_nul),
]

Whole = BeforeValidator(whole)

_ADDED = ("run_at", "expires_at", "max_attempts")


class JobCreate(Input):
    """A job to enqueue. With `run_at`, `expires_at` or `max_attempts` in the body the answer is a `FullJob`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "image_resize",
                    "payload": {"image_url": "https://example.com/image.png", "width": 300, "height": 300},
                    "priority": 5,
                }
            ]
        }
    )
    type: JobType
    payload: JsonObject = None
    priority: Priority | None = Field(0, description="0 where it is left out; a larger one is more urgent")
    run_at: Later = Field(None, description="Not before then")
    expires_at: Later = Field(None, description="A job that is not begun by then fails")
    max_attempts: Attempts | None = Field(None, description="How many runs may fail, for workers that lease")

    @property
    def is_full(self) -> bool:
        return not self.model_fields_set.isdisjoint(_ADDED)


class Batch(RootModel[Annotated[list[JobCreate], Field(min_length=1, max_length=ITEMS_MAX)]]):
    """Jobs to enqueue: all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                [
                    {"type": "image_resize", "payload": {"width": 300}, "priority": 5},
                    {"type": "report", "run_at": 3600, "expires_at": 86_400, "max_attempts": 5},
                ]
            ]
        }
    )


class Heartbeat(Input):
    """What to show of the progress; what is left out stays as it was."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"progress": 42, "message": "page 21 of 50"}]})
    progress: Progress | None = None
    message: Message | None = None


class _Item(Input):
    id: str
    token: Token


class CompleteItem(_Item):
    """The work is done."""

    action: Literal["complete"]
    result: JsonObject = None


class FailItem(_Item):
    """The attempt failed."""

    action: Literal["fail"]
    reason: str | None = None
    retry_in: Delay | Literal["never"] | None = None


class ReleaseItem(_Item):
    """The job is given back."""

    action: Literal["release"]
    in_: Delay = Field(0, alias="in", description="Seconds until it may be claimed again; 0 where it is left out")


class HeartbeatItem(_Item):
    """The work goes on."""

    action: Literal["heartbeat"]
    lease: Lease | None = None
    progress: Progress | None = None
    message: Message | None = None


Item = Annotated[CompleteItem | FailItem | ReleaseItem | HeartbeatItem, Field(discriminator="action")]


def _each_once(items: list[Any]) -> list[Any]:
    if len({item.id for item in items}) < len(items):
        raise ValueError("a job's id stands in it more than once")
    return items


class Report(RootModel[Annotated[list[Item], Field(min_length=1, max_length=ITEMS_MAX), AfterValidator(_each_once)]]):
    """What became of runs; each item is judged alone, and all that hold are committed together."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                [
                    {
                        "id": "019b7600-0000-7000-8000-000000000001",
                        "token": "mill-3-0000000001",
                        "action": "complete",
                        "result": {"message": "ok"},
                    },
                    {
                        "id": "019b7600-0000-7000-8000-000000000002",
                        "token": "mill-3-0000000001",
                        "action": "fail",
                        "reason": "429",
                        "retry_in": 30,
                    },
                ]
            ]
        }
    )
