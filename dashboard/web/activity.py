"""The activity page: who did what, newest first."""

from urllib.parse import urlencode

from flask import request
from sqlalchemy import Connection
from werkzeug.exceptions import UnprocessableEntity

from dashboard.core.activity import Sought
from dashboard.store import activity
from dashboard.web.assets import url_for
from dashboard.web.elements import Context, Element, Live, role
from dashboard.web.forms import ActivityForm

PAGE_SIZE = 50
NAMES_MAX = 100  # that the field offers
ARRIVED_MAX = 100  # newer entries are counted up to this
EVERY = 5  # seconds between two polls


def tag(tx: Connection) -> str:
    return _tag(activity.last_id(tx), _form())


def _tag(last: int, form: ActivityForm) -> str:
    """No entry ever changes, so the newest one tells whether there is anything new."""
    return f"{last}.{form.known.data or ''}{role()}"


def load(tx: Connection) -> Context:
    """While its rows are in use, a refresh gets those again that it `known`s of, and how many are newer.

    Raises UnprocessableEntity, which says what in the address is wrong.
    """
    form = _form()
    given = {name: request.args[name].strip() for name in Sought._fields if request.args.get(name, "").strip()}
    place = {"before": form.before.data} if form.before.data else {}
    sought = Sought(**{name: form[name].data or None for name in Sought._fields})
    last, known = activity.last_id(tx), form.known.data
    found = activity.entries(tx, sought, PAGE_SIZE + 1, form.before.data, known=known)
    shown = found[:PAGE_SIZE]
    older = urlencode(given | {"before": shown[-1].id}) if len(found) > PAGE_SIZE else None
    return {
        "live": Live(url_for("fragments.activity", **given, **place), _tag(last, form), EVERY),
        "form": form,
        "names": activity.names(tx, NAMES_MAX),
        "entries": shown,
        "known": last if known is None else known,
        "arrived": len(activity.entries(tx, sought, ARRIVED_MAX, newer_than=known)) if known else 0,
        "arrived_max": ARRIVED_MAX,
        "newest_url": f"{url_for('pages.activity')}?{urlencode(given)}",
        "is_narrowed": bool(given or place),
        "older_url": older and f"{url_for('pages.activity')}?{older}",
        "jobs_at": url_for("pages.jobs") + "jobs",
    }


def _form() -> ActivityForm:
    form = ActivityForm(request.args)
    if not form.validate():
        raise UnprocessableEntity(form.problem())
    if request.blueprint != "fragments":  # a page holds no rows
        form.known.data = None
    return form


ACTIVITY = Element("activity/_activity.html", tag, load)
