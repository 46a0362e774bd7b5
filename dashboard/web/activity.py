"""The activity page: who did what, newest first."""

from urllib.parse import urlencode

from flask import request
from sqlalchemy import Connection
from werkzeug.exceptions import UnprocessableEntity

from dashboard.core.activity import Sought
from dashboard.store import activity
from dashboard.web.assets import url_for
from dashboard.web.elements import Context
from dashboard.web.forms import ActivityForm

PAGE_SIZE = 50
NAMES_MAX = 100  # that the field offers


def load(tx: Connection) -> Context:
    """Raises UnprocessableEntity, which says what in the address is wrong."""
    form = ActivityForm(request.args)
    if not form.validate():
        raise UnprocessableEntity(form.problem())
    given = {name: request.args[name].strip() for name in Sought._fields if request.args.get(name, "").strip()}
    sought = Sought(**{name: form[name].data or None for name in Sought._fields})
    found = activity.entries(tx, sought, PAGE_SIZE + 1, form.before.data)
    shown = found[:PAGE_SIZE]
    older = urlencode(given | {"before": shown[-1].id}) if len(found) > PAGE_SIZE else None
    return {
        "form": form,
        "names": activity.names(tx, NAMES_MAX),
        "entries": shown,
        "is_narrowed": bool(given) or form.before.data is not None,
        "older_url": older and f"{url_for('pages.activity')}?{older}",
        "jobs_at": url_for("pages.jobs") + "jobs",
    }
