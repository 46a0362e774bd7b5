"""Keep the table of minutes: count what happened, off the path of requests, in any number of processes.

The newest minutes are counted whole, again and again, and their rows replaced: a minute is counted for the last time a
minute after its end, so nothing that commits late is lost, and none is counted twice. A process that dies leaves what
the last one committed; the next one goes on from there.
"""

from datetime import timedelta
from math import ceil

from flask import current_app
from sqlalchemy import Connection

from dashboard.core.minutes import DAY, HOUR, MINUTE, Counts, waited_longest
from dashboard.core.reason import failure
from dashboard.database import clock
from dashboard.database.blocking import in_thread
from dashboard.database.transactions import asking, reading, write
from dashboard.store import claims, minutes, overview, reasons
from dashboard.store import oldest as oldest_store
from dashboard.store import past as past_store

EVERY = timedelta(seconds=5)  # the newest minutes are counted, while jobs change
KEPT = 8 * DAY  # seconds that minutes are kept: then they are folded to hours
HOURS_KEPT = 400 * DAY  # seconds that hours are kept
LOOK = HOUR  # seconds that one look counts at the most, where no process had counted for long
SLICE = 500  # jobs with a past that one transaction counts
SLACK = timedelta(minutes=5)  # by which clocks of several machines, and commits, may be out of order


class Counter:
    """What this process remembers of its last look: without a change since then nothing is to be counted."""

    def __init__(self) -> None:
        self.seen: tuple[int, int] | None = None  # the revision of the jobs, and the minute


def keep() -> bool:
    """One round: whatever is to be counted now, one slice of it. Returns whether there is more."""
    counter: Counter = current_app.extensions["counter"]
    with asking() as tx:
        state = minutes.state(tx)
        now = clock.now(tx)
    before = (minutes.minute_of(now) - KEPT) // HOUR * HOUR
    if state.folded_to < before <= state.minute - MINUTE:
        write(lambda tx: _fold(tx, before))
        while write(lambda tx: minutes.forget(tx, before + KEPT - HOURS_KEPT)):
            pass
    minute = minutes.minute_of(now)
    is_recent = state.counted_at is not None and abs(now - state.counted_at) < EVERY
    behind = False
    if (state.revision, minute) != counter.seen and not (is_recent and state.minute == minute):
        behind = recount(counter)
    return bring_along() if state.has_past else behind


def recount(counter: Counter) -> bool:
    """Count the newest minutes anew, from the one before the newest that was counted. Whether more are to be counted.

    The look is one snapshot; its counts are written only if no other process has counted since.
    """
    with reading() as tx:
        state = minutes.state(tx)
        now = clock.now(tx)
        newest = minutes.minute_of(now)
        since = min(state.minute, newest) - MINUTE
        until = min(newest + MINUTE, since + LOOK)
        found = _look(tx, since, until)
        oldest = overview.oldest_ready(tx)
        waited = {newest: ceil((now - oldest).total_seconds())} if oldest else {}

    def replace(tx: Connection) -> bool:
        if not minutes.advance(tx, state, until - MINUTE, now):
            return False
        minutes.replace(tx, since, until, found)
        oldest_store.note(tx, waited)
        return True

    if write(replace) and until > newest:
        counter.seen = state.revision, newest
    return until <= newest


def _look(tx: Connection, since: int, until: int) -> Counts:
    """On SQLite in a thread: other requests go on while it reads."""
    last = claims.last_seq(tx)
    end = last + 1
    early = minutes.time_of(since) - SLACK
    if (out_of_order := past_store.imports_since(tx, minutes.minute_of(early))) is not None:
        end = min(end, out_of_order + 1)
    seqs = minutes.first_created(tx, early, end), last
    found: list[Counts] = []

    def look() -> None:
        found.append(minutes.between(tx, since, until, seqs))

    if tx.dialect.name == "sqlite":
        in_thread(look)
    else:
        look()
    return found[0]


def bring_along() -> bool:
    """Count a slice of the jobs that came in with a past, and give those of them that failed their reason.

    Returns whether there is more.
    """

    def work(tx: Connection) -> bool:
        state = minutes.lock(tx)
        if (past := past_store.next_past(tx)) is None:
            past_store.forget_past(tx, state.minute - 2 * int(SLACK.total_seconds()))
            return False
        last = past_store.slice_end(tx, past, SLICE)
        minutes.add(tx, minutes.of_seqs(tx, past.after, last, past.before), state.folded_to)
        began = state.minute - KEPT
        oldest_store.note(tx, waited_longest(oldest_store.spans(tx, past.after, last, past.before), began))
        reasons.store(tx, [(seq, failure(why)) for seq, why in reasons.missing(tx, past.after, last)])
        past_store.went_on(tx, past, last)
        return True

    return write(work)


def _fold(tx: Connection, before: int) -> None:
    if minutes.lock(tx).folded_to < before:
        minutes.fold(tx, before)
        oldest_store.forget(tx, before)
