"""The JSON endpoints that stop all claims, and start them again."""

from typing import Annotated, Any

from flask import Blueprint
from pydantic import AfterValidator, BaseModel, Field, Strict

from dashboard.api.operation import operation
from dashboard.api.schemas import Input, Time, without_nul
from dashboard.core.pause import REASON_MAX
from dashboard.security import access
from dashboard.services import pause as service

bp = Blueprint("pause", __name__, url_prefix="/queue")


class PauseBody(Input):
    """Why, in words."""

    reason: Annotated[str, Strict(), AfterValidator(without_nul)] | None = Field(
        None, max_length=REASON_MAX, description="Everybody reads it", examples=["the mail server is down"]
    )


class PauseState(BaseModel):
    """Whether claims are paused, by whom, since when, and why."""

    paused: bool
    who: str | None = None
    since: Time | None = None
    reason: str | None = None


@bp.post("/pause")
@operation("pause_claims", answer=PauseState, body=PauseBody)
def pause(body: PauseBody) -> dict[str, Any]:
    """Pause all claims. Leased jobs go on, waiting claims wait; where claims are paused already nothing changes."""
    return {"paused": True, **service.begin(access.who(), body.reason)._asdict()}


@bp.post("/resume")
@operation("resume_claims", answer=PauseState)
def resume() -> dict[str, Any]:
    """Let claims go on. Where they are not paused nothing changes."""
    service.end(access.who())
    return {"paused": False, "who": None, "since": None, "reason": None}
