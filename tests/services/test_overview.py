"""The numbers of the Overview are those of the tables, and cost as much however many jobs there are."""

from datetime import datetime, timedelta
from random import Random
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.core.job import JobStatus, json_text, utc_now
from dashboard.core.past import PastJob
from dashboard.core.verdict import Word
from dashboard.database.schema import jobs
from dashboard.database.transactions import reading
from dashboard.services import history, overview, verdict
from dashboard.services.overview import SLOTS, Overview, Range
from dashboard.store import overview as store
from dashboard.store import reasons
from tests.support.factory import make_job
from tests.support.statements import statements


def past(ago: timedelta, kind: str = "a", seconds: float | None = 1, reason: str | None = None) -> PastJob:
    """A job that was created so long ago, started a second later, and ended after so many seconds, if it did."""
    created = utc_now() - ago
    started = created + timedelta(seconds=1)
    status = JobStatus.RUNNING if seconds is None else JobStatus.FAILED if reason else JobStatus.COMPLETED
    ended = None if seconds is None else started + timedelta(seconds=seconds)
    return PastJob(str(uuid4()), kind, json_text({}), 0, status, created, started, ended, reason=reason)


def look(chosen: Range = Range.HOUR) -> Overview:
    with reading() as tx:
        return overview.overview_of(tx, chosen)


MINUTES = timedelta(minutes=1)


def test_an_empty_queue_is_healthy_and_has_sixty_slots(app: Flask) -> None:
    for chosen in Range:
        found = look(chosen)
        assert (found.verdict.word, len(found.slots)) == (Word.HEALTHY, SLOTS)
        assert (found.tiles.waiting, found.tiles.waited_p50, found.failing, found.next) == (0, None, (), ())


@pytest.mark.parametrize(("chosen", "hours"), [*zip(Range, (1, 6, 24, 168), strict=True)])
def test_the_slots_have_what_the_tables_have(app: Flask, chosen: Range, hours: int) -> None:
    rng = Random(1)
    history.bring_in([past(timedelta(hours=hours) * rng.random(), rng.choice("abc")) for _ in range(500)])
    found = look(chosen)
    first = found.slots[0].at
    with reading() as tx:
        times: list[datetime] = [row.created_at for row in tx.execute(select(jobs)) if row.created_at >= first]
    assert sum(slot.sum.created for slot in found.slots) == len(times)
    for slot in found.slots:
        end = slot.at + timedelta(seconds=slot.seconds)
        assert slot.sum.created == sum(slot.at <= time < end for time in times)
    assert {after.at - before.at for before, after in zip(found.slots, found.slots[1:], strict=False)} == {
        timedelta(seconds=found.slots[0].seconds)
    }


def test_a_job_that_runs_far_longer_than_its_type_does_is_overdue(app: Flask) -> None:
    history.bring_in(
        [
            *(past(3 * timedelta(hours=1), "quick", 2) for _ in range(20)),
            *(past(3 * timedelta(hours=1), "slow", 600) for _ in range(20)),
            past(20 * MINUTES, "quick", None),
            past(30 * MINUTES, "slow", None),
            past(4 * MINUTES, "new", None),
            past(40 * MINUTES, "new", None),
        ]
    )
    found = look()
    assert [job.type for job in found.too_long] == ["new", "quick"]
    assert found.verdict.overdue == 2
    assert found.too_long[0].usual_p95 is None
    assert found.too_long[1].usual_p95 == pytest.approx(2, rel=1)
    assert found.tiles.running == 4


def test_failures_are_grouped_by_type_and_reason_with_their_numbers(app: Flask) -> None:
    history.bring_in(
        [
            *(past((51 - n) * MINUTES, "a", 1, f"timed out after {n} s") for n in range(40)),
            *(past(10 * MINUTES, "b", 1, "timed out after 3 s") for _ in range(5)),
            past(5 * MINUTES, "b", 1, "refused\nby the server"),
            past(timedelta(hours=30), "a", 1, "timed out after 9 s"),
        ]
    )
    found = look()
    assert [(each.type, each.reason_key, each.number) for each in found.failing] == [
        ("a", "timed out after # s", 40),
        ("b", "timed out after # s", 5),
        ("b", "refused", 1),
    ]
    first = found.failing[0]
    assert (first.line, first.is_whole, first.last_hour, sum(first.spark)) == ("timed out after 39 s", True, 40, 40)
    assert look(Range.WEEK).failing[0].number == 41
    assert [each.type for each in found.verdict.failing] == ["b"]  # of a at most four were in the last 15 minutes


def test_a_reason_of_which_there_are_very_many_is_counted_up_to_a_limit_and_says_so(
    app: Flask,
) -> None:
    history.bring_in([past(5 * MINUTES, "a", 1, "no") for _ in range(reasons.GROUP_MAX + 5)])
    (group,) = look().failing
    assert (group.number, group.is_whole) == (reasons.GROUP_MAX, False)


def test_what_waits_and_what_is_next(app: Flask, client: FlaskClient) -> None:
    for priority in (0, 5, 0):
        make_job(type="a", priority=priority)
    client.post("/jobs", json={"type": "b", "run_at": 3_600})
    found = look()
    assert (found.tiles.waiting, found.tiles.later) == (3, 1)
    assert [claim.job.priority for claim in found.next] == [5, 0, 0]
    assert {claim.comes_in for claim in found.next} == {None}
    (row,) = found.types
    assert (row.type, row.ready.number) == ("a", 3)
    assert row.ready.oldest == found.tiles.oldest_waiting


def test_a_queue_stands_still_if_nothing_was_started_while_a_job_waits(app: Flask) -> None:
    waits = past(8 * MINUTES)._replace(status=JobStatus.PENDING, started_at=None, completed_at=None)
    history.bring_in([past(30 * MINUTES), waits])
    found = look()
    assert found.verdict.word is Word.STILL
    assert found.verdict.still is not None
    assert 7 * MINUTES < found.verdict.still < 9 * MINUTES
    with reading() as tx:
        assert verdict.recent(tx).word is Word.STILL


def test_the_tag_changes_with_every_job_and_count(app: Flask) -> None:
    def tag() -> str:
        with reading() as tx:
            return overview.tag(tx)

    before = tag()
    make_job()
    assert tag() != before


def test_it_runs_as_many_statements_whatever_the_number_of_jobs(app: Flask) -> None:
    def cost() -> int:
        return len(statements(lambda: look(Range.DAY)))

    def fill(count: int) -> None:
        kinds = [(None, None), (1.0, None), (1.0, "no")]
        history.bring_in([past(60 * MINUTES * (n / count), "a", *kinds[n % 3]) for n in range(count)])

    fill(30)
    look(Range.DAY)
    few = cost()
    fill(3 * store.RUNNING_MAX + 300)
    look(Range.DAY)
    assert cost() == few
    assert look(Range.DAY).running_seen == store.RUNNING_MAX


def test_reasons_and_what_waits_of_each_type_are_looked_for_once_for_each_count(app: Flask) -> None:
    history.bring_in([past(5 * MINUTES, "a", 1, "no") for _ in range(3)])
    looked_for = ("reason_key", "-jobs.priority")

    def costs() -> int:
        return sum(any(words in sql for words in looked_for) for sql, _ in statements(look))

    assert costs() > 0
    make_job(type="a")
    assert costs() == 0
    history.bring_in([past(4 * MINUTES, "a", 1, "no")])
    assert costs() > 0
    assert look().failing[0].number == 4
