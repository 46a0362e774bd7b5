"""What is counted of each minute, type by type: what happened to jobs, and how long they had waited and run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import ceil
from typing import NamedTuple

from dashboard.core.histogram import BUCKETS

MINUTE, TWELVE_MINUTES, HOUR, DAY = 60, 720, 3_600, 86_400  # the first three are the spans of a row, in seconds
ALL = ""  # the type that stands for all: no job has it
REST = "other"  # the types beyond a limit, added up; those of a job type that has this name are among them

EVENTS = ("created", "started", "completed", "failed", "called_off")  # called off: failed while it was PENDING
WAITED = tuple(f"waited_{place}" for place in range(BUCKETS))
RAN = tuple(f"ran_{place}" for place in range(BUCKETS))
COLUMNS = (*EVENTS, *WAITED, *RAN)

TYPES_MAX = 100  # types that one look counts one by one: the most frequent; the others are in the row of all types

_PLACE = {name: place for place, name in enumerate(COLUMNS)}
_HISTOGRAM = {"started": "waited", "completed": "ran", "failed": "ran"}

Counts = dict[tuple[int, str], list[int]]  # by the beginning of the span and the type: a number for each column


class Found(NamedTuple):
    """So many events of one kind, all in one minute, of one type and one bucket."""

    event: str
    at: int
    type: str
    bucket: int | None  # None where there is no duration
    number: int


def counted(found: Iterable[Found]) -> Counts:
    """By minute and type, and for all types together."""
    rows = list(found)
    total: Counter[str] = Counter()
    for row in rows:
        total[row.type] += row.number
    frequent = {name for name, _ in total.most_common(TYPES_MAX)}
    counts: Counts = {}
    for row in rows:
        for name in (row.type, ALL) if row.type in frequent else (ALL,):
            values = counts.setdefault((row.at, name), [0] * len(COLUMNS))
            values[_PLACE[row.event]] += row.number
            if row.bucket is not None and row.event in _HISTOGRAM:
                values[_PLACE[f"{_HISTOGRAM[row.event]}_{row.bucket}"]] += row.number
    return counts


def in_spans(counts: Counts, span: int) -> Counts:
    """The minutes' counts, added up in longer spans."""
    longer: Counts = {}
    for (at, name), values in counts.items():
        key = at // span * span, name
        longer[key] = [a + b for a, b in zip(longer[key], values, strict=True)] if key in longer else values
    return longer


def waited_longest(spans: Iterable[tuple[float, float]], since: int) -> dict[int, int]:
    """For how long the one that waited longest had waited, in whole seconds rounded up, in each minute from `since` on.

    `spans` is from when to when each waited, in seconds since 1970.
    """
    found: dict[int, int] = {}
    end = since  # up to here it was one that came before
    for begin, over in sorted(spans):
        last = int(over) // MINUTE * MINUTE
        for at in range(max(end, int(begin) // MINUTE * MINUTE), last + MINUTE, MINUTE):
            found[at] = ceil(min(over, at + MINUTE) - begin)
        end = max(end, last + MINUTE)
    return found


class Sum(NamedTuple):
    """The counts of a time, and the two histograms."""

    created: int = 0
    started: int = 0
    completed: int = 0
    failed: int = 0
    called_off: int = 0
    waited: tuple[int, ...] = (0,) * BUCKETS
    ran: tuple[int, ...] = (0,) * BUCKETS

    @property
    def ended(self) -> int:
        """Those that ended after they had begun: what was called off is no failure of the work."""
        return self.completed + self.failed

    @property
    def failed_share(self) -> float:
        """Of what ended, from 0 to 1."""
        return self.failed / self.ended if self.ended else 0.0


def as_sum(row: Mapping[str, int]) -> Sum:
    """Of a row that has every column."""
    created, started, completed, failed, called_off = (int(row[name]) for name in EVENTS)
    waited, ran = (tuple(int(row[name]) for name in names) for names in (WAITED, RAN))
    return Sum(created, started, completed, failed, called_off, waited, ran)
