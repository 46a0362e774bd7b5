"""All jobs of a filter, slice by slice: for a download of any size."""

from collections.abc import Iterator
from time import sleep

from flask import Flask

from dashboard.core.errors import JobNotFoundError
from dashboard.core.run import FullJob
from dashboard.database.transactions import asking
from dashboard.services import search
from dashboard.store import listing
from dashboard.store.selection import Selection

SLICE = 200  # jobs that are read at once

PAUSE = 0.001  # seconds between two slices: with sleep(0) the event loop, so every other request, would come late


def slices(app: Flask, sought: Selection) -> Iterator[list[FullJob]]:
    """The jobs that there are now, the oldest first; what is created meanwhile is no part of it.

    There is one slice at least, which may be empty. A job with a long payload or result is a slice of its own. No
    connection is held between two of them. Raises TookTooLongError.
    """
    place = None
    while True:
        with app.app_context():
            found = search.walk(sought, SLICE, place)
            with asking() as tx:
                jobs = listing.full_of_seqs(tx, [picked.seq for picked in found.picked])
        # Since they were found some may have come into another status.
        yield from _parts(app, [job for job in reversed(jobs) if sought.status in (None, job.status)])
        if (place := found.next) is None:
            return
        sleep(PAUSE)


def _parts(app: Flask, jobs: list[FullJob]) -> Iterator[list[FullJob]]:
    """Short jobs together, and each long one alone, for it is read only then."""
    long = listing.cut(jobs)
    short: list[FullJob] = []
    for job in jobs:
        if job.id in long:
            yield short
            yield _whole(app, job)
            short = []
        else:
            short.append(job)
    yield short


def _whole(app: Flask, job: FullJob) -> list[FullJob]:
    """The job alone, or nothing where it has been deleted meanwhile."""
    with app.app_context(), asking() as tx:
        try:
            return [listing.whole(tx, job)]
        except JobNotFoundError:
            return []
