"""Look for jobs by a filter, window after window: other requests go on in between."""

from time import monotonic, sleep
from typing import NamedTuple

from dashboard.database.errors import TookTooLongError
from dashboard.database.transactions import reading
from dashboard.store import claims, selection
from dashboard.store.selection import Picked, Selection


def newest(sought: Selection, limit: int, before: int | None = None) -> list[int]:
    """The seqs of the newest jobs, newest first; of those before a seq. Raises TookTooLongError after two seconds."""
    end = monotonic() + selection.SECONDS
    found: list[int] = []
    while True:
        with reading() as tx:
            window = selection.newest(tx, sought, limit - len(found), before)
        found += [job.seq for job in window.picked]
        if window.end is None or len(found) == limit:
            return found
        if monotonic() > end:
            raise TookTooLongError
        before = window.end
        sleep(0)


class Place(NamedTuple):
    """How far a walk through all jobs has come, and where it ends: what is created meanwhile is no part of it."""

    after: int
    last: int

    @property
    def text(self) -> str:
        """As a client is given it, and sends it back: PLACE is its form."""
        return f"{self.after}-{self.last}"

    @classmethod
    def of_text(cls, text: str) -> "Place":
        return cls(*map(int, text.split("-")))


PLACE = "[0-9]{1,18}-[0-9]{1,18}"  # a regular expression


class Found(NamedTuple):
    """The jobs of one slice, the oldest first, and where the next one begins; None when it was the last."""

    picked: list[Picked]
    next: Place | None


SLICE_SECONDS = 0.4  # after which a slice ends, full or not


def walk(sought: Selection, limit: int, place: Place | None) -> Found:
    """The next jobs, up to a limit; from the beginning without a place."""
    end = monotonic() + SLICE_SECONDS
    picked: list[Picked] = []
    while True:
        with reading() as tx:
            if place is None:
                place = Place(0, claims.last_seq(tx))
            window = selection.oldest(tx, sought, limit - len(picked), *place)
        picked += window.picked
        if window.end is None:
            return Found(picked, None)
        place = place._replace(after=window.end)
        if len(picked) == limit or monotonic() > end:
            return Found(picked, place)
        sleep(0)
