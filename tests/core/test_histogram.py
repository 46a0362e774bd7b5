"""Percentiles from the counts of buckets."""

from random import Random

import pytest

from dashboard.core.histogram import BOUNDS, BUCKETS, bucket, percentile


def counts(seconds: list[float]) -> list[int]:
    found = [0] * BUCKETS
    for each in seconds:
        found[bucket(each)] += 1
    return found


def test_a_bound_belongs_to_the_bucket_above_it_and_nothing_lies_outside() -> None:
    assert [bucket(each) for each in (-1, 0, BOUNDS[0], BOUNDS[-1], 1e9)] == [0, 0, 1, BUCKETS - 1, BUCKETS - 1]


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([0] * BUCKETS, 0.95) is None


@pytest.mark.parametrize("middle", [0.02, 0.3, 4, 31, 600, 7_200])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_percentile_of_durations_that_differ_as_usual_is_within_fifteen_percent(middle: float, share: float) -> None:
    rng = Random(1)
    durations = sorted(middle * rng.lognormvariate(0, 0.8) for _ in range(5_000))
    found = percentile(counts(durations), share)
    assert found == pytest.approx(durations[int(share * 5_000)], rel=0.15)


def test_of_durations_that_are_all_the_same_it_is_within_a_factor_of_two() -> None:
    for seconds in (0.011, 0.019, 1, 100):
        assert seconds / 2 <= (percentile(counts([seconds] * 100), 0.95) or 0) <= seconds * 2


def test_of_the_longest_ones_it_is_where_their_bucket_begins() -> None:
    assert percentile(counts([1e6]), 0.5) == BOUNDS[-1]
