"""What happens under gevent: `python -m gevent.monkey --module tests.database.greenlet_stories STORY URL`.

A story runs in a process of its own, because gevent replaces parts of the standard library there. A commit takes as
long as the story holds `disk`.
"""

import sys
from collections.abc import Callable
from typing import Any

import gevent
from flask import Flask
from gevent import monkey
from sqlalchemy import Connection, event

from dashboard.app import create_app
from dashboard.core.job import utc_now
from dashboard.database.engine import WRITES, db
from dashboard.database.transactions import writing
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import jobs as job_store

disk = monkey.get_original("threading", "Lock")()


class Stage:
    """An application whose commits wait for the disk."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()
        self.commits = 0
        with app.app_context():
            event.listen(db.engines[WRITES], "commit", self._commit)

    def _commit(self, _connection: Connection) -> None:
        self.commits += 1
        assert disk.acquire(timeout=10), "no other greenlet ran during the commit"
        disk.release()

    def call(self, function: Callable[..., Any], *arguments: object) -> Any:
        with self.app.app_context():
            return function(*arguments)

    def start(self, function: Callable[..., Any], *arguments: object) -> Any:
        """A greenlet that has begun."""
        greenlet = gevent.spawn(self.call, function, *arguments)
        gevent.sleep(0)
        return greenlet

    def start_and_commit(self, function: Callable[..., Any], *arguments: object) -> Any:
        """A greenlet whose commit waits for the disk, which is held."""
        before = self.commits
        disk.acquire()
        greenlet = self.start(function, *arguments)
        while self.commits == before:
            gevent.sleep(0)
        return greenlet

    def create(self, job_type: str) -> str:
        return job_service.create(job_type, None, 0).id

    def create_alone(self, job_type: str) -> None:
        """In a transaction of this greenlet's own."""
        with writing() as tx:
            job_store.insert(tx, id=job_type, type=job_type, payload=None, priority=0, now=utc_now())

    def types(self) -> list[str]:
        return sorted(job["type"] for job in self.client.get("/jobs").get_json())


def requests_are_served_during_a_commit(stage: Stage) -> None:
    writer = stage.start_and_commit(stage.create, "t")
    assert stage.types() == []
    disk.release()
    writer.get()
    assert stage.types() == ["t"]


def a_write_that_is_cancelled_while_it_waits_is_not_done(stage: Stage) -> None:
    writer = stage.start_and_commit(stage.create, "first")
    cancelled = stage.start(stage.create, "cancelled")
    last = stage.start(stage.create, "last")
    cancelled.kill()
    disk.release()
    writer.get()
    last.get(timeout=10)
    stage.call(stage.create, "later")
    assert stage.types() == ["first", "last", "later"]


def a_write_that_is_cancelled_during_its_commit_is_done_and_so_are_the_others(stage: Stage) -> None:
    disk.acquire()
    cancelled, other = [gevent.spawn(stage.call, stage.create, name) for name in ("cancelled", "other")]
    while not stage.commits:
        gevent.sleep(0)
    cancelled.kill()
    disk.release()
    other.get(timeout=10)
    assert stage.types() == ["cancelled", "other"]
    assert stage.commits == 1
    stage.call(stage.create, "later")


def a_transaction_that_is_cancelled_during_its_commit_keeps_its_connection_until_the_end(stage: Stage) -> None:
    cancelled = stage.start_and_commit(stage.create_alone, "cancelled")
    cancelled.kill(block=False)
    other = stage.start(stage.create, "other")
    gevent.sleep(0)
    assert not cancelled.ready()
    assert not other.ready()
    disk.release()
    other.get(timeout=10)
    assert stage.types() == ["cancelled", "other"]


def a_transaction_of_its_own_gets_its_turn_among_many_that_share(stage: Stage) -> None:
    stop = False

    def create_on_and_on() -> None:
        while not stop:
            stage.create("shared")

    creators = [stage.start(create_on_and_on) for _ in range(8)]
    for number in range(20):
        stage.start(stage.create_alone, f"alone {number}").get(timeout=10)
    stop = True
    gevent.joinall(creators, timeout=10, raise_error=True)


def the_queue_agrees_with_the_database_during_the_commit_of_a_claim(stage: Stage) -> None:
    _first, second = [stage.call(job_service.create, "t", None, priority) for priority in (5, 3)]
    stage.call(claims.claim)
    claimer = stage.start_and_commit(claims.claim)
    queue = stage.client.get("/jobs/queue")
    assert [entry["job_id"] for entry in queue.get_json()] == [second.id], queue.text
    assert queue.headers["X-Total-Count"] == "1"
    assert "do not agree" not in stage.client.get("/dashboard/queue").text
    disk.release()
    claimer.get()
    assert stage.client.get("/jobs/queue").get_json() == []


if __name__ == "__main__":
    story, url = sys.argv[1:]
    globals()[story](Stage(create_app({"DATABASE_URL": url})))
