"""create_app: the application as a list of calls."""

import os
from collections.abc import Mapping
from functools import lru_cache

from flask import Flask

from dashboard import files
from dashboard.api import activity, bulk, claims, client_file, jobs, openapi, pause, runs
from dashboard.api import refusals as api_refusals
from dashboard.cli import flask_jobs
from dashboard.config import Settings
from dashboard.core.claim_queue import ClaimQueue
from dashboard.core.numbers import Numbers
from dashboard.database import engine, migrate, transactions, usable
from dashboard.database.group_commit import GROUP_MAX
from dashboard.http import compression, refusals
from dashboard.ops import health, logs, metrics, traffic
from dashboard.security import access, checks, headers
from dashboard.services import totals
from dashboard.services.activity import Keeper
from dashboard.services.grace import Grace
from dashboard.services.memory import Memory
from dashboard.services.minutes import Counter
from dashboard.services.pause import Known
from dashboard.services.retention import Retention
from dashboard.services.waiting import WaitingRoom
from dashboard.web import assets, filters, fragments, pages, sign_in
from dashboard.web import refusals as web_refusals

BLUEPRINTS = (
    *(
        jobs.bp,
        bulk.bp,
        claims.bp,
        runs.bp,
        runs.workers_bp,
        activity.bp,
        pause.bp,
        openapi.bp,
        client_file.bp,
        health.bp,
        metrics.bp,
    ),
    *(sign_in.bp, pages.bp, fragments.bp, filters.bp, assets.bp, flask_jobs.bp),
)


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """The application, its database up to date. Raises SettingsError or UnusableDatabaseError."""
    settings = Settings.from_environ(environ)
    usable.check_url(settings.database_url)
    app = Flask(__name__, template_folder=str(files.TEMPLATES), static_folder=None, instance_path=str(files.INSTANCE))
    app.extensions["max_body_bytes"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    app.ensure_sync = lru_cache(app.ensure_sync)  # type: ignore[method-assign]  # 1 µs, three or four times a request
    app.extensions["claim_queue"] = (
        ClaimQueue(in_flight=GROUP_MAX) if settings.database_url.startswith("sqlite") else None
    )
    app.extensions["numbers"] = Numbers()
    app.extensions["counter"] = Counter()
    app.extensions["totals"] = totals.Known()
    app.extensions["overview"] = Memory()
    app.extensions["keeper"] = Keeper(settings.keep_activity)
    app.extensions["retention"] = Retention(settings.keep_finished)
    app.extensions["pause"] = Known()
    app.extensions["grace"] = Grace(settings.lease_grace)
    app.extensions["is_about_to_stop"] = lambda: False  # a server that can tell puts its own here
    engine.init_app(app, settings.database_url, settings.durability)
    app.extensions["waiting"] = room = WaitingRoom(app)
    transactions.init_app(app, room.nudge)
    headers.init_app(app, settings)
    refusals.init_app(app, (api_refusals.DOOR, health.DOOR, metrics.DOOR), web_refusals.render)
    access.init_app(app, settings)
    logs.init_app(app, settings)
    traffic.init_app(app)
    checks.init_app(app)
    compression.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    migrate.init_app(app)
    return app
