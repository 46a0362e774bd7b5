"""What all elements share: how an element refreshes, and what its rows of jobs need.

An element is a part of a page that refreshes itself: one id, one template, one loader, one URL. A page includes the
template and calls the loader of each of its elements, so a page and a refresh cannot disagree.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from dashboard.core.job import utc_now
from dashboard.core.transitions import allowed
from dashboard.security import access
from dashboard.services import pause
from dashboard.store import counts
from dashboard.web.assets import url_for

Context = dict[str, Any]


class Element(NamedTuple):
    """Both functions take the transaction and what the element's URL names, such as a job's id.

    The context that `load` returns has a `live`.
    """

    template: str
    tag: Callable[..., str]
    load: Callable[..., Context]


class Live(NamedTuple):
    """What a refresh needs: the element's URL, and a tag that changes when the content may have changed."""

    url: str
    tag: str
    every: int = 2  # seconds between two polls


def revision(tx: Connection) -> str:
    """The part of each tag that changes with every job, and with the role of the client."""
    return f"{counts.revision(tx)}{role()}"


def role() -> str:
    """The part of each tag that is the role of the client, and whether claims are paused."""
    paused = pause.known().pause
    return ("" if access.may_act() else "v") + (f".{paused.since:%d%H%M%S%f}" if paused else "")


def row_context() -> Context:
    """What a row needs beside its job; one row's URLs begin with `jobs_at`, as url_for takes longer than the row."""
    return {
        "jobs_at": url_for("pages.jobs") + "jobs",
        "offered": offered,
        "now": utc_now(),
    }


def offered(status: str, *, is_leased: bool = False) -> list[str]:
    """The actions that a job in this status offers to this client: none to a viewer."""
    return allowed(status, is_leased=is_leased) if access.may_act() else []
