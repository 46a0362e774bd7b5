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

_ADDED = ("run_at", "expires_at", "max_attempts")


class JobCreate(Input):
    """A job to enqueue. `type` is required; a larger `priority` is more urgent.

    `run_at`: not before then. `expires_at`: a job that is not begun by then fails. `max_attempts`: how many runs may
    fail, for workers that lease. With one of these in the body the answer has them too.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "image_resize",
                "payload": {"image_url": "https://example.com/image.png", "width": 300, "height": 300},
                "priority": 5,
            }
        }
    )
    type: JobType
    payload: JsonObject = None
    priority: Priority | None = 0
    run_at: Later = None
    expires_at: Later = None
    max_attempts: Attempts | None = None

    @property
    def is_full(self) -> bool:
        return not self.model_fields_set.isdisjoint(_ADDED)


class Batch(RootModel[Annotated[list[JobCreate], Field(min_length=1, max_length=ITEMS_MAX)]]):
    """Jobs to enqueue: all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": [
                {"type": "image_resize", "payload": {"width": 300}, "priority": 5},
                {"type": "report", "run_at": 3600, "expires_at": 86_400, "max_attempts": 5},
            ]
        }
    )


class Heartbeat(Input):
    """What to show of the progress; what is left out stays as it was."""

    model_config = ConfigDict(json_schema_extra={"example": {"progress": 42, "message": "page 21 of 50"}})
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
    reason: str | None = None
    retry_in: Delay | Literal["never"] | None = None


class ReleaseItem(_Item):
    action: Literal["release"]
    in_: Delay = Field(0, alias="in")


class HeartbeatItem(_Item):
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
            "example": [
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
        }
    )
