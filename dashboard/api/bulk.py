"""The JSON endpoint that does the same to all jobs that a filter selects."""

from typing import Annotated, Any, Literal

from flask import Blueprint
from pydantic import BaseModel, ConfigDict, Field, RootModel, Strict

from dashboard.api.bodies import Whole
from dashboard.api.operation import operation
from dashboard.api.schemas import Input, Priority
from dashboard.api.words import JobFilter
from dashboard.core.job import JobStatus
from dashboard.http.answers import changed
from dashboard.security import access
from dashboard.services import bulk
from dashboard.services.bulk import Bulk, What
from dashboard.services.search import PLACE, Place

bp = Blueprint("bulk", __name__, url_prefix="/jobs")

LIMIT_DEFAULT, LIMIT_MAX = 100, 1_000

_Key = Annotated[str, Strict(), Field(pattern="^[!-~]{1,255}$", examples=["incident-2026-01-01"])]
_Place = Annotated[str, Strict(), Field(pattern=f"^{PLACE}$")]


class FinishedFilter(JobFilter, Input):
    """Which finished jobs; all that is given has to hold."""

    status: Literal["FAILED", "COMPLETED"] | None = Field(None, description="FAILED if left out")


class GoingFilter(JobFilter, Input):
    """Which jobs that are not finished; all that is given has to hold."""

    status: Literal["PENDING", "RUNNING"] | None = Field(None, description="PENDING if left out")


class PendingFilter(JobFilter, Input):
    """Which PENDING jobs; all that is given has to hold."""

    status: Literal["PENDING"] | None = None


class _Slice(Input):
    limit: Annotated[int, Strict(), Field(ge=1, le=LIMIT_MAX), Whole] | None = Field(
        None, description=f"Jobs of this slice at the most; {LIMIT_DEFAULT} if left out"
    )
    after: _Place | None = Field(None, description="The last answer's `next`")
    dry_run: Annotated[bool, Strict()] | None = Field(None, description="Say what would be done, and do nothing")


class BulkRetry(_Slice):
    """Run finished jobs again: a new job each, unless it has been run again already."""

    action: Literal["retry"]
    filter: FinishedFilter
    key: _Key = Field(description="The same for all slices: ids are made of it, so a repeat makes nothing twice")


class BulkFail(_Slice):
    """Call PENDING jobs off, or fail RUNNING ones."""

    action: Literal["fail"]
    filter: GoingFilter
    key: _Key | None = Field(
        None, description="Not needed: a repeat finds nothing to do. With one all slices are one line of activity"
    )
    reason: str | None = Field(None, description="Why, in words")


class BulkPriority(_Slice):
    """Change the priority of PENDING jobs."""

    action: Literal["priority"]
    filter: PendingFilter
    key: _Key | None = Field(
        None, description="Not needed: a repeat changes nothing. With one all slices are one line of activity"
    )
    priority: Priority


class BulkBody(RootModel[Annotated[BulkRetry | BulkFail | BulkPriority, Field(discriminator="action")]]):
    """What to do, and to which jobs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "action": "retry",
                    "filter": {"reason": "timed out after 30 s", "since": "2026-01-01T02:10:00"},
                    "key": "incident-2026-01-01",
                }
            ]
        }
    )


class BulkSlice(BaseModel):
    """What became of one slice."""

    matched: int = Field(description="Jobs of this slice that the filter selects")
    done: int = Field(description="Those that were done, also if this slice had been sent before; 0 of a dry run")
    skipped: int = Field(description="Those that were not to be done: run again already, or of another status by now")
    types: dict[str, int] = Field(description="How many of each type were done; of a dry run, would be")
    next: str | None = Field(description="The `after` of the next slice; null when this was the last")


@bp.post("/bulk")
@operation("change_jobs", answer=BulkSlice, body=BulkBody)
def change(body: BulkBody) -> dict[str, Any]:
    """Run again, call off or reprioritise all jobs of a filter. Each call does one slice, in under a second."""
    asked = body.root
    status = asked.filter.status
    found = bulk.run(
        Bulk(
            What(asked.action),
            asked.filter.selection(JobStatus(status) if status else None),
            asked.limit or LIMIT_DEFAULT,
            Place.of_text(asked.after) if asked.after else None,
            asked.key or "",
            asked.priority if isinstance(asked, BulkPriority) else 0,
            asked.reason if isinstance(asked, BulkFail) else None,
            asked.dry_run or False,
        ),
        access.who(),
    )
    changed(found.done)
    return {**found._asdict(), "next": found.next and found.next.text}
