"""Histograms of durations: counts in buckets, each twice as wide as the one before, and percentiles from them."""

from collections.abc import Sequence

BUCKETS = 24
# In seconds, from 10 ms to 11.7 h; what is longer is in the last bucket.
BOUNDS: tuple[float, ...] = tuple(0.01 * 2.0**power for power in range(BUCKETS - 1))


def bucket(seconds: float) -> int:
    """The bucket of a duration."""
    return next((place for place, bound in enumerate(BOUNDS) if seconds < bound), BUCKETS - 1)


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The duration in seconds that this share (0 to 1) of all does not exceed; None where there are none.

    Within a bucket the durations are taken as spread evenly on a logarithmic scale. That is mostly within 15 % of the
    truth, and within a factor of two at the worst. Of the last bucket, which has no end, it is the beginning.
    """
    total = sum(counts)
    if not total:
        return None
    wanted = share * total
    for place, count in enumerate(counts):
        if count and wanted <= count:
            return _within(place, wanted / count)
        wanted -= count
    return BOUNDS[-1]


def _within(place: int, share: float) -> float:
    if place == BUCKETS - 1:
        return BOUNDS[-1]
    end = BOUNDS[place]
    return end * share if place == 0 else end / 2 * 2.0**share
