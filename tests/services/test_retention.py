"""Finished jobs are deleted when they are kept no longer: those alone, with their runs, and the minutes keep them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.core.job import JobStatus, utc_now
from dashboard.core.minutes import ALL, DAY, HOUR
from dashboard.core.past import PastJob
from dashboard.database.schema import counting, jobs, minutes, runs, uncounted
from dashboard.database.transactions import reading, write, writing
from dashboard.ops import housekeeper
from dashboard.services import minutes as counting_service
from dashboard.services import retention
from dashboard.services.history import bring_in
from dashboard.store import consistency, finished
from dashboard.store.minutes import minute_of
from tests.support.app import MakeApp
from tests.support.html import page
from tests.support.statements import statements

Keeping = Callable[[str], Flask]
NUMBERS = count(1)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no minute between two looks."""
    monkeypatch.setattr(retention, "EVERY", 0.0)


@pytest.fixture
def keeping(make_app: MakeApp, database_url: str) -> Iterator[Keeping]:
    """An application with this setting, on a database of which all minutes up to now are counted."""
    contexts = []

    def make(days: str) -> Flask:
        app = make_app(database_url, **({"KEEP_FINISHED_DAYS": days} if days else {}))
        contexts.append(app.app_context())
        contexts[-1].push()
        set_counted(minute_of(utc_now()))
        with writing() as tx:
            tx.execute(uncounted.delete())
            tx.execute(minutes.delete())
        return app

    yield make
    for context in reversed(contexts):
        context.pop()


def set_counted(minute: int) -> None:
    with writing() as tx:
        tx.execute(update(counting).values(minute=minute, counted_at=None, folded_to=0))


def finish(days: float, number: int = 1, name: str = "job", status: JobStatus = JobStatus.COMPLETED) -> list[str]:
    """Jobs that ended so many days ago, each by the only run that it had."""
    end = utc_now() - timedelta(days=days)
    ids = [f"job-{next(NUMBERS)}" for _ in range(number)]
    times = dict.fromkeys(("created_at", "started_at", "completed_at"), end)
    with writing() as tx:
        tx.execute(
            jobs.insert(), [{"id": each, "type": name, "priority": 0, "status": status, **times} for each in ids]
        )
        seqs = tx.execute(select(jobs.c.seq).where(jobs.c.id.in_(ids))).scalars().all()
        outcome = "completed" if status == JobStatus.COMPLETED else "failed"
        times = dict.fromkeys(("started_at", "heard_at", "expires_at", "ended_at"), end)
        run = {"attempt": 1, "lease": 60, "outcome": outcome, **times}
        tx.execute(runs.insert(), [{"seq": seq, "token": f"token-{seq}", **run} for seq in seqs])
    return ids


def begin(status: JobStatus, days: float) -> str:
    """One that has not ended, and has waited or run for so long."""
    time = utc_now() - timedelta(days=days)
    row = {"id": f"job-{next(NUMBERS)}", "type": "job", "priority": 0, "status": status, "created_at": time}
    with writing() as tx:
        tx.execute(jobs.insert(), [row | {"started_at": time if status == JobStatus.RUNNING else None}])
    return str(row["id"])


def there() -> set[str]:
    with reading() as tx:
        assert consistency.problems(tx) == []
        assert set(tx.execute(select(runs.c.seq)).scalars()) <= set(tx.execute(select(jobs.c.seq)).scalars())
        return set(tx.execute(select(jobs.c.id)).scalars())


def sweep() -> None:
    while retention.retention().sweep():
        pass


def test_without_the_setting_all_are_kept_and_nothing_is_asked(keeping: Keeping) -> None:
    app = keeping("")
    old = finish(10_000)
    housekeeper.forget(app)  # which looks for old activity, once an hour
    assert statements(lambda: housekeeper.forget(app)) == []
    assert there() == set(old)


def test_the_housekeeper_deletes_what_ended_too_long_ago_and_nothing_else(keeping: Keeping) -> None:
    app = keeping("30")
    finish(31, 3)
    finish(31, 2, status=JobStatus.FAILED)
    kept = finish(29) + finish(29, status=JobStatus.FAILED)
    kept += [begin(JobStatus.PENDING, 90), begin(JobStatus.RUNNING, 90)]
    housekeeper.forget(app)
    assert there() == set(kept)


def test_a_type_may_be_kept_longer_or_shorter_than_the_others(keeping: Keeping) -> None:
    keeping("30 report=7 audit=ever news=60")
    kept = finish(8) + finish(6, name="report") + finish(5_000, name="audit") + finish(59, name="news")
    for days, name in ((31, "job"), (8, "report"), (31, "report"), (61, "news")):
        finish(days, name=name)
    sweep()
    assert there() == set(kept)


def test_of_a_type_alone_the_others_are_kept_for_ever(keeping: Keeping) -> None:
    keeping("report=7")
    kept = finish(5_000)
    finish(8, name="report")
    sweep()
    assert there() == set(kept)


def deleted_in_one_transaction(sent: list[Any]) -> list[int]:
    """How many jobs each transaction deleted: on SQLite by a statement for each, on PostgreSQL by one for all."""
    numbers: list[int] = []
    last = ""
    for statement, values in sent:
        if "DELETE FROM jobs" in statement:
            number = values["seq"].count(",") + 1 if isinstance(values, dict) else 1
            numbers.append(number + (numbers.pop() if last == statement else 0))
        last = statement
    return numbers


def test_they_go_in_slices_each_a_transaction_of_its_own(keeping: Keeping) -> None:
    keeping("30")
    finish(31, 1_200)
    sent = statements(sweep)
    numbers = deleted_in_one_transaction(sent)
    assert sum(numbers) == 1_200
    assert max(numbers) <= retention.SLICE_MAX
    assert len(numbers) > 2
    assert there() == set()


def test_several_processes_may_do_it_at_once(keeping: Keeping, make_app: MakeApp, database_url: str) -> None:
    apps = [keeping("30"), make_app(database_url, KEEP_FINISHED_DAYS="30")]
    kept = finish(29)
    finish(31, 1_000)

    def sweep_of(app: Flask) -> None:
        with app.app_context():
            sweep()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(sweep_of, apps)) == [None, None]
    assert there() == set(kept)


def test_many_that_ended_at_one_moment_are_all_found(keeping: Keeping) -> None:
    keeping("30 audit=ever")
    end = utc_now() - timedelta(days=31)
    rows = [
        {"id": f"{n}", "type": "audit" if n % 3 else "job", "priority": 0, "status": "COMPLETED", "created_at": end}
        for n in range(3 * retention.LOOK)
    ]
    with writing() as tx:
        tx.execute(jobs.insert(), [row | {"completed_at": end} for row in rows])
    sweep()
    assert there() == {str(row["id"]) for row in rows if row["type"] == "audit"}


def test_what_is_kept_is_not_looked_through_again(keeping: Keeping) -> None:
    keeping("30 audit=ever")
    kept = finish(31, 3 * retention.LOOK, name="audit")

    def looks() -> int:
        return sum("FROM jobs" in statement for statement, _ in statements(sweep))

    assert looks() >= 4
    assert looks() == 2  # one for each status
    finish(30.5)  # it has become old since
    sweep()
    assert there() == set(kept)


def test_after_a_day_it_looks_from_the_beginning_where_an_import_has_brought_old_ones(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping("30 audit=ever")
    kept = finish(31, name="audit")
    sweep()
    late = finish(1_000)
    sweep()
    assert there() == {*kept, *late}
    monkeypatch.setattr(retention, "monotonic", lambda: 1e12)
    sweep()
    assert there() == set(kept)


def test_what_is_not_counted_yet_waits_and_the_minutes_keep_what_they_have_counted(keeping: Keeping) -> None:
    keeping("0.01")
    finish(0.1, 5)
    set_counted(minute_of(utc_now()) - 6 * HOUR)
    sweep()
    assert len(there()) == 5
    while counting_service.keep():
        pass
    before = completed()
    assert before == 5
    sweep()
    assert there() == set()
    while counting_service.recount(counting_service.Counter()):
        pass
    assert completed() == before


def completed() -> int:
    """How many, by the hours."""
    with reading() as tx:
        rows = tx.execute(select(minutes.c.completed).where(minutes.c.span == HOUR, minutes.c.type == ALL))
        return sum(rows.scalars())


def test_jobs_that_came_in_with_a_past_are_counted_before_they_are_deleted(keeping: Keeping) -> None:
    keeping("30")
    old = utc_now() - timedelta(days=40)
    past = [PastJob(f"past-{n}", "job", None, 0, JobStatus.COMPLETED, old, old, old) for n in range(3)]
    with writing() as tx:
        tx.execute(uncounted.insert(), {"first": 0, "after": 0, "until": 1, "before": 60})  # an earlier import's
    sweep()
    bring_in(past[:1])
    with writing() as tx:
        past_rows = tx.execute(select(uncounted.c.after < uncounted.c.until)).scalars().all()
    assert not any(past_rows)
    sweep()
    assert there() == set()
    assert completed() == 1


def test_a_job_that_is_not_finished_is_not_deleted_whoever_asks(keeping: Keeping) -> None:
    keeping("30")
    kept = [begin(JobStatus.PENDING, 90), begin(JobStatus.RUNNING, 90)]
    with reading() as tx:
        seqs = list(tx.execute(select(jobs.c.seq)).scalars())
    assert write(lambda tx: finished.delete_each(tx, seqs)) == 0
    assert not any(write(lambda tx, each=each: finished.delete_one(tx, each)) for each in kept)  # type: ignore[misc]
    assert there() == set(kept)


def test_what_pointed_at_a_deleted_job_says_that_it_is_gone(keeping: Keeping) -> None:
    client = keeping("30").test_client()
    [old] = finish(31)
    again = client.post(f"/jobs/{old}/retry").get_json()["id"]
    sweep()
    assert client.get(f"/jobs/{old}").status_code == 404
    assert client.get(f"/jobs/{again}?full=1").get_json()["retry_of"] == old
    assert f"/dashboard/jobs/{old}" in page(client, f"/dashboard/jobs/{again}")
    assert "deleted" in page(client, f"/dashboard/jobs/{old}", 404)
    assert "This job is gone" in page(client, f"/dashboard/fragments/jobs/{old}", 404)


def test_a_key_lives_as_long_as_its_jobs(keeping: Keeping) -> None:
    client = keeping("30").test_client()
    key = {"Idempotency-Key": "report-1"}
    batch: dict[str, Any] = {"json": [{"type": "a"}, {"type": "b"}], "headers": {"Idempotency-Key": "batch-1"}}

    def age(job_id: str) -> None:
        client.post(f"/jobs/{job_id}/fail")
        with writing() as tx:
            tx.execute(update(jobs).where(jobs.c.id == job_id).values(completed_at=utc_now() - timedelta(days=31)))

    single = client.post("/jobs", json={"type": "t"}, headers=key).get_json()["id"]
    first, second = client.post("/jobs/batch", **batch).get_json()
    age(single)
    age(first["id"])
    sweep()
    assert client.post("/jobs", json={"type": "t"}, headers=key).status_code == 201
    refused = client.post("/jobs/batch", **batch)  # one is there still: a repeat must not make it twice
    assert (refused.status_code, "some of its jobs were deleted" in refused.text) == (409, True)
    age(second["id"])
    sweep()
    assert client.post("/jobs/batch", **batch).status_code == 201


def test_the_hours_are_kept_for_four_hundred_days(keeping: Keeping) -> None:
    keeping("")
    now = minute_of(utc_now())
    with writing() as tx:
        for days in (399, 401, 420, 900):
            row = {column.name: 0 for column in minutes.c} | {"span": HOUR, "at": (now - days * DAY) // HOUR * HOUR}
            tx.execute(minutes.insert(), row | {"type": ALL, "completed": days})
    while counting_service.keep():
        pass
    assert completed() == 399
