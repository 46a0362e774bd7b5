"""The overview: whether the queue is healthy, what runs too long, what fails and why, what is next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from flask import render_template, request
from markupsafe import Markup
from sqlalchemy import Connection

from dashboard.core.verdict import RULES as VERDICT_RULES
from dashboard.core.verdict import Verdict, Word
from dashboard.services import overview
from dashboard.services import verdict as verdicts
from dashboard.services.overview import SLOTS, Overview, Range, Slot
from dashboard.store.minutes import time_of
from dashboard.web.assets import url_for
from dashboard.web.charts import WIDTH, lines, stack
from dashboard.web.elements import Context, Element, Live, role
from dashboard.web.filters import age, lasted, visible
from dashboard.web.job_filter import jobs_url

NAMES = {Range.HOUR: "1 h", Range.SIX_HOURS: "6 h", Range.DAY: "24 h", Range.WEEK: "7 d"}

EVERY = 5  # seconds between two polls

MARKS = (0, 15, 30, 45, SLOTS)  # the slots whose time stands below a chart


class Part(NamedTuple):
    """A part of the verdict, with the address of what it is about."""

    sentence: str
    url: str


def chosen() -> Range:
    """The range that the address asks for; the hour where it asks for none that there is."""
    try:
        return Range(request.args.get("last", ""))
    except ValueError:
        return Range.HOUR


def tag(tx: Connection) -> str:
    return f"{overview.tag(tx)}.{chosen()}{role()}"


def load(tx: Connection) -> Context:
    found = overview.overview_of(tx, chosen())
    return {
        "live": Live(url_for("fragments.overview", last=str(found.range)), tag(tx), EVERY),
        "spans": [
            (name, url_for("pages.overview", last=str(each)), each is found.range) for each, name in NAMES.items()
        ],
        "found": found,
        "now": found.now,
        "begin": found.slots[0].at.isoformat(),
        "charts": _charts(found.slots, found.range, *_sentences(found)),
        "jobs_at": url_for("pages.jobs") + "jobs",
        "list_of": jobs_url,
        "line": Line(found.verdict),
    }


def verdict_line(tx: Connection) -> "Line":
    """For the page of the jobs, as it was in the last seconds."""
    return Line(verdicts.recent(tx))


def known_line() -> "Line | None":
    """The same as this process found it last, if it has; it asks the database for nothing."""
    known = verdicts.known()
    return known and Line(known)


class Line(NamedTuple):
    """The verdict as a line."""

    verdict: Verdict

    @property
    def rules(self) -> str:
        return VERDICT_RULES

    @property
    def tag(self) -> str:
        """Changes with what the line says, and with the colour of the number of failed jobs."""
        return f"{crc32(repr((self.verdict.word, self.parts, self.verdict.failed_lately)).encode()):x}"

    @property
    def parts(self) -> list[Part]:
        return _parts(self.verdict)


def _parts(verdict: Verdict) -> list[Part]:
    parts = []
    if verdict.still is not None:
        parts.append(Part(f"jobs wait, and none was started for {age(verdict.still)}", jobs_url({"status": "PENDING"})))
    if verdict.overdue:
        jobs = "1 job runs" if verdict.overdue == 1 else f"{verdict.overdue:,} jobs run"
        parts.append(Part(f"{jobs} far longer than usual", jobs_url({"status": "RUNNING"})))
    for each in verdict.failing[:3]:
        sentence = (
            f"{visible(each.type)} fails since {time_of(each.since):%H:%M} UTC ({each.failed:,}, {each.share:.0%})"
        )
        parts.append(Part(sentence, jobs_url({"status": "FAILED", "type": each.type})))
    if len(verdict.failing) > 3:
        parts.append(Part(f"{len(verdict.failing) - 3} more types fail", jobs_url({"status": "FAILED"})))
    if verdict.growth is not None:
        parts.append(Part(f"the backlog grows by {verdict.growth:.0f} a minute", jobs_url({"status": "PENDING"})))
    if verdict.word is Word.HEALTHY:
        parts.append(Part("nothing unusual", jobs_url({})))
    return parts


@lru_cache(maxsize=20)
def _charts(slots: tuple[Slot, ...], span: Range, finished: str, waited: str) -> Markup:
    """The charts and their table, which are the same until something is counted: the largest part of the page."""
    sums = [slot.sum for slot in slots]
    html = render_template(
        "overview/_charts.html",
        slots=slots,
        span=span,
        throughput=stack(
            [s.completed for s in sums], [s.failed for s in sums], [s.created for s in sums[:-1]]
        ),  # the last minute goes on
        waits=lines(*([getattr(slot, name) for slot in slots] for name in _WAITED)),
        marks=_marks(slots),
        finished=finished,
        waited=waited,
    )
    return Markup(html)  # noqa: S704


def _marks(slots: Sequence[Slot]) -> list[tuple[float, datetime]]:
    """Where the times stand below a chart: x, and the time."""
    step = timedelta(seconds=slots[0].seconds)
    return [(place * WIDTH / SLOTS, slots[0].at + place * step) for place in MARKS]


def _sentences(found: Overview) -> tuple[str, str]:
    """What each chart shows, in words."""
    tiles, last = found.tiles, NAMES[found.range]
    completed, failed, created = (sum(getattr(slot.sum, name) for slot in found.slots) for name in _COUNTED)
    waited = "no job was started"
    if tiles.waited_p50 is not None and tiles.waited_p95 is not None:
        half, most = (lasted(timedelta(seconds=each)) for each in (tiles.waited_p50, tiles.waited_p95))
        waited = f"half of the jobs waited less than {half}, 95 % less than {most}"
    oldest = max((slot.oldest for slot in found.slots if slot.oldest is not None), default=None)
    if oldest is not None:
        waited += f"; one that waited had waited {lasted(timedelta(seconds=oldest))} at the most"
    finished = f"In the last {last} {completed:,} jobs completed, {failed:,} failed, {created:,} were created"
    return finished, f"In the last {last} {waited}"


_COUNTED = ("completed", "failed", "created")
_WAITED = ("waited_p50", "waited_p95", "oldest")

OVERVIEW = Element("overview/_overview.html", tag, load)
