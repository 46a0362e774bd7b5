"""The numbers of a chart: bars stand on the bottom, nothing leaves the plot, a line breaks where nothing is known."""

import pytest

from dashboard.services.overview import SLOTS
from dashboard.web.charts import HEIGHT, WIDTH, lines, stack


def test_bars_stand_on_each_other_and_keep_their_proportions() -> None:
    chart = stack([3, 0, *[0] * 58], [1, 4, *[0] * 58], [2] * SLOTS)
    [low], [high, alone] = chart.lower, chart.upper
    assert low.y + low.height == HEIGHT
    assert high.y + high.height == pytest.approx(low.y)
    assert alone.height == low.height + high.height
    assert alone.x - high.x == WIDTH / SLOTS
    assert [tick.value for tick in chart.ticks] == [0, 2, 4]


@pytest.mark.parametrize(
    ("most", "values"), [(0, [0, 1, 2]), (1, [0, 1, 2]), (7, [0, 5, 10]), (21, [0, 20, 40]), (1_234, [0, 1_000, 2_000])]
)
def test_an_axis_of_numbers_has_three_round_ones_and_contains_the_most(most: int, values: list[int]) -> None:
    chart = stack([most] * SLOTS, [0] * SLOTS, [0] * SLOTS)
    assert [tick.value for tick in chart.ticks] == values
    assert all(part.y >= 0 for part in chart.lower)
    assert chart.line == ""


def points(piece: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (point.split(",") for point in piece.split())]


def test_an_axis_of_durations_gives_each_decade_the_same_room() -> None:
    chart = lines([0.1, 1.0, 10.0, *[None] * 57])
    [piece] = chart.lines[0]
    heights = [y for _, y in points(piece)]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)
    assert heights[2] == 0


def test_a_line_is_broken_where_nothing_is_known_and_one_point_alone_is_seen() -> None:
    chart = lines([1.0, 1.0, None, 1.0, *[None] * 56])
    assert [len(points(piece)) for piece in chart.lines[0]] == [2, 2]
    (left, _), (right, _) = points(chart.lines[0][1])
    assert 0 < right - left < WIDTH / SLOTS


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 5e9])
def test_no_duration_leaves_the_plot(seconds: float) -> None:
    assert all(0 <= y <= HEIGHT for piece in lines([seconds] * SLOTS).lines[0] for _, y in points(piece))


def test_without_any_value_there_are_lines_to_read_by_and_nothing_is_drawn() -> None:
    assert lines([None] * SLOTS, [None] * SLOTS).lines == [[], []]
    assert stack([0] * SLOTS, [0] * SLOTS, [0] * SLOTS).lower == []
