"""What this process has made of the table of minutes, and of the verdict, so that it need not be made again."""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any, TypeVar, cast

from flask import current_app

from dashboard.core.verdict import Verdict

T = TypeVar("T")

REMEMBERED_MAX = 100  # results


class Remembered:
    """What was made of something, as long as that does not change."""

    def __init__(self) -> None:
        self._content: object = None
        self._found: dict[Hashable, Any] = {}

    def of(self, content: object, name: Hashable, make: Callable[[], T]) -> T:
        """What was made of this content under this name, or what `make` makes of it now."""
        if content != self._content or len(self._found) > REMEMBERED_MAX:
            self._content, self._found = content, {}
        found = self._found  # of this content, also if another request replaces it meanwhile
        if name not in found:
            found[name] = make()
        return cast(T, found[name])


class Known:
    """The verdict as it was found last, and when it was asked for: both by monotonic()."""

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self._found_at = self._asked_at = float("-inf")

    @property
    def age(self) -> float:
        """Seconds since it was found."""
        return monotonic() - self._found_at

    @property
    def unasked_for(self) -> float:
        """Seconds since somebody looked at it."""
        return monotonic() - self._asked_at

    def asked(self) -> Verdict | None:
        self._asked_at = monotonic()
        return self.verdict

    def learn(self, verdict: Verdict) -> Verdict:
        self.verdict, self._found_at = verdict, monotonic()
        return verdict


class Memory:
    """All of it. Adding up the rows of a day is what costs most, and fifty dashboards ask ten times a second."""

    def __init__(self) -> None:
        self.counts = Remembered()  # of the table of minutes, which changes every five seconds at the most
        self.usual = Remembered()  # of a minute: how long jobs usually run
        self.known = Known()


def memory() -> Memory:
    found: Memory = current_app.extensions["overview"]
    return found
