"""What the loaders of all elements share: the tag, and what a row of jobs needs.

A page's context is the union of its elements' loaders, so page and fragment cannot disagree. `live` is what an
element's refresh needs: its URL, and a tag that changes when its content may have."""

from typing import Any, NamedTuple

from sqlalchemy import Connection

from dashboard.core.job import utc_now
from dashboard.core.transitions import Action, allowed
from dashboard.security import access
from dashboard.store import counts
from dashboard.web.assets import url_for

Context = dict[str, Any]


class Live(NamedTuple):
    url: str
    tag: str


def revision(tx: Connection) -> str:
    """The tag of what only a change of a job can change, and of who looks."""
    return f"{counts.revision(tx)}{'' if access.may_act() else 'v'}"


def _rows() -> Context:
    """What every row needs; its addresses are put together from two, for three url_for a row cost more than the row."""
    return {
        "jobs_at": url_for("pages.jobs") + "jobs",
        "fragments_at": url_for("fragments.board").removesuffix("board") + "jobs",
        "allowed": _allowed,
        "now": utc_now(),
    }


def _allowed(status: str) -> list[Action]:
    """What whoever looks may do to a job in this status."""
    return allowed(status) if access.may_act() else []
