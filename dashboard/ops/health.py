"""What a load balancer asks."""

from flask import Blueprint, Response

from dashboard.database import migrate
from dashboard.http.answers import json_response
from dashboard.http.refusals import Door, as_json
from dashboard.security.access import public, public_without_database

bp = Blueprint("health", __name__)

DOOR = Door(paths=("/healthz", "/readyz"), render=as_json)


@bp.get("/healthz")
@public_without_database
def healthz() -> Response:
    """The process lives."""
    return json_response({"status": "ok"})


@bp.get("/readyz")
@public
def readyz() -> Response:
    """The process can serve: the database answers, and its schema is ours."""
    if migrate.is_current():
        return json_response({"status": "ready"})
    return json_response({"detail": "The database's schema is not the one that this version needs"}, 503)
