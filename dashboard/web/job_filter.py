"""The filter of the jobs page: read from the address, and drawn as a form."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask import render_template, request
from markupsafe import Markup
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnprocessableEntity

from dashboard.core.job import JobStatus, utc_now
from dashboard.core.times import parse_time
from dashboard.http.download import Format
from dashboard.store import listing
from dashboard.store.selection import Selection
from dashboard.store.types import Place, Start
from dashboard.web.assets import url_for
from dashboard.web.elements import Context
from dashboard.web.forms import FilterForm
from dashboard.web.spans import BETWEEN, When

NARROWING = ("status", "type", "of_type", "q", "reason", "when", "since", "until")
KEPT = (*NARROWING, "sort")  # in a saved view
QUERY = (*KEPT, "choose")

PLACE = ("before", "after", "at")

EPOCH = datetime(1970, 1, 1)


class Order(NamedTuple):
    """In which order a list is: the value of `sort`, what comes first, and the other order that a link leads to."""

    sort: str
    first: str
    oldest_first: bool  # or those that have run longest


BY_AGE = Order("", "newest", False), Order("oldest", "oldest", True)
BY_START = Order("", "longest running", True), Order("shortest", "last started", False)


class Filter(NamedTuple):
    """What the address gives: `query` narrows and sorts the list, `place` is where its page begins.

    The list of those that run is by start, any other by age.

    `held` are the seqs of the rows that a refresh keeps, and `known` the newest job it knows: see board.
    """

    query: Context
    place: Context
    held: tuple[int, ...] = ()
    known: int | None = None

    @property
    def sought(self) -> Selection:
        return selection(self.query)

    @property
    def by_start(self) -> bool:
        return self.query.get("status") == JobStatus.RUNNING

    @property
    def order(self) -> Order:
        return self.orders["sort" in self.query]

    @property
    def other_order(self) -> Order:
        return self.orders["sort" not in self.query]

    @property
    def orders(self) -> tuple[Order, Order]:
        return BY_START if self.by_start else BY_AGE

    @property
    def sides(self) -> dict[str, Place]:
        """The place before or after which the page begins, as a list takes it."""
        start = EPOCH + timedelta(microseconds=self.place.get("at", 0))
        return {
            side: Start(start, self.place[side]) if self.by_start else self.place[side]
            for side in ("before", "after")
            if side in self.place
        }


def selection(query: Context) -> Selection:
    """What the address narrows the list to."""
    status = JobStatus(query["status"]) if "status" in query else None
    get = query.get
    since, until = (parse_time(text) if (text := get(name)) else None for name in ("since", "until"))
    if "when" in query:
        since = When(query["when"]).since(utc_now())
    return Selection(status, get("of_type"), get("type"), get("q"), get("reason"), since, until)


def from_address() -> Filter:
    """The filter of this request. Raises UnprocessableEntity, which says what is wrong."""
    if not request.query_string:
        return Filter({}, {})
    given = _given(request.args)
    asked = _filter(given)
    if request.blueprint != "fragments":  # a page holds no rows
        return asked
    held = tuple(int(seq) for seq in given.get("hold", "").split(",") if seq)
    return asked._replace(held=held, known=given.get("known"))


def of_query(text: str) -> Filter:
    """The filter of another address, of which this stands after the `?`. Raises UnprocessableEntity."""
    return _filter(_given(MultiDict(parse_qsl(text))))


def from_form() -> Context:
    """What a posted form has of a filter, as a saved view keeps it. Raises UnprocessableEntity."""
    return kept(_filter(_given(request.form)).query)


def _given(sent: MultiDict[str, str]) -> Context:
    form = FilterForm(sent)
    for name in form.data:
        if len(sent.getlist(name)) > 1:
            raise UnprocessableEntity(f"The address has more than one {name}")
    if not form.validate():
        raise UnprocessableEntity(form.problem())
    given = _texts(form.data)
    left_out = ("when",) if form.is_between else ("since", "until")
    return {name: value for name, value in given.items() if name not in left_out}


def _filter(given: Context) -> Filter:
    query, place = ({name: given[name] for name in names if name in given} for names in (QUERY, PLACE))
    asked = Filter(query, place)
    if query.get("sort") not in (None, *(order.sort for order in asked.orders)):
        del query["sort"]  # of another list, whose form it was
    if asked.by_start != ("at" in place) or not asked.sides:
        place.clear()
    return asked


def jobs_url(query: Context) -> str:
    """The jobs page with this filter; an empty value is left out."""
    given = urlencode({name: value for name, value in query.items() if value})
    return url_for("pages.jobs") + (f"?{given}" if given else "")


def placed(query: Context, side: str, place: Place) -> str:
    """The page of the list that begins before or after a place."""
    if isinstance(place, Start):
        return jobs_url(query | {side: place.seq, "at": (place.time - EPOCH) // timedelta(microseconds=1)})
    return jobs_url(query | {side: place})


def narrowed(query: Mapping[str, Any]) -> dict[str, str]:
    """What of the address narrows the list, without how it is shown."""
    given = _texts(query)
    return {name: given[name] for name in NARROWING if name in given}


def fixed(query: Mapping[str, str]) -> dict[str, str]:
    """The same with the time when its span began, which goes on meaning the same jobs."""
    given = dict(query)
    if when := given.pop("when", None):
        given["since"] = When(when).since(utc_now()).isoformat()
    return given


def _texts(given: Mapping[str, Any]) -> Context:
    """What is given, each time as the text that the address has."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in given.items()
        if value not in (None, "")
    }


def kept(query: Mapping[str, str]) -> dict[str, str]:
    """What of the address a saved view has."""
    return {name: query[name] for name in KEPT if query.get(name)}


def export_url(query: Context, form: Format) -> str:
    """All jobs of this filter as a file."""
    return f"{url_for('pages.export')}?{urlencode({'format': form, **narrowed(query)})}"


def load(tx: Connection) -> Context:
    """The filter as a form, filled in, and the types in use."""
    return {"filter_fields": _fields(**from_address().query), "types": listing.recent_types(tx)}


@lru_cache(maxsize=100)
def _fields(**query: str) -> Markup:
    """The fields, filled in. Remembered: WTForms takes longer to draw them than the page takes for fifty rows."""
    shown = {"when": BETWEEN, **query} if query.keys() & {"since", "until"} else query
    return Markup(render_template("jobs/_filter.html", form=FilterForm(data=shown)))  # noqa: S704
