"""Those who write to SQLite at the same time commit together; each gets his own answer, and only after the commit."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app, request, session
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from dashboard.core.errors import ActionRefusedError
from dashboard.core.job import JobStatus
from dashboard.database import group_commit
from dashboard.database.engine import db
from dashboard.database.errors import DatabaseBusyError
from dashboard.database.transactions import reading, write, writing
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import jobs as job_store
from dashboard.store import listing
from tests.conftest import MakeApp
from tests.support.factory import make_job
from tests.support.faults import locked
from tests.support.server import ROOT, eventually, statements

CROWD = 8


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture(params=["sqlite", "postgres"])
def app_of_each(request: pytest.FixtureRequest, make_app: MakeApp) -> Iterator[Flask]:
    """An application on each database in turn."""
    app = make_app(request.getfixturevalue(f"{request.param}_url"))
    with app.app_context():
        yield app


@pytest.fixture
def commits(app: Flask) -> list[Connection]:
    found: list[Connection] = []
    event.listen(db.engines["writes"], "commit", found.append)
    return found


@contextmanager
def at_once(app: Flask, works: list[Callable[[], object]]) -> Iterator[list[Future[Any]]]:
    """All of them in threads of their own, waiting for the one write lock until the end of the block."""

    def call(work: Callable[[], object]) -> object:
        with app.app_context():
            return work()

    waiting = app.extensions["writer"]._waiting
    with ThreadPoolExecutor(len(works)) as pool, locked(app.config["SQLALCHEMY_DATABASE_URI"]):
        futures: list[Future[Any]] = []
        for work in works:  # in this order
            futures.append(pool.submit(call, work))
            eventually(lambda: len(waiting) == len(futures), "all of them are waiting")
        yield futures


def test_who_waits_for_the_write_lock_is_committed_with_the_others(app: Flask, commits: list[Connection]) -> None:
    with at_once(app, [lambda: job_service.create("t", None, 0)] * CROWD) as futures:
        pass
    ids = {future.result().id for future in futures}
    assert len(ids) == CROWD
    assert len(commits) == 1
    with reading() as tx:
        assert {job.id for job in listing.newest(tx, None, 100)} == ids


def test_a_commit_takes_so_many_along_and_the_others_are_led_by_the_next(
    app: Flask, commits: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "GROUP_MAX", 3)
    with at_once(app, [lambda: job_service.create("t", None, 0)] * CROWD) as futures:
        pass
    assert len({future.result().id for future in futures}) == CROWD
    assert len(commits) == 3


def test_one_who_is_refused_leaves_the_work_of_the_others(app: Flask) -> None:
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


def test_nobody_is_answered_as_if_it_were_done_when_the_commit_fails(app: Flask) -> None:
    first, second = make_job(priority=9), make_job(priority=5)

    with at_once(app, [claims.claim, lambda: job_service.create("t", None, 7), claims.claim]) as futures:
        event.listen(db.engines["writes"], "commit", break_down)
    assert {type(future.exception()) for future in futures} == {DatabaseBusyError}
    event.remove(db.engines["writes"], "commit", break_down)
    with reading() as tx:
        assert [job.status for job in listing.newest(tx, None, 9)] == [JobStatus.PENDING] * 2
    assert [claims.claim().id, claims.claim().id] == [first.id, second.id]  # the queue has them again


def test_each_request_of_a_commit_that_failed_gets_an_exception_of_its_own(app: Flask) -> None:
    with at_once(app, [lambda: job_service.create("t", None, 0)] * CROWD) as futures:
        event.listen(db.engines["writes"], "commit", break_down)
    errors = {future.exception() for future in futures}
    assert len(errors) == CROWD
    (cause,) = {error.__cause__ for error in errors if error}
    assert isinstance(cause, OperationalError)


def test_each_request_of_a_commit_that_failed_is_answered_503_and_the_log_says_why(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with at_once(app, [lambda: app.test_client().post("/jobs", json={"type": "t"})] * CROWD) as futures:
        event.listen(db.engines["writes"], "commit", break_down)
    answers = [future.result() for future in futures]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "2")] * CROWD
    assert [record.getMessage() for record in caplog.records] == ["The database refused: disk I/O error"] * CROWD


def test_an_error_is_raised_by_the_write_that_made_it_alone(app: Flask) -> None:
    with at_once(app, [lambda: job_service.create("t", None, 0), lambda: write(half)]) as futures:
        pass
    other, its_own = [future.exception() for future in futures]
    assert isinstance(its_own, ValueError)
    assert isinstance(other, DatabaseBusyError)
    assert other.__cause__ is its_own


def test_nobody_is_answered_as_if_it_were_done_when_the_database_undid_all_by_itself(app: Flask) -> None:
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


def test_where_the_file_of_turns_cannot_be_the_database_s_own_lock_does(app: Flask) -> None:
    Path(f"{db.engine.url.database}-turn").mkdir()
    with at_once(app, [lambda: job_service.create("t", None, 0)] * CROWD) as futures:
        pass
    assert len({future.result().id for future in futures}) == CROWD


def test_a_process_that_does_not_let_go_of_its_turn_is_not_waited_for_without_end(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "BUSY_TIMEOUT", 100)
    with open(f"{db.engine.url.database}-turn", "wb") as file:
        flock(file, LOCK_EX)
        with pytest.raises(DatabaseBusyError):
            job_service.create("t", None, 0)
    job_service.create("t", None, 0)


# As under gunicorn: greenlets, and a disk that takes as long for a commit as `disk` is held.
UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import sys
import gevent
from sqlalchemy import event
from dashboard.app import create_app
from dashboard.models import db

commits = []
disk = monkey.get_original("threading", "Lock")()

def commit(connection):
    if "writes_until" not in connection.get_execution_options():
        return
    commits.append("has begun")
    assert disk.acquire(timeout=10), "nobody was served meanwhile"
    disk.release()

def call(function, *arguments):
    with app.app_context():
        return function(*arguments)

def start(function, *arguments):
    greenlet = gevent.spawn(call, function, *arguments)
    gevent.sleep(0)
    return greenlet

def create_while_it_commits():
    del commits[:]
    disk.acquire()
    writer = start(service.create, "t", None, 0)
    while not commits:
        gevent.sleep(0)
    return writer

def types():
    return sorted(job["type"] for job in app.test_client().get("/jobs").json)

app = create_app({"DATABASE_URL": sys.argv[1]})
with app.app_context():
    event.listen(db.engines["writes"], "commit", commit)
"""


def under_gevent(url: str, story: str) -> None:
    command = [sys.executable, "-W", "error", "-c", UNDER_GEVENT + story, url]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


def test_others_are_served_while_a_commit_waits_for_the_disk(sqlite_url: str) -> None:
    story = """
writer = create_while_it_commits()
assert types() == []
disk.release()
writer.get()
assert types() == ["t"]
"""
    under_gevent(sqlite_url, story)


def test_nobody_waits_for_one_who_was_killed_while_he_waited(sqlite_url: str) -> None:
    story = """
writer = create_while_it_commits()
killed = start(service.create, "killed", None, 0)
last = start(service.create, "last", None, 0)
killed.kill()
disk.release()
writer.get()
last.get(timeout=10)
call(service.create, "later", None, 0)
assert types() == ["last", "later", "t"]
"""
    under_gevent(sqlite_url, story)


def test_a_connection_is_not_handed_on_while_the_disk_works_for_one_who_was_killed(sqlite_url: str) -> None:
    story = """
killed = create_while_it_commits()
killed.kill(block=False)
other = start(service.create, "other", None, 0)
gevent.sleep(0)
assert not killed.ready() and not other.ready()
disk.release()
other.get(timeout=10)
assert types() == ["other", "t"]
"""
    under_gevent(sqlite_url, story)


def test_who_shared_the_commit_of_one_who_was_killed_is_told_to_look(sqlite_url: str) -> None:
    story = """
from dashboard.connections import DatabaseBusyError
disk.acquire()
killed, other = [gevent.spawn(call, service.create, name, None, 0) for name in ("killed", "other")]
while not commits:
    gevent.sleep(0)
killed.kill(block=False)
gevent.sleep(0)
disk.release()
try:
    other.get(timeout=10)
except DatabaseBusyError:
    pass
else:
    raise AssertionError("it was told that all is well")
assert types() == ["killed", "other"]
call(service.create, "later", None, 0)
"""
    under_gevent(sqlite_url, story)


def test_the_queue_s_page_agrees_with_the_database_while_a_claim_is_committed(sqlite_url: str) -> None:
    story = """
first, second = [call(service.create, "t", None, priority) for priority in (5, 3)]
call(service.claim)
del commits[:]
disk.acquire()
claimer = start(service.claim)
while not commits:
    gevent.sleep(0)
queue = app.test_client().get("/jobs/queue")
assert [entry["job_id"] for entry in queue.json] == [second.id], queue.json
assert queue.headers["X-Total-Count"] == "1"
assert "do not agree" not in app.test_client().get("/dashboard/queue").text
disk.release()
claimer.get()
assert app.test_client().get("/jobs/queue").json == []
"""
    under_gevent(sqlite_url, story)


def test_work_that_fails_after_it_has_written_is_not_kept(app_of_each: Flask) -> None:
    job = make_job()
    with pytest.raises(ValueError, match="half of it"):
        write(half)
    with reading() as tx:
        assert job_store.get(tx, job.id) == job


def by_writing(inner: Callable[[], object]) -> None:
    with writing():
        inner()


WAYS: dict[str, Callable[[Callable[[], object]], object]] = {
    "write": lambda inner: write(lambda _: inner()),
    "writing": by_writing,
}


@pytest.mark.parametrize("outer", WAYS)
@pytest.mark.parametrize("inner", WAYS)
def test_a_write_inside_a_write_raises_at_once_and_the_next_one_is_done(
    app_of_each: Flask, outer: str, inner: str
) -> None:
    with pytest.raises(RuntimeError, match="inside another one"):
        WAYS[outer](lambda: WAYS[inner](lambda: None))
    with pytest.raises(RuntimeError, match="inside another one"):
        WAYS[outer](lambda: job_service.create("t", None, 0))
    make_job()


@pytest.mark.parametrize("ask", [lambda: request.path, lambda: session.get("who"), lambda: current_app.name])
def test_work_cannot_ask_for_the_request_which_may_be_another_one_s(
    app_of_each: Flask, ask: Callable[[], object]
) -> None:
    with app_of_each.test_request_context(), pytest.raises(RuntimeError, match="outside of"):
        write(lambda _: ask())


def test_what_says_that_it_is_one_statement_is_one(make_app: MakeApp, postgres_url: str) -> None:
    with make_app(postgres_url).app_context():
        running, pending = make_job(JobStatus.RUNNING), make_job()
        for action in (
            lambda: job_service.create("t", None, 0),
            lambda: job_service.complete(running.id, None),
            lambda: job_service.call_off(pending.id),
            claims.claim,
        ):
            assert len(statements(action)) == 1
