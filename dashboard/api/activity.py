"""The JSON endpoint of who did what."""

from typing import Any

from flask import Blueprint
from pydantic import BaseModel, Field

from dashboard.api.operation import operation
from dashboard.api.schemas import Time
from dashboard.api.words import Past, Text
from dashboard.core.activity import Did, Sought
from dashboard.core.who import Via
from dashboard.database.transactions import asking
from dashboard.security.access import viewers
from dashboard.store import activity as store

bp = Blueprint("activity", __name__)

LIMIT_MAX = 1_000
ID_MAX = 2**63 - 1


class ActivityQuery(BaseModel):
    limit: int = Field(100, ge=1, le=LIMIT_MAX, description="Entries at the most; 100 if left out", examples=[10])
    before: int | None = Field(None, ge=1, le=ID_MAX, description="The id of the last one of this page", examples=[42])
    who: Text | None = Field(None, description="Of this person or token", examples=["ada"])
    action: Did | None = Field(None, description="Of this kind", examples=["retry"])
    job_id: Text | None = Field(None, description="About this job")
    since: Past | None = Field(None, description="At this time or later", examples=["2026-01-01T02:10:00"])
    until: Past | None = Field(None, description="Before this time")


class Activity(BaseModel):
    """What somebody did. `count` is how many jobs a bulk action changed."""

    id: int
    at: Time
    who: str | None
    role: str | None
    action: Did
    job_id: str | None
    count: int | None
    via: Via
    detail: str | None


@bp.get("/activity")
@viewers
@operation("list_activity", answer=list[Activity], query=ActivityQuery)
def activity(query: ActivityQuery) -> list[dict[str, Any]]:
    """What people and named tokens did, newest first. A worker's routine is not in it."""
    sought = Sought(query.who, query.action, query.since, query.until, query.job_id)
    with asking() as tx:
        return [entry._asdict() for entry in store.entries(tx, sought, query.limit, query.before)]
