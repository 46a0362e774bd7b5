"""The rows of the jobs table, remembered."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from flask import get_template_attribute
from markupsafe import Markup

from dashboard.core.job import JobStatus
from dashboard.store.full_jobs import LastRun
from dashboard.store.listing import JobLine
from dashboard.web.filters import age, goes_on, is_later, lasted, left

GAP = Markup("<!--gap-->")  # where a time goes; the same text in a job is escaped, so it is never taken for one


def job_rows(
    jobs: list[JobLine],
    runs: Mapping[int, LastRun],
    offered: Callable[..., list[str]],
    jobs_at: str,
    now: datetime,
    *,
    late: Mapping[int, float | None] | None = None,
    may_choose: bool = False,
    of_failed: bool = False,
) -> Markup:
    """The rows of these jobs, with their last runs by seq, and the actions that they offer; see elements.row_context.

    `late` are the seqs of those that are overdue, with the seconds that those of their type usually run, if known.

    Those of a list of FAILED jobs tell the reason and when it failed, instead of the payload and how long it waited.
    A row is the same until its job changes, but for the times in it. So the rest is remembered: without that, the
    page of fifty jobs takes 3.7 times as long.
    """
    actions = {status: tuple(offered(status)) for status in {job.status for job in jobs}}
    of_leased = tuple(offered(JobStatus.RUNNING, is_leased=True)) if runs else ()
    parts: list[str] = []
    for job in jobs:
        run = runs.get(job.seq)
        offers = actions[job.status] if run is None or run.outcome else of_leased
        times = [age(now - job.created_at)]
        if job.run_at and is_later(job):
            times.insert(0, left(job.run_at - now))
        if since := goes_on(job):
            times.append(lasted(now - since))
        if of_failed and job.completed_at:
            times.append(age(now - job.completed_at))
        usual = _usual(late[job.seq]) if late and job.seq in late else ""
        first, *rest = _row(job, run, offers, jobs_at, usual, may_choose, of_failed)
        parts.append(first)
        for time, part in zip(times, rest, strict=True):
            parts += time, part
    return Markup("".join(parts))  # noqa: S704


def _usual(seconds: float | None) -> str:
    return "usual time unknown" if seconds is None else f"usual {age(timedelta(seconds=max(1, seconds)))}"


@lru_cache(maxsize=2_000)
def _row(
    job: JobLine,
    run: LastRun | None,
    actions: tuple[str, ...],
    jobs_at: str,
    usual: str,
    may_choose: bool,
    of_failed: bool,
) -> list[str]:
    """The parts of a row before, between and after the times that go on in it."""
    draw = get_template_attribute("jobs/_row.html", "row")
    row: str = draw(job, run, actions, jobs_at, usual, may_choose, of_failed, GAP)
    return f"{row}\n".split(GAP)
