"""The rules of the verdict, at their bounds."""

from datetime import datetime, timedelta

import pytest

from dashboard.core.minutes import MINUTE, Sum
from dashboard.core.verdict import (
    FailingType,
    Verdict,
    Word,
    failing_since,
    growth,
    is_failing,
    may_run,
    still_for,
)

NOW = datetime(2026, 1, 1, 12)
FAILS = FailingType("t", 5, 0.5, 0)


@pytest.mark.parametrize(("usual", "most"), [(None, 300), (0.1, 300), (30, 300), (31, 310), (600, 6_000)])
def test_a_job_may_run_for_five_minutes_and_for_ten_times_as_long_as_usual(usual: float | None, most: float) -> None:
    assert may_run(usual) == most


@pytest.mark.parametrize(
    ("failed", "ended", "fails"), [(4, 4, False), (5, 5, True), (5, 100, True), (5, 101, False), (50, 1_000, True)]
)
def test_a_type_fails_from_five_failures_and_five_percent_on(failed: int, ended: int, fails: bool) -> None:
    assert is_failing(failed, ended) == fails


def test_it_fails_since_the_first_failure_of_the_time_in_which_the_rule_held() -> None:
    newest = 100 * MINUTE
    ends = {at * MINUTE: (0, 2) for at in range(70, 101, 3)} | {10 * MINUTE: (0, 9)}
    assert failing_since(ends, newest) == 70 * MINUTE
    assert failing_since({newest: (0, 9)}, newest) == newest
    assert failing_since({}, newest) == newest


MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("waits", "started", "still"),
    [
        (None, None, None),
        (5 * MINUTES, None, 5 * MINUTES),
        (4 * MINUTES, None, None),
        (60 * MINUTES, 9 * MINUTES, 9 * MINUTES),
        (60 * MINUTES, 1 * MINUTES, None),
        (6 * MINUTES, 60 * MINUTES, 6 * MINUTES),
        (MINUTES, 60 * MINUTES, None),  # the first job after a quiet hour
    ],
)
def test_it_stands_still_if_a_job_has_waited_and_none_was_started_for_five_minutes(
    waits: timedelta | None, started: timedelta | None, still: timedelta | None
) -> None:
    oldest, last = (None if span is None else NOW - span for span in (waits, started))
    assert still_for(NOW, oldest, last) == still


def test_a_backlog_grows_if_each_of_ten_minutes_had_more_arrivals_than_starts() -> None:
    more = [Sum(created=20, started=3)] * 10
    assert growth(more) == 17
    assert growth(more[:9]) is None
    assert growth([*more[:9], Sum(created=3, started=3)]) is None
    assert growth([*more[:9], None]) is None


@pytest.mark.parametrize(
    ("verdict", "word", "shape"),
    [
        (Verdict(0, (), None, None), Word.HEALTHY, "✓"),
        (Verdict(1, (), None, None), Word.ATTENTION, "▲"),
        (Verdict(0, (FAILS,), None, None), Word.ATTENTION, "▲"),
        (Verdict(0, (), None, 1.0), Word.ATTENTION, "▲"),
        (Verdict(5, (FAILS,), 6 * MINUTES, 1.0), Word.STILL, "■"),
    ],
)
def test_the_worst_finding_is_the_word(verdict: Verdict, word: Word, shape: str) -> None:
    assert (verdict.word, verdict.shape) == (word, shape)
