"""Requests that wait in one process: who is woken, who goes on waiting, and who is never forgotten."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from dashboard.core.job import Job
from dashboard.database import watch
from dashboard.services import claims, waiting
from dashboard.services.waiting import WaitingRoom
from dashboard.store import claims as claim_store
from tests.support.app import MakeApp
from tests.support.calls import call
from tests.support.factory import make_job
from tests.support.waiting import eventually

LONG = 25.0  # seconds, which none of them is to wait
NEVER = 3_600


@pytest.fixture
def room(app: Flask) -> Iterator[WaitingRoom]:
    room = waiting.room()
    yield room
    room.drain()
    eventually(lambda: len(room) == 0, "all are answered")


@pytest.fixture
def start(app: Flask) -> Iterator[Callable[..., Future[Any]]]:
    """Start a call in a thread of its own."""
    with ThreadPoolExecutor(16) as pool:

        def start(function: Callable[..., object], *arguments: object) -> Future[Any]:
            def work() -> object:
                with app.app_context():
                    return function(*arguments)

            return pool.submit(work)

        yield start
        waiting.room().drain()


Start = Callable[..., Future[Any]]


def wait(room: WaitingRoom, types: tuple[str, ...] = (), is_there: bool = True) -> list[Job] | None:
    return room.wait_for_job(lambda: claims.claim_many(1, types), types, LONG, lambda: is_there)


def several_wait(room: WaitingRoom, count: int) -> None:
    eventually(lambda: len(room) == count, f"{count} wait")


def test_of_many_that_wait_one_gets_the_job_and_the_others_go_on_waiting(room: WaitingRoom, start: Start) -> None:
    calls = [start(wait, room) for _ in range(8)]
    several_wait(room, 8)
    for left in (7, 6):
        job = make_job()
        several_wait(room, left)
        [got] = [each.result() for each in calls if each.done() and each.result()[0].id == job.id]
        assert got[0].status == "RUNNING"
    room.drain()
    assert [each.result() for each in calls].count(None) == 6


def test_one_that_got_a_job_wakes_the_next(room: WaitingRoom, start: Start, client: FlaskClient) -> None:
    calls = [start(wait, room) for _ in range(8)]
    several_wait(room, 8)
    made = call(client, "POST /jobs/batch", 201, json=[{"type": "t"}] * 8)
    assert {each.result()[0].id for each in calls} == {job["id"] for job in made}


def test_a_job_goes_to_a_claim_of_its_type(room: WaitingRoom, start: Start) -> None:
    first = start(wait, room, ("a", "b"))
    second = start(wait, room, ("c",))
    several_wait(room, 2)
    job = make_job(type="c")
    assert second.result()[0].id == job.id
    assert not first.done()
    job = make_job(type="b")
    assert first.result()[0].id == job.id


def test_one_whose_client_has_gone_passes_the_job_on(room: WaitingRoom, start: Start) -> None:
    gone = [start(wait, room, (), False) for _ in range(8)]
    several_wait(room, 8)
    live = start(wait, room)
    several_wait(room, 9)
    job = make_job()
    assert live.result()[0].id == job.id
    assert [each.result() for each in gone] == [None] * 8


def test_what_is_committed_during_the_first_attempt_is_not_missed(
    make_app: MakeApp, database_url: str, room: WaitingRoom, start: Start
) -> None:
    watched = start(wait, room, ("nothing",))  # somebody waits already, so changes are looked for
    several_wait(room, 1)
    other = make_app(database_url).test_client()
    attempts: list[object] = []

    def attempt() -> list[Job] | None:
        found = claims.claim_many(1) if attempts else None
        if not attempts:
            call(other, "POST /jobs", 201, json={"type": "t"})
        attempts.append(found)
        return found

    assert start(room.wait_for_job, attempt, (), LONG, lambda: True).result()[0].type == "t"
    assert not watched.done()


ENDS = ["complete", "fail"]


@pytest.mark.parametrize("action", ENDS)
def test_a_reader_is_answered_when_its_job_is_finished(
    client: FlaskClient, room: WaitingRoom, start: Start, app: Flask, action: str
) -> None:
    make_job()
    job = claims.claim()
    reader = start(lambda: app.test_client().get(f"/jobs/{job.id}?wait=25").get_json()["status"])
    several_wait(room, 1)
    make_job()
    assert not reader.done()
    done = call(client, f"POST /jobs/{job.id}/{action}", 200)
    assert reader.result() == done["status"]


def test_a_reader_of_a_finished_job_or_of_none_does_not_wait(client: FlaskClient) -> None:
    job = make_job()
    call(client, f"POST /jobs/{job.id}/fail", 200)
    assert call(client, f"GET /jobs/{job.id}?wait=25", 200)["status"] == "FAILED"
    call(client, "GET /jobs/nope?wait=25", 404)


@pytest.mark.parametrize("what", ["create", "batch", "release", "fail", "retry"])
def test_what_this_process_writes_wakes_it_though_it_looks_for_nothing(
    client: FlaskClient, room: WaitingRoom, start: Start, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    for name in ("SQLITE_INTERVAL", "POSTGRESQL_INTERVAL"):
        monkeypatch.setattr(watch, name, NEVER)
    done, held = make_job(), make_job()
    call(client, f"POST /jobs/{done.id}/fail", 200)
    token = call(client, "POST /jobs/claim?lease=60&attempts=2", 200)["token"]
    waits = start(wait, room)
    several_wait(room, 1)
    if what == "create":
        call(client, "POST /jobs", 201, json={"type": "t"})
    elif what == "batch":
        call(client, "POST /jobs/batch", 201, json=[{"type": "t"}])
    elif what == "retry":
        call(client, f"POST /jobs/{done.id}/retry", 201)
    else:
        call(client, f"POST /jobs/{held.id}/{what}?token={token}{'&retry_in=0' * (what == 'fail')}", 200)
    assert waits.result()[0].status == "RUNNING"


def test_when_the_room_is_full_a_further_request_is_answered_at_once(
    room: WaitingRoom, start: Start, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WAITING_MAX", 1)
    first = start(wait, room)
    several_wait(room, 1)
    call(client, "POST /jobs/claim?wait=25", 404)
    make_job()
    assert first.result()


def test_a_process_that_drains_answers_all_waiting_requests_and_takes_no_more(
    room: WaitingRoom, start: Start, client: FlaskClient
) -> None:
    calls = [start(wait, room) for _ in range(8)]
    several_wait(room, 8)
    room.drain()
    assert [each.result() for each in calls] == [None] * 8
    job = make_job()
    assert call(client, "POST /jobs/claim?wait=25", 200)["id"] == job.id
    call(client, "POST /jobs/claim?wait=25", 404)


def test_a_look_that_fails_is_tried_again(room: WaitingRoom, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[object] = []

    def fail(*_: object) -> set[str]:
        failures.append(None)
        raise OperationalError("SELECT", None, Exception("the database is away"))

    with monkeypatch.context() as patch:
        patch.setattr(claim_store, "ready_types", fail)
        waits = start(wait, room, ("t",))
        several_wait(room, 1)
        make_job(type="t")
        eventually(lambda: failures, "it has looked")
    make_job(type="u")
    assert waits.result()[0].type == "t"
