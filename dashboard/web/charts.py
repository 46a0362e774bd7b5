"""Where the parts of a chart are: an SVG's numbers, made on the server, so that a chart needs no script and no style.

The x axis has one slot for each value; y grows downward from the top of the plot, as in SVG.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import ceil, log10
from typing import NamedTuple

from dashboard.services.overview import SLOTS

WIDTH, HEIGHT = 600, 120  # of the plot, in the SVG's own units; CSS scales it
GAP = 2  # between two bars


class Tick(NamedTuple):
    """A line across the plot."""

    y: float
    value: float


class Part(NamedTuple):
    """One part of a stacked bar."""

    x: float
    y: float
    width: float
    height: float


class Stack(NamedTuple):
    """Bars of two parts, the second upon the first, and a line over them."""

    lower: list[Part]
    upper: list[Part]
    line: str  # of an SVG polyline
    ticks: list[Tick]


def stack(lower: Sequence[int], upper: Sequence[int], line: Sequence[int]) -> Stack:
    """Bars of numbers that are counted, such as jobs in each minute; the axis begins at 0."""
    most = max((*(below + above for below, above in zip(lower, upper, strict=True)), *line), default=0)
    ticks = _counted_ticks(most)
    top = ticks[-1].value
    width = WIDTH / SLOTS

    def part(place: int, below: int, count: int) -> Part:
        height = round(HEIGHT * count / top, 1)
        return Part(
            round(place * width, 1), round(HEIGHT - HEIGHT * below / top - height, 1), round(width - GAP, 1), height
        )

    return Stack(
        [part(place, 0, count) for place, count in enumerate(lower) if count],
        [part(place, below, count) for place, (below, count) in enumerate(zip(lower, upper, strict=True)) if count],
        _points((place, HEIGHT - HEIGHT * count / top) for place, count in enumerate(line)) if any(line) else "",
        ticks,
    )


class Lines(NamedTuple):
    """Lines over a logarithmic axis. A line is broken where it has no value: each piece is an SVG polyline."""

    lines: list[list[str]]
    ticks: list[Tick]


SECONDS = (0.01, 0.1, 1, 10, 60, 600, 3_600, 36_000, 864_000)  # the lines of a logarithmic axis of durations


def lines(*values: Sequence[float | None]) -> Lines:
    """Lines of durations in seconds; what is less than the first of SECONDS is drawn at the bottom."""
    most = max((value for each in values for value in each if value is not None), default=1)
    top = next((second for second in SECONDS[1:] if second >= most), SECONDS[-1])
    shown = SECONDS[: SECONDS.index(top) + 1]
    decades = log10(top / shown[0])

    def y(seconds: float) -> float:
        at = log10(max(shown[0], min(top, seconds)) / shown[0])
        return HEIGHT - HEIGHT * at / decades

    def pieces(of: Sequence[float | None]) -> Iterator[str]:
        for is_there, piece in groupby(enumerate(of), lambda item: item[1] is not None):
            if is_there:
                yield _points((place, y(seconds)) for place, seconds in piece if seconds is not None)

    return Lines([list(pieces(each)) for each in values], [Tick(round(y(second), 1), second) for second in shown])


def _counted_ticks(most: int) -> list[Tick]:
    """Three lines at round numbers, of which the last is not below the most."""
    step = ceil(max(2, most) / 2)
    size = 10 ** int(log10(step))
    step = next(size * nice for nice in (1, 2, 5, 10) if size * nice >= step)
    return [Tick(round(HEIGHT - HEIGHT * place / 2, 1), step * place) for place in range(3)]


def _points(points: Iterator[tuple[int, float]]) -> str:
    """A point in the middle of each slot; the piece of a line that has one point alone gets a length that is seen."""
    width = WIDTH / SLOTS
    placed = [(place * width + width / 2, y) for place, y in points]
    if len(placed) == 1:
        [(x, y)] = placed
        placed = [(x - width / 4, y), (x + width / 4, y)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
