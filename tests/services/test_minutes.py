"""The table of minutes tells what happened, each event once, whatever happens to those who count."""

import subprocess
import sys
from datetime import datetime, timedelta
from random import Random

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from dashboard.core.job import JobStatus, utc_now
from dashboard.core.minutes import ALL, HOUR, MINUTE, TWELVE_MINUTES, TYPES_MAX, Found, counted, waited_longest
from dashboard.database import schema
from dashboard.database.engine import db
from dashboard.database.schema import counting, jobs, minutes, uncounted
from dashboard.database.transactions import reading, writing
from dashboard.services import minutes as service
from dashboard.store import minutes as store
from dashboard.store import oldest
from dashboard.store import past as past_store
from dashboard.store.minutes import minute_of
from tests.support.app import MakeApp
from tests.support.counting import stored, wanted
from tests.support.factory import make_job, make_many
from tests.support.leases import TOKEN, leased
from tests.support.server import ROOT
from tests.support.statements import statements

SPANS = (MINUTE, TWELVE_MINUTES, HOUR)


def set_counted(minute: int, folded_to: int = 0) -> None:
    """As if a process had counted up to this minute."""
    with writing() as tx:
        tx.execute(update(counting).values(minute=minute, folded_to=folded_to))


@pytest.fixture(autouse=True)
def nothing_counted(request: pytest.FixtureRequest) -> None:
    """The one PostgreSQL of all tests keeps what others counted."""
    if "app" in request.fixturenames:
        request.getfixturevalue("app")
        with writing() as tx:
            tx.execute(minutes.delete())
            tx.execute(uncounted.delete())
            tx.execute(schema.oldest.delete())
            tx.execute(update(counting).values(version=0, counted_at=None))
        set_counted(minute_of(utc_now()))


def count_all() -> None:
    counter = service.Counter()
    while service.recount(counter):
        pass
    while service.bring_along():
        pass


def check() -> None:
    with reading() as tx:
        for span in SPANS:
            assert stored(tx, span) == wanted(tx, span)


def past(rng: Random, now: datetime, most: timedelta) -> dict[str, object]:
    """A job that was created so long ago at the most."""
    status = rng.choice(list(JobStatus))
    created = now - most * rng.random()
    started = min(now, created + timedelta(seconds=rng.expovariate(1 / 40)))
    ended = min(now, started + timedelta(seconds=rng.lognormvariate(2, 2)))
    has_begun = rng.random() < {JobStatus.PENDING: 0.0, JobStatus.FAILED: 0.7}.get(status, 1.0)
    has_ended = status in (JobStatus.COMPLETED, JobStatus.FAILED)
    return {
        "id": f"{rng.getrandbits(128):032x}",
        "type": rng.choice("abc"),
        "priority": 0,
        "status": status,
        "created_at": created,
        "started_at": started if has_begun else None,
        "completed_at": ended if has_ended else None,
        "result": '{"reason":"timed out after 30 s"}' if status == JobStatus.FAILED else None,
    }


def insert_past(count: int, most: timedelta, seed: int = 1, *, shuffled: bool = True) -> tuple[int, int]:
    """So many jobs with a past, as an import has them: the seqs before the first, and of the last."""
    rng, now = Random(seed), utc_now()
    with writing() as tx:
        before = tx.execute(select(jobs.c.seq).order_by(jobs.c.seq.desc()).limit(1)).scalar() or 0
        rows = [past(rng, now, most) for _ in range(count)]
        tx.execute(jobs.insert(), rows if shuffled else sorted(rows, key=lambda row: str(row["created_at"])))
        after = tx.execute(select(jobs.c.seq).order_by(jobs.c.seq.desc()).limit(1)).scalar_one()
        past_store.came_in(tx, before, after)
    return before, after


def test_everything_that_happens_to_jobs_and_runs_is_counted_once(app: Flask, client: FlaskClient) -> None:
    for status in JobStatus:
        for name in ("a", "b"):
            make_job(status, type=name)
    client.post(f"/jobs/{make_job().id}/fail?reason=no")  # called off
    job = leased(client, token=f"{TOKEN}-1")["id"]
    client.post(f"/jobs/{job}/release?token={TOKEN}-1")
    client.post("/jobs/claim?lease=60&attempts=3")
    client.post(f"/jobs/{job}/process")  # whatever its status, some of it is refused
    count_all()
    check()


def test_a_second_count_changes_nothing_and_a_later_one_has_what_came_since(app: Flask) -> None:
    make_job(JobStatus.COMPLETED)
    count_all()
    with reading() as tx:
        before = stored(tx, MINUTE)
    count_all()
    with reading() as tx:
        assert stored(tx, MINUTE) == before
    make_job(JobStatus.FAILED)
    count_all()
    check()


def test_what_comes_in_after_the_clock_was_set_back_is_counted_once(app: Flask) -> None:
    set_counted(minute_of(utc_now() + timedelta(minutes=10)))
    insert_past(200, timedelta(minutes=20))
    count_all()
    check()


def test_minutes_in_which_no_process_ran_are_counted_later(app: Flask) -> None:
    make_many(10)
    insert_past(200, timedelta(hours=5), shuffled=False)
    with writing() as tx:
        tx.execute(uncounted.delete())
        tx.execute(jobs.update().where(jobs.c.seq <= 10).values(created_at=utc_now() - timedelta(hours=6)))
    set_counted(minute_of(utc_now()) - 6 * HOUR)
    count_all()
    check()


def test_jobs_with_a_past_are_added_beside_those_that_are_counted_as_they_come(app: Flask) -> None:
    make_job(JobStatus.COMPLETED)
    count_all()
    insert_past(1_200, timedelta(days=3))
    make_job(JobStatus.FAILED)
    service.bring_along()
    count_all()
    insert_past(300, timedelta(hours=1), seed=2)
    count_all()
    make_many(3)
    count_all()
    check()


def test_a_look_from_before_an_import_is_void(app: Flask) -> None:
    make_job(JobStatus.COMPLETED)
    with reading() as tx:
        known = store.state(tx)
    insert_past(5, timedelta(minutes=1))
    with writing() as tx:
        assert not store.advance(tx, known, known.minute, utc_now())


def test_a_process_that_looked_before_another_one_counted_writes_nothing(app: Flask) -> None:
    with reading() as tx:
        known = store.state(tx)
    make_job(JobStatus.COMPLETED)
    count_all()
    with writing() as tx:
        assert not store.advance(tx, known, known.minute, utc_now())
    check()


def test_what_is_older_than_a_week_is_kept_by_hours(app: Flask) -> None:
    insert_past(400, timedelta(days=20))
    counter = app.extensions["counter"]
    while service.keep():
        pass
    assert counter.seen is not None
    boundary = minute_of(utc_now() - timedelta(seconds=service.KEPT)) // HOUR * HOUR
    with reading() as tx:
        assert stored(tx, HOUR) == wanted(tx, HOUR)
        for span in (MINUTE, TWELVE_MINUTES):
            recent = {key: value for key, value in wanted(tx, span).items() if key[0] >= boundary}
            assert stored(tx, span) == recent


def test_minutes_that_grow_old_are_folded_and_their_hours_stay(app: Flask) -> None:
    insert_past(300, timedelta(days=5))
    count_all()
    boundary = minute_of(utc_now() - timedelta(days=2)) // HOUR * HOUR
    with writing() as tx:
        store.fold(tx, boundary)
    count_all()
    with reading() as tx:
        assert stored(tx, HOUR) == wanted(tx, HOUR)
        assert all(at >= boundary for at, _ in stored(tx, MINUTE))


def test_failures_of_old_get_their_reason_and_its_key(app: Flask) -> None:
    insert_past(1_100, timedelta(days=1))
    count_all()
    with reading() as tx:
        failed = tx.execute(select(jobs.c.reason, jobs.c.reason_key).where(jobs.c.status == "FAILED")).all()
        others = tx.execute(select(jobs.c.reason_key).where(jobs.c.status != "FAILED")).scalars().all()
    assert set(failed) == {("timed out after 30 s", "timed out after # s")}
    assert set(others) == {None}


def test_counting_beside_nothing_that_changes_is_one_statement(app: Flask) -> None:
    make_many(10)
    while service.keep():
        pass
    is_postgresql = db.engine.dialect.name == "postgresql"
    found = statements(service.keep)
    if minute_of(utc_now()) == app.extensions["counter"].seen[1]:
        assert len(found) == (2 if is_postgresql else 1), found  # the time there is the database's


def test_any_number_of_processes_count_and_are_killed_at_any_moment(
    database_url: str, make_app: MakeApp, app: Flask
) -> None:
    insert_past(3_000, timedelta(days=2))
    command = [sys.executable, "-m", "tests.support.counting", database_url]
    rng = Random(3)
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    for _ in range(5):
        process = processes.pop(0)
        processes.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
        assert process.stdout
        for _ in range(rng.randrange(1, 4)):
            assert process.stdout.read(1) == b"."  # it has counted
        for _ in range(20):
            make_job(rng.choice(list(JobStatus)), type=rng.choice("abc"))
        process.kill()
        process.communicate()
    for process in processes:
        process.kill()
        process.communicate()
    count_all()
    check()


def test_of_very_many_types_the_most_frequent_are_counted_one_by_one_and_all_together() -> None:
    found = [Found("created", 60, f"type-{number}", None, number + 1) for number in range(TYPES_MAX * 2)]
    counts = counted(found)
    assert len(counts) == TYPES_MAX + 1
    assert counts[60, ALL][0] == sum(row.number for row in found)
    assert (60, "type-0") not in counts


def oldest_waited() -> dict[int, int]:
    with reading() as tx:
        return oldest.slots(tx, 0, 2**40, MINUTE)


def test_how_long_the_oldest_had_waited_is_told_of_the_one_that_had_waited_longest_in_each_minute() -> None:
    rng = Random(3)
    for _ in range(50):
        waits = [(begin, begin + rng.expovariate(1 / 200)) for begin in (rng.uniform(0, 3_600) for _ in range(30))]
        found = waited_longest(waits, 600)
        told = {
            at: [min(over, at + MINUTE) - begin for begin, over in waits if begin < at + MINUTE and over >= at]
            for at in range(600, 7_200, MINUTE)
        }
        assert found.keys() == {at for at, each in told.items() if each}
        for at, seconds in found.items():  # one that came in the last minute of an older one begins with the next
            assert max(told[at]) - MINUTE - 1 <= seconds < max(told[at]) + 1


def test_the_oldest_that_waits_is_seen_in_each_minute_and_the_longest_wait_stays(app: Flask) -> None:
    count_all()
    assert oldest_waited() == {}
    jobs_of_now = [make_job(type=name).id for name in "ab"]
    ages = {jobs_of_now[0]: timedelta(minutes=25), jobs_of_now[1]: timedelta(minutes=5)}
    with writing() as tx:
        for job, age in ages.items():
            tx.execute(update(jobs).where(jobs.c.id == job).values(created_at=utc_now() - age))
    count_all()
    [(at, seconds)] = oldest_waited().items()
    assert at in (minute_of(utc_now()), minute_of(utc_now()) - MINUTE)
    assert 1_500 <= seconds < 1_560
    with writing() as tx:
        tx.execute(update(jobs).where(jobs.c.id == jobs_of_now[0]).values(status="FAILED", completed_at=utc_now()))
    count_all()
    assert oldest_waited()[at] == seconds


def test_jobs_that_come_in_with_a_past_tell_how_long_the_oldest_had_waited(app: Flask) -> None:
    insert_past(300, timedelta(hours=30))
    count_all()
    found = oldest_waited()
    with reading() as tx:
        waits = tx.execute(select(jobs.c.created_at, jobs.c.started_at).where(jobs.c.started_at.is_not(None))).all()
    for created, over in waits:
        assert found[minute_of(over)] + MINUTE >= int((over - created).total_seconds())
    assert max(found) >= minute_of(utc_now()) - 2 * MINUTE
    assert min(found) >= minute_of(utc_now()) - service.KEPT


def test_how_long_the_oldest_had_waited_is_kept_as_long_as_minutes_are(app: Flask) -> None:
    now = minute_of(utc_now())
    with writing() as tx:
        oldest.note(tx, {now - service.KEPT - 2 * HOUR: 9, now - HOUR: 5})
    set_counted(now - MINUTE, now - service.KEPT - 2 * HOUR)
    service.keep()
    assert [*oldest_waited().values()] == [5]
