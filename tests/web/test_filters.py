"""How times and ids look on a page."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from flask import Flask, render_template_string

from dashboard.core.job import JobStatus
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.database.transactions import reading
from dashboard.store import listing
from dashboard.web.filters import (
    age,
    attempt,
    goes_on,
    is_later,
    isolated,
    lasted,
    left,
    machine,
    outside,
    server_time,
    short,
    utc,
    visible,
)
from tests.support.factory import make_job

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_901)

LASTED = [
    (-5, "0 ms"),
    (0, "0 ms"),
    (84, "84 ms"),
    (999, "999 ms"),
    (1_000, "1.0 s"),
    (3_299, "3.2 s"),
    (9_999, "9.9 s"),
    (10_000, "10 s"),
    (59_999, "59 s"),
    (60_000, "1 min"),
    (65_000, "1 min 5 s"),
    (3_599_999, "59 min 59 s"),
    (3_600_000, "1 h"),
    (9_060_000, "2 h 31 min"),
    (86_400_000 + 7_200_000, "1 d 2 h"),
]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_200, "2 h"), (86_400 * 9, "9 d")],
)
def test_an_age_is_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert age(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(("milliseconds", "shown"), LASTED)
def test_how_long_something_lasted_is_in_two_units_at_most(milliseconds: int, shown: str) -> None:
    assert lasted(timedelta(milliseconds=milliseconds)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 s"), (34.2, "34 s"), (3_599, "59 min 59 s"), (3_600 * 4 - 1, "4 h"), (86_400 * 2, "2 d")],
)
def test_what_is_left_of_a_time_ticks_in_the_last_hour(seconds: float, shown: str) -> None:
    assert left(timedelta(seconds=seconds)) == shown


def test_an_attempt_is_of_so_many_until_runs_were_given_back(app: Flask) -> None:
    class Tried(NamedTuple):
        attempt: int
        max_attempts: int | None

    shown = [attempt(Tried(*each)) for each in ((1, None), (2, 3), (4, 3))]
    assert shown == ["attempt 1 of 1", "attempt 2 of 3", "attempt 4"]


def test_a_time_is_for_people_to_the_second_and_for_machines_to_the_millisecond() -> None:
    assert utc(TIME) == "2026-01-02 03:04:05 UTC"
    assert machine(TIME) == "2026-01-02T03:04:05.678Z"


def test_the_time_of_the_server_has_a_zone_and_is_now() -> None:
    told = datetime.fromisoformat(server_time())
    assert abs(datetime.now(UTC) - told) < timedelta(seconds=5)


def test_an_id_is_shown_by_its_end() -> None:
    assert short("01890a5d-ac96-774b-bcce-b302099a8057") == "099a8057"


def test_what_goes_on_is_the_run_or_else_the_wait_and_nothing_for_a_job_that_ended_or_is_for_later(app: Flask) -> None:
    waits, runs, ended = (make_job(status) for status in (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.COMPLETED))
    with reading() as tx:
        of = {job.id: job for job in listing.newest_full(tx, None, 9)}
    assert goes_on(of[waits.id]) == waits.created_at
    assert goes_on(of[runs.id]) == runs.started_at
    assert goes_on(of[ended.id]) is None
    later = of[waits.id]._replace(run_at=TIME)
    assert (is_later(later), goes_on(later)) == (True, None)
    assert not is_later(later._replace(status=JobStatus.FAILED))


@pytest.mark.parametrize("action", Action)
def test_templates_read_the_state_machine(app: Flask, action: Action) -> None:
    assert render_template_string("{{ TRANSITIONS[action].label }}", action=str(action)) == TRANSITIONS[action].label


def test_a_sentence_keeps_its_direction_whatever_name_is_in_it() -> None:
    assert visible("leased to \u202emill\u2066 <é>") == "leased to \\u202emill\\u2066 <é>"


def test_text_from_outside_is_escaped_isolated_and_its_controls_are_seen() -> None:
    assert outside("<b>\u202elive") == "<bdi>&lt;b&gt;\\u202elive</bdi>"
    assert isolated("\u2069evil") == "\u2068\\u2069evil\u2069"
