"""Writes to SQLite at the same time share a commit; each gets its own answer, and only after the commit."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from dashboard.core.errors import ActionRefusedError
from dashboard.core.job import Job, JobStatus, utc_now
from dashboard.database import group_commit
from dashboard.database.engine import WRITES, db
from dashboard.database.errors import DatabaseBusyError
from dashboard.database.group_commit import GroupCommit
from dashboard.database.transactions import reading, write
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import jobs as job_store
from dashboard.store import listing
from tests.support.factory import make_job
from tests.support.faults import locked
from tests.support.waiting import eventually

CROWD = 8


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def commits(app: Flask) -> list[Connection]:
    found: list[Connection] = []
    event.listen(db.engines[WRITES], "commit", found.append)
    return found


@contextmanager
def at_once(app: Flask, works: list[Callable[[], object]]) -> Iterator[list[Future[Any]]]:
    """All of them in threads of their own, in this order; they wait for the one write lock until the block ends."""

    def call(work: Callable[[], object]) -> object:
        with app.app_context():
            return work()

    writer: GroupCommit = app.extensions["writer"]
    with ThreadPoolExecutor(len(works)) as pool, locked(app.config["SQLALCHEMY_DATABASE_URI"]):
        futures: list[Future[Any]] = []
        for work in works:
            futures.append(pool.submit(call, work))
            eventually(lambda: writer.waiting == len(futures), "all of them wait")
        yield futures


def test_writes_that_wait_for_the_write_lock_share_one_commit(app: Flask, commits: list[Connection]) -> None:
    with at_once(app, [lambda: job_service.create("t", None, 0)] * CROWD) as futures:
        pass
    ids = {future.result().id for future in futures}
    assert len(ids) == CROWD
    assert len(commits) == 1
    with reading() as tx:
        assert {job.id for job in listing.newest(tx, None, 100)} == ids


def test_a_commit_has_a_limit_and_the_other_writes_are_in_the_next_one(
    app: Flask, commits: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "GROUP_MAX", 3)
    with at_once(app, [lambda: job_service.create("t", None, 0)] * CROWD) as futures:
        pass
    assert len({future.result().id for future in futures}) == CROWD
    assert len(commits) == 3


def test_a_refused_write_leaves_the_work_of_the_others(app: Flask) -> None:
    done = make_job(JobStatus.COMPLETED)
    create = lambda: job_service.create("t", None, 0)  # noqa: E731
    with at_once(app, [create, lambda: job_service.complete(done.id, None), create]) as futures:
        pass
    assert isinstance(futures[1].exception(), ActionRefusedError)
    with reading() as tx:
        assert {futures[0].result().id, futures[2].result().id, done.id} == {
            job.id for job in listing.newest(tx, None, 9)
        }


def test_a_job_is_claimed_once_by_a_crowd_and_completed_once(app: Flask) -> None:
    jobs = [make_job(priority=priority) for priority in (0, 7, 3)]
    with at_once(app, [claims.claim] * 3) as futures:
        pass
    assert {future.result().id for future in futures} == {job.id for job in jobs}
    with at_once(app, [lambda: job_service.complete(jobs[0].id, None)] * 3) as futures:
        pass
    assert sorted(type(future.exception()).__name__ for future in futures) == [
        "ActionRefusedError",
        "ActionRefusedError",
        "NoneType",
    ]


def break_down(_: Connection) -> None:
    error = Exception("disk I/O error")
    raise OperationalError("COMMIT", None, error) from error


def half(tx: Connection) -> None:
    tx.execute(text("UPDATE jobs SET priority = 8"))
    raise ValueError("half of it")


def test_when_the_commit_fails_no_write_is_answered_as_done(app: Flask) -> None:
    first, second = make_job(priority=9), make_job(priority=5)

    with at_once(app, [claims.claim, lambda: job_service.create("t", None, 7), claims.claim]) as futures:
        event.listen(db.engines[WRITES], "commit", break_down)
    assert {type(future.exception()) for future in futures} == {DatabaseBusyError}
    event.remove(db.engines[WRITES], "commit", break_down)
    with reading() as tx:
        assert [job.status for job in listing.newest(tx, None, 9)] == [JobStatus.PENDING] * 2
    assert [claims.claim().id, claims.claim().id] == [first.id, second.id]  # the queue has them again


def test_each_write_of_a_failed_commit_raises_an_exception_of_its_own(app: Flask) -> None:
    with at_once(app, [lambda: job_service.create("t", None, 0)] * CROWD) as futures:
        event.listen(db.engines[WRITES], "commit", break_down)
    errors = {future.exception() for future in futures}
    assert len(errors) == CROWD
    (cause,) = {error.__cause__ for error in errors if error}
    assert isinstance(cause, OperationalError)


def test_each_request_of_a_failed_commit_is_answered_503_and_the_log_says_why(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with at_once(app, [lambda: app.test_client().post("/jobs", json={"type": "t"})] * CROWD) as futures:
        event.listen(db.engines[WRITES], "commit", break_down)
    answers = [future.result() for future in futures]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "2")] * CROWD
    assert [record.getMessage() for record in caplog.records] == ["The database refused: disk I/O error"] * CROWD


FIFTY = 50


def test_a_write_that_fails_after_it_has_written_undoes_no_other_write(app: Flask, commits: list[Connection]) -> None:
    def fail_half_way(tx: Connection) -> None:
        job_store.insert(tx, id=str(uuid4()), type="half", payload=None, priority=0, now=utc_now())
        half(tx)

    undone: list[object] = []
    create = lambda: job_service.create("whole", None, 0)  # noqa: E731
    fail = lambda: write(fail_half_way, undone=lambda: undone.append(None))  # noqa: E731
    with at_once(app, [fail if number % 5 == 2 else create for number in range(FIFTY)]) as futures:
        pass
    failed = [type(future.exception()) for future in futures[2::5]]
    assert failed == [ValueError] * (FIFTY // 5)
    assert len(undone) == len(failed)
    del futures[2::5]
    with reading() as tx:
        found = listing.newest(tx, None, 100)
    assert {job.id for job in found} == {future.result().id for future in futures}
    assert {(job.type, job.priority) for job in found} == {("whole", 0)}
    assert len(commits) == 1


def test_an_error_in_undone_is_raised_by_its_write_and_stops_no_other(app: Flask) -> None:
    def fail() -> None:
        raise KeyError("undone")

    def create() -> Job:
        return job_service.create("t", None, 0)

    with at_once(app, [create, lambda: write(half, undone=fail), create]) as futures:
        pass
    assert isinstance(futures[1].exception(), KeyError)
    assert futures[0].result() != futures[2].result()
    with at_once(app, [create, lambda: write(half, undone=fail), create]) as futures:
        event.listen(db.engines[WRITES], "commit", break_down)
    event.remove(db.engines[WRITES], "commit", break_down)
    assert [type(future.exception()) for future in futures] == [DatabaseBusyError, KeyError, DatabaseBusyError]
    create()


def test_a_write_of_one_statement_that_fails_after_it_fails_all_and_raises_its_error_alone(app: Flask) -> None:
    with at_once(app, [lambda: job_service.create("t", None, 0), lambda: write(half, one_statement=True)]) as futures:
        pass
    other, its_own = [future.exception() for future in futures]
    assert isinstance(its_own, ValueError)
    assert isinstance(other, DatabaseBusyError)
    assert other.__cause__ is its_own


def test_when_the_database_rolled_back_by_itself_no_write_is_answered_as_done(app: Flask) -> None:
    def run_out_of_memory(tx: Connection) -> None:
        tx.connection.cursor().execute("ROLLBACK")  # which SQLite may do then
        raise MemoryError

    create = lambda: job_service.create("t", None, 0)  # noqa: E731
    with at_once(app, [create, lambda: write(run_out_of_memory), create]) as futures:
        pass
    with reading() as tx:
        kept = {job.id for job in listing.newest(tx, None, 9)}
    assert kept == {future.result().id for future in futures if future.exception() is None}
    assert futures[1].exception() is not None


def test_where_the_lock_file_cannot_be_opened_the_database_s_own_lock_is_enough(app: Flask) -> None:
    Path(f"{db.engine.url.database}-turn").mkdir()
    with at_once(app, [lambda: job_service.create("t", None, 0)] * CROWD) as futures:
        pass
    assert len({future.result().id for future in futures}) == CROWD


def test_a_write_waits_for_the_lock_file_only_so_long(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "BUSY_TIMEOUT", 100)
    with open(f"{db.engine.url.database}-turn", "wb") as file:
        flock(file, LOCK_EX)
        with pytest.raises(DatabaseBusyError):
            job_service.create("t", None, 0)
    job_service.create("t", None, 0)
