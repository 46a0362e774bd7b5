"""Whose lease ends when: not in a time of grace, which begins again when the clock jumps or the database was away."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection

from dashboard.database import clock
from dashboard.ops.housekeeper import keep
from dashboard.services.grace import JUMP, SILENCE, Grace
from tests.support.app import MakeApp
from tests.support.calls import call
from tests.support.leases import TOKEN, check_invariants, leased, pass_time

START = datetime(2026, 1, 1)


class Time:
    """A monotonic clock, and one that judges leases; each goes as it is told."""

    def __init__(self) -> None:
        self.seconds, self.jumps = 1_000.0, 0.0
        self.grace = Grace(60, self.monotonic)

    def monotonic(self) -> float:
        return self.seconds

    def look(self) -> bool:
        return self.grace.is_over_at(START + timedelta(seconds=self.seconds + self.jumps))

    def pass_looking(self, seconds: int) -> bool:
        """Whether it is over after so many seconds with a look in each, as the housekeeper has it."""
        for _ in range(seconds):
            self.seconds += 1
            over = self.look()
        return over


@pytest.fixture
def time() -> Time:
    time = Time()
    assert not time.pass_looking(59)
    assert time.pass_looking(1)
    return time


@pytest.mark.parametrize("hours", [1, -1])
def test_it_begins_again_when_the_clock_has_jumped(time: Time, hours: int) -> None:
    time.jumps = hours * 3_600
    assert not time.pass_looking(60)
    assert time.pass_looking(1)


def test_a_clock_that_is_put_right_slowly_does_not_matter(time: Time) -> None:
    for _ in range(100):
        time.jumps += JUMP / 10
        assert time.pass_looking(1)


def test_it_begins_again_after_a_long_time_without_a_look(time: Time) -> None:
    time.seconds += SILENCE
    assert time.look()
    time.seconds += SILENCE + 1
    assert not time.look()
    assert time.pass_looking(60)


def test_it_begins_again_when_it_is_told_to(time: Time) -> None:
    time.grace.begin()
    assert not time.grace.is_over()
    assert time.pass_looking(60)


# ---- In a process


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Iterator[Flask]:
    """A process whose time of grace is over; one job is leased by w, and overdue."""
    app = make_app(database_url)
    time = Time()
    time.pass_looking(60)
    app.extensions["grace"], app.extensions["time"] = time.grace, time
    with app.app_context():
        call(app.test_client(), "POST /jobs", 201, json={"type": "t"})
        leased(app.test_client(), "&worker=w")
        pass_time(100)
        yield app
        check_invariants()


def status(client: FlaskClient) -> str:
    [job] = call(client, "GET /jobs", 200)
    return str(job["status"])


@pytest.mark.parametrize("how", ["a claim", "the housekeeper"])
@pytest.mark.parametrize("seconds", [3_600, -3_600])
def test_the_first_look_after_a_jump_of_the_clock_ends_no_run(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, how: str, seconds: int
) -> None:
    time: Time = app.extensions["time"]

    def now(_tx: Connection) -> datetime:
        return START + timedelta(seconds=time.seconds + seconds)

    monkeypatch.setattr(clock, "now", now)
    if how == "a claim":
        call(client, "POST /jobs/claim", 404)
    else:
        assert keep(app) == 0
    monkeypatch.undo()
    assert status(client) == "RUNNING"
    [job] = call(client, "GET /jobs", 200)
    call(client, f"POST /jobs/{job['id']}/complete?token={TOKEN}", 200)


@pytest.mark.parametrize("how", ["a claim", "the housekeeper"])
def test_a_run_that_is_overdue_ends_when_the_grace_is_over(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    time: Time = app.extensions["time"]
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda _tx: START + timedelta(seconds=time.seconds))
        if how == "a claim":
            call(client, "POST /jobs/claim", 404)
        else:
            keep(app)
    assert status(client) == "FAILED"


def test_a_process_that_has_just_started_ends_no_run(make_app: MakeApp, app: Flask, database_url: str) -> None:
    started = make_app(database_url)
    with started.app_context():
        assert keep(started) == 0
        call(started.test_client(), "POST /jobs/claim", 404)
        assert status(started.test_client()) == "RUNNING"
