"""Do the same to all jobs of a list, or to those chosen in it: a preview, then slice by slice.

The way that is left stands in the address. The page that an address shows does nothing by itself, so it survives a
reload and a restart; a post does one slice.
With JavaScript the next slice is posted by itself, without it by a button.
"""

from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import uuid4

from flask import request
from werkzeug.exceptions import UnprocessableEntity

from dashboard.core.job import JobStatus
from dashboard.http.answers import changed
from dashboard.services import bulk
from dashboard.services.bulk import STATUSES, Bulk, What
from dashboard.services.search import Place
from dashboard.web.actions import person
from dashboard.web.assets import url_for
from dashboard.web.elements import Context
from dashboard.web.forms import BulkForm
from dashboard.web.job_filter import fixed, jobs_url, narrowed, selection

SLICE = 200  # jobs that one post does
PREVIEW_MAX = 1_000  # jobs that a preview counts

# What one can do to all of a list or to chosen ones, and its words.
LABELS = {What.RETRY: "Run again", What.FAIL: "Call off", What.PRIORITY: "Change priority", What.UNDO: "Undo"}

# What of it is left out, as the preview says it.
_SKIPPED = {
    What.RETRY: "run again already, or not finished",
    What.FAIL: "not PENDING any more",
    What.PRIORITY: "not PENDING any more",
    What.UNDO: "",
}


def offers(query: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is offered for all jobs of this list, each with its address: nothing where they have no status in common."""
    asked = narrowed(query)
    address = url_for("pages.bulk")
    offered = for_chosen(query) if "status" in query else {}
    return [(f"{label} all…", f"{address}?{urlencode({'action': what, **asked})}") for what, label in offered.items()]


def for_chosen(query: Mapping[str, str]) -> dict[What, str]:
    """What is offered for chosen jobs of this list, each with its words: what goes with its status, if it has one."""
    status = query.get("status")
    return {what: LABELS[what] for what, statuses in _OFFERED.items() if status is None or status in statuses}


# Of those that run none is called off together with others: who holds it would lose its work.
_OFFERED = {
    What.RETRY: STATUSES[What.RETRY],
    What.FAIL: (JobStatus.PENDING,),
    What.PRIORITY: STATUSES[What.PRIORITY],
}


def load() -> Context:
    """The preview, the progress or the report that the address asks for. Raises UnprocessableEntity."""
    form = _form(request.args)
    what, asked = _what(form), _asked(form)
    begun = form.after.data or form.is_done.data
    preview = None if begun else bulk.run(_bulk(form, PREVIEW_MAX, dry_run=True))
    return {
        "form": form,
        "label": LABELS[what],
        "what": what,
        "asked": asked,
        "list_url": jobs_url(asked),
        "made_url": jobs_url({"status": JobStatus.PENDING}),
        "preview": preview,
        "key": form.key.data or str(uuid4()),
        "number": sum(preview.types.values()) if preview else form.of.data or 0,
        "skipped": _SKIPPED[what],
        "at_least": bool(preview and preview.next),
        "is_done": bool(form.is_done.data),
        "may_undo": what is What.RETRY and bool(form.done.data),
    }


def do_slice() -> str:
    """One slice of what the form asks for; returns the address of what is left. Raises UnprocessableEntity."""
    form = _form(request.form)
    if _what(form) is What.PRIORITY and form.priority.data is None:
        raise UnprocessableEntity("Say which priority: a number from 0 on")
    if _what(form) in (What.RETRY, What.UNDO) and not form.key.data:
        raise UnprocessableEntity("The key is missing by which a slice that is sent twice makes nothing twice")
    found = bulk.run(_bulk(form, SLICE), person())
    changed(found.done)
    given = {
        **_asked(form),
        "action": _what(form),
        "seq": form.seq.data,
        "key": form.key.data,
        "priority": form.priority.data,
        "why": form.why.data,
        "of": form.of.data,
        "done": (form.done.data or 0) + found.done,
        "skipped": (form.skipped.data or 0) + found.skipped,
        "after": found.next and found.next.text,
        "is_done": None if found.next else "1",
    }
    left = urlencode({name: value for name, value in given.items() if value not in (None, "", ())}, doseq=True)
    return f"{url_for('pages.bulk')}?{left}"


def _form(given: Mapping[str, str]) -> BulkForm:
    form = BulkForm(given)  # type: ignore[arg-type]
    if not form.validate():
        raise UnprocessableEntity(form.problem())
    what, status = _what(form), form.status.data
    if status and status not in STATUSES[what]:
        raise UnprocessableEntity(f"{LABELS[what]} is for {' and '.join(STATUSES[what])} jobs, not {status}")
    return form


def _what(form: BulkForm) -> What:
    return What(form.action.data or What.RETRY)


def _asked(form: BulkForm) -> dict[str, str]:
    """The filter. All jobs of a list have one status; those that were chosen in a list of all may have any."""
    asked = fixed(narrowed(form.data))
    return asked if form.seq.data else {"status": STATUSES[_what(form)][0]} | asked


def _bulk(form: BulkForm, limit: int, *, dry_run: bool = False) -> Bulk:
    asked = _asked(form)
    return Bulk(
        _what(form),
        selection(asked),
        limit,
        Place.of_text(form.after.data) if form.after.data else None,
        form.key.data or "",
        form.priority.data or 0,
        form.why.data or None,
        dry_run,
        form.seq.data,
    )
