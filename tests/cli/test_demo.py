"""`flask jobs demo` through the command line that it is for: its history shows all that an overview tells."""

import json
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.cli.demo import FAILING, INCIDENT_FAILURES, KINDS, OVERDUE, REASONS, WAITING
from dashboard.core.minutes import HOUR, MINUTE
from dashboard.core.verdict import Word
from dashboard.database.schema import jobs
from dashboard.database.transactions import reading
from dashboard.services import overview
from dashboard.services.overview import Range
from dashboard.store import minutes as minute_store
from tests.support.app import MakeApp
from tests.support.counting import stored, wanted
from tests.support.factory import make_job


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Iterator[Flask]:
    app = make_app(sqlite_url)
    with app.app_context():
        yield app


def run_demo(app: Flask) -> str:
    result = app.test_cli_runner().invoke(args=["jobs", "demo"])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_demo_says_what_it_made_and_made_that(app: Flask) -> None:
    told = run_demo(app)
    with reading() as tx:
        rows = tx.execute(select(jobs)).all()
    added, types, days, failed, again = map(int, re.findall(r"(?<![\d:])\d+(?![\d:])", told.splitlines()[0]))
    assert (added, types, days) == (len(rows), len(KINDS), 3)
    assert failed == sum(row.status == "FAILED" for row in rows) >= INCIDENT_FAILURES
    assert again == sum(row.retry_of is not None for row in rows) > 0
    assert Counter(row.status for row in rows)["PENDING"] == WAITING
    for row in rows:
        result = json.loads(row.result) if row.result else {}
        assert set(result) == {"COMPLETED": {"message"}, "FAILED": {"reason"}}.get(row.status, set())
        times = [time for time in (row.created_at, row.started_at, row.completed_at) if time]
        assert times == sorted(times)


def test_the_overview_finds_the_incident_the_overdue_jobs_and_the_backlog(app: Flask) -> None:
    run_demo(app)
    with reading() as tx:
        found = overview.overview_of(tx, Range.SIX_HOURS)
    assert (found.verdict.word, found.verdict.overdue) == (Word.ATTENTION, OVERDUE)
    assert [failing.type for failing in found.verdict.failing] == [FAILING]
    assert found.verdict.growth is not None
    groups = [group for group in found.failing if group.type == FAILING][: len(REASONS)]
    assert sum(group.number for group in groups) >= INCIDENT_FAILURES
    slowest = max(found.types, key=lambda row: row.ran_p95 or 0)
    assert slowest.type == "build_report"


def test_the_minutes_tell_what_it_made(app: Flask) -> None:
    run_demo(app)
    with reading() as tx:
        assert not minute_store.state(tx).has_past
        for span in (MINUTE, HOUR):
            assert stored(tx, span) == wanted(tx, span)


def test_a_second_run_adds_to_it_and_leaves_other_jobs_alone(app: Flask) -> None:
    mine = make_job(type="mine", priority=5)
    run_demo(app)
    with reading() as tx:
        first = len(tx.execute(select(jobs.c.seq)).all())
    run_demo(app)
    with reading() as tx:
        rows = tx.execute(select(jobs).order_by(jobs.c.seq)).all()
    assert len(rows) > first * 1.8
    assert (rows[0].id, rows[0].type, rows[0].status) == (mine.id, "mine", "PENDING")
