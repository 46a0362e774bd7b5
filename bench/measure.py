"""Measuring side by side: interleaved rounds, medians, and ratios with their range."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class BenchError(Exception):
    """What makes the figures worthless; str() of it is a sentence."""


def say(sentence: str) -> None:
    """Tell how far it is; what is printed to stdout is the outcome alone."""
    print(f"bench: {sentence}", file=sys.stderr, flush=True)


def interleaved(contestants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each contestant reached in each round; another one begins each time, so that none always follows."""
    reached: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            reached[name].append(contestants[name]())
    return reached


class Ratio(NamedTuple):
    """The median of the rounds' own ratios, and their range."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, above: Iterable[float], below: Iterable[float]) -> "Ratio":
        each = [one / other for one, other in zip(above, below, strict=True)]
        return cls(median(each), min(each), max(each))

    def __str__(self) -> str:
        return f"**{self.median:.2f}** ({self.least:.2f} to {self.most:.2f})"


Cell = str | float | Ratio


class Section(NamedTuple):
    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
