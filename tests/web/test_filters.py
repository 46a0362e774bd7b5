"""How times and ids look on a page."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from flask import Flask, render_template_string

from dashboard.core.job import JobStatus
from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.web.filters import age, attempt, clock, left, machine, server_time, short, took, utc, visible
from tests.support.factory import make_job

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_901)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_200, "2 h"), (86_400 * 9, "9 d")],
)
def test_an_age_is_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert age(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "00:00"), (0, "00:00"), (61.9, "01:01"), (3_599, "59:59"), (3_600, "1:00:00"), (90_061, "25:01:01")],
)
def test_a_clock_has_hours_from_an_hour_on(seconds: float, shown: str) -> None:
    assert clock(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "00:00"), (34.2, "00:34"), (3_599, "59:59"), (3_600 * 4 - 1, "4 h"), (86_400 * 2, "2 d")],
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


def test_a_job_takes_its_time_from_its_start_to_its_end_and_before_it_starts_it_waits(app: Flask) -> None:
    waits, runs, ended = (make_job(status) for status in (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.COMPLETED))
    called_off = ended._replace(started_at=None)
    now = TIME + timedelta(days=10_000)
    assert took(waits, now) == now - waits.created_at
    assert runs.started_at is not None
    assert took(runs, now) == now - runs.started_at
    assert ended.started_at is not None
    assert ended.completed_at is not None
    assert took(ended, now) == ended.completed_at - ended.started_at
    assert took(called_off, now) == ended.completed_at - ended.created_at


@pytest.mark.parametrize("action", Action)
def test_templates_read_the_state_machine(app: Flask, action: Action) -> None:
    assert render_template_string("{{ TRANSITIONS[action].label }}", action=str(action)) == TRANSITIONS[action].label


def test_a_sentence_keeps_its_direction_whatever_name_is_in_it() -> None:
    assert visible("leased to \u202emill\u2066 <é>") == "leased to \\u202emill\\u2066 <é>"
