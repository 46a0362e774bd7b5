"""create_app: the application as a list of calls."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask

from dashboard import errors
from dashboard.api import claims, jobs, openapi, runs
from dashboard.cli import demo
from dashboard.config import Settings
from dashboard.core.claim_queue import ClaimQueue
from dashboard.current import this_request
from dashboard.database import engine, migrate, transactions, usable
from dashboard.database.group_commit import GROUP_MAX
from dashboard.ops import health
from dashboard.security import access, bodies, cross_site, headers, hosts
from dashboard.services.grace import Grace
from dashboard.services.waiting import WaitingRoom
from dashboard.web import assets, filters, fragments, pages, sign_in

CHECKS = (
    hosts.refuse_other_hosts,
    cross_site.refuse_other_sites,
    bodies.refuse_long_bodies,
    migrate.migrate_first,
    access.guard,
    bodies.refuse_broken_forms,  # last: those who may send none are not read
)


class Dashboard(Flask):
    def preprocess_request(self) -> None:
        """Check what has to hold before a request is served; hooks would each be looked up anew each time."""
        asked = this_request()
        for refuse in CHECKS:
            refuse(self, asked)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func  # Flask would ask of each view, each time, whether it is async


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """The application, its database up to date. Raises SettingsError or UnusableDatabaseError."""
    settings = Settings.from_environ(environ)
    usable.check_url(settings.database_url)
    app = Dashboard(__name__, template_folder="../templates", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    app.extensions["claim_queue"] = (
        ClaimQueue(in_flight=GROUP_MAX) if settings.database_url.startswith("sqlite") else None
    )
    app.extensions["grace"] = Grace(settings.lease_grace)
    engine.init_app(app, settings.database_url, settings.durability)
    transactions.init_app(app)
    headers.init_app(app, settings)
    errors.init_app(app)
    app.extensions["waiting"] = room = WaitingRoom(app)
    app.extensions["written"] = room.nudge
    app.register_blueprint(runs.workers_bp)
    for door in (sign_in, jobs, claims, runs, openapi, health, pages, fragments, filters, assets, demo):
        app.register_blueprint(door.bp)
    migrate.init_app(app)
    access.init_app(app, settings)
    return app
