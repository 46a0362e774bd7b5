"""Health: what a load balancer asks for."""

from flask import Blueprint, Response, current_app

from dashboard.database import migrate, writes
from dashboard.http.answers import json_response
from dashboard.http.refusals import Door, as_json
from dashboard.security.access import public, public_without_database
from dashboard.security.hosts import any_host

bp = Blueprint("health", __name__)

DOOR = Door(paths=("/healthz", "/readyz"), render=as_json)


@bp.get("/healthz")
@any_host
@public_without_database
def healthz() -> Response:
    """The process runs."""
    return json_response({"status": "ok"})


@bp.get("/readyz")
@any_host
@public
def readyz() -> Response:
    """The process can serve: the database answers, has the schema of this version, and takes writes.

    A server that is about to stop still answers everything, but is to be sent nothing more.
    """
    if current_app.extensions["is_about_to_stop"]():
        return json_response({"detail": "The server is about to stop"}, 503)
    if not migrate.is_current():
        return json_response({"detail": "The database's schema is not the one that this version needs"}, 503)
    if detail := writes.what_prevents_them():
        return json_response({"detail": detail}, 503)
    return json_response({"status": "ready"})
