"""create_app: the application as a list of calls."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask

from dashboard.api import jobs, openapi
from dashboard.api import refusals as api_refusals
from dashboard.cli import demo
from dashboard.config import ClaimFrom, Settings
from dashboard.core.claim_queue import ClaimQueue
from dashboard.current import this_request
from dashboard.database import engine, migrate, transactions, usable
from dashboard.database.group_commit import GROUP_MAX
from dashboard.http import refusals
from dashboard.ops import health
from dashboard.security import access, bodies, cross_site, headers, hosts
from dashboard.web import assets, filters, fragments, pages, sign_in
from dashboard.web import refusals as web_refusals

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
    app.extensions["claim_queue"] = ClaimQueue(in_flight=GROUP_MAX) if settings.claim_from is ClaimFrom.QUEUE else None
    engine.init_app(app, settings.database_url, settings.durability)
    transactions.init_app(app)
    headers.init_app(app, settings)
    refusals.init_app(app, (api_refusals.DOOR, health.DOOR), web_refusals.render)
    for room in (sign_in, jobs, openapi, health, pages, fragments, filters, assets, demo):
        app.register_blueprint(room.bp)
    migrate.init_app(app)
    access.init_app(app, settings)
    return app
