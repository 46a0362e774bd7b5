"""Saved views: the row of links on the jobs page, the form that saves one, and the page on which one deletes them."""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask import request
from sqlalchemy import Connection
from werkzeug.exceptions import UnprocessableEntity

from dashboard.core.view import SHARED, VIEWS_MAX, View
from dashboard.security import access
from dashboard.services import views as service
from dashboard.store import views as store
from dashboard.web import job_filter
from dashboard.web.actions import person
from dashboard.web.assets import url_for
from dashboard.web.elements import Context
from dashboard.web.forms import ViewForm
from dashboard.web.job_filter import Filter, jobs_url, kept


class Link(NamedTuple):
    """A view, as a page shows it."""

    name: str
    query: dict[str, str]
    first: str  # which jobs come first in it
    url: str
    is_shared: bool
    is_current: bool


def own() -> str:
    """The owner of what this client saves for itself. Without sign-in that is for all."""
    token = access.token_name()
    return access.signed_in_as() or (f"token:{token}" if token else SHARED)


def load(tx: Connection) -> Context:
    """The views that this client sees, one of which may be the list of this address."""
    query = kept(job_filter.from_address().query)
    return {
        "views": [_link(view, urlencode(query)) for view in store.seen_by(tx, own())],
        "views_url": url_for("fragments.views", **query),
        "has_own": own() != SHARED,
    }


def _link(view: View, current: str) -> Link:
    query = dict(parse_qsl(view.query))
    return Link(
        view.name, query, Filter(query, {}).order.first, jobs_url(query), view.owner == SHARED, view.query == current
    )


def ask() -> Context:
    """The form that saves the list of this address."""
    return _ask(kept(job_filter.from_address().query), ViewForm())


def _ask(query: dict[str, str], form: ViewForm) -> Context:
    first = Filter(query, {}).order.first
    return {"query": query, "first": first, "form": form, "list_url": jobs_url(query), "has_own": own() != SHARED}


class Saved(NamedTuple):
    """What came of the form: where the view leads, or the form again with its errors."""

    name: str
    url: str
    again: Context | None


def save(owner: str) -> Saved:
    """Keep what the posted form says for this owner. Raises UnprocessableEntity for a filter that is none."""
    form, query = ViewForm(request.form), job_filter.from_form()
    name = form.name.data or ""
    if form.validate() and not service.keep(person(), View(owner, name, urlencode(query))):
        whose = "There are" if owner == SHARED else "You have"
        form.name.errors = [f"{whose} {VIEWS_MAX} views already: delete one first"]
    return Saved(name, jobs_url(query), _ask(query, form) if form.errors else None)


def delete(owner: str) -> None:
    """Delete this owner's view of the name that the posted form has. Raises UnprocessableEntity."""
    form = ViewForm(request.form)
    if not form.validate():
        raise UnprocessableEntity(f"The name is not valid: {form.name.errors[0]}")
    service.drop(person(), owner, form.name.data or "")
