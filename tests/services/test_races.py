"""Calls about the same runs at the same time: one wins, nobody waits for ever, and a lost lease changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from random import Random
from threading import Barrier
from types import NoneType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, select

from dashboard.core.errors import (
    JobError,
    JobNotFoundError,
    KeyUsedError,
    LeaseLostError,
    NoPendingJobsError,
    NotFinishedError,
)
from dashboard.core.job import NewJob
from dashboard.core.run import Lease
from dashboard.core.transitions import Action
from dashboard.database.schema import runs
from dashboard.database.transactions import reading
from dashboard.ops.housekeeper import keep
from dashboard.services import claims, create
from dashboard.services import jobs as job_service
from dashboard.services import runs as run_service
from dashboard.services.runs import Beat, End
from dashboard.store import claims as claim_store
from dashboard.store import runs as run_store
from tests.support.app import MakeApp
from tests.support.calls import call, refused
from tests.support.database import table
from tests.support.factory import make_job, make_many
from tests.support.leases import TOKEN, check_invariants, leased, pass_time

OTHER = "another-token-of-20"
ROUNDS = 25
JOBS = 12


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Iterator[Flask]:
    app = make_app(database_url, LEASE_GRACE="0")
    with app.app_context():
        yield app
        check_invariants()


@pytest.fixture
def other_app(make_app: MakeApp, database_url: str, app: Flask) -> Flask:
    return make_app(database_url, LEASE_GRACE="0")


Call = Callable[[], object]


def together(apps: Sequence[Flask], calls: Sequence[Call]) -> list[Any]:
    """All of them at once, each in a thread and the next process; what each returned, or the refusal that it raised."""
    start = Barrier(len(calls))

    def run(app: Flask, function: Call) -> object:
        with app.app_context():
            start.wait()
            try:
                return function()
            except JobError as refusal:
                return refusal

    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(run, apps[place % len(apps)], each) for place, each in enumerate(calls)]
    return [future.result() for future in futures]


def all_runs() -> list[Any]:
    with reading() as tx:
        return list(tx.execute(select(runs).order_by(runs.c.seq, runs.c.attempt)))


def test_a_worker_that_lost_the_lease_changes_nothing_of_the_next_run(app: Flask) -> None:
    client = app.test_client()
    job = make_job()
    leased(client, "&attempts=2&worker=A")
    pass_time(61)
    keep(app)
    pass_time(10)
    leased(client, "&worker=B", token=OTHER)
    before = (all_runs(), client.get(f"/jobs/{job.id}?full=1").text)
    for action in ("fail", "heartbeat", "release", "complete") * 2:
        refused(client, f"POST /jobs/{job.id}/{action}?token={TOKEN}", 409)
    report = [
        {"id": job.id, "token": TOKEN, "action": action} for action in ("fail", "heartbeat", "release", "complete") * 2
    ]
    for item in report:
        assert call(client, "POST /jobs/report", 200, json=[item])[0]["status"] == 409
    assert call(client, f"POST /jobs/release?token={TOKEN}", 200) == []
    assert (all_runs(), client.get(f"/jobs/{job.id}?full=1").text) == before


def test_a_heartbeat_between_the_sweep_s_look_and_its_update_saves_the_run(
    make_app: MakeApp, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, holder = (make_app(postgres_url, LEASE_GRACE="0") for _ in range(2))
    with app.app_context():
        job = make_job()
        leased(app.test_client())
        pass_time(61)
        known = run_store.lock_known

        def hear_first(tx: Connection, pairs: Sequence[tuple[int, str]]) -> list[run_store.KnownRun]:
            monkeypatch.undo()
            [heard] = together([holder], [lambda: run_service.heartbeat(Beat(job.id, TOKEN))])
            assert heard.attempt == 1
            return known(tx, pairs)

        monkeypatch.setattr(run_store, "lock_known", hear_first)
        assert keep(app) == 0
        assert [(run.attempt, run.ended_at) for run in all_runs()] == [(1, None)]
        check_invariants()


def test_of_sweep_complete_heartbeat_and_fail_one_ends_the_job(app: Flask, other_app: Flask) -> None:
    rng = Random()
    seed = rng.randrange(10**6)
    print(f"with the seed {seed}")
    rng.seed(seed)
    for number in range(ROUNDS):
        job, token = make_job(), f"token-of-round-{number:04}"
        claims.lease(1, (), Lease(60, token, "w", 1), is_key=True)
        pass_time(61)
        calls: list[Call] = [
            lambda: keep(app),
            lambda job=job, token=token: run_service.end(End(job.id, token, Action.COMPLETE)),  # type: ignore[misc]
            lambda job=job, token=token: run_service.heartbeat(Beat(job.id, token)),  # type: ignore[misc]
            lambda job=job: job_service.fail(job.id, "called off"),  # type: ignore[misc]
        ]
        rng.shuffle(calls)
        answers = together([app, other_app], calls)
        [run] = [run for run in all_runs() if run.token == token]
        assert run.outcome in ("expired", "completed", "taken"), answers
        assert client_status(app, job.id) == ("COMPLETED" if run.outcome == "completed" else "FAILED")
        check_invariants()


def client_status(app: Flask, job_id: str) -> str:
    return str(call(app.test_client(), f"GET /jobs/{job_id}", 200)["status"])


def test_reports_and_sweeps_about_the_same_jobs_never_wait_for_each_other_in_a_circle(
    app: Flask, other_app: Flask
) -> None:
    """Neither in whatever order they name them: a deadlock would be raised by PostgreSQL."""
    rng = Random()
    seed = rng.randrange(10**6)
    print(f"with the seed {seed}")
    rng.seed(seed)
    for number in range(ROUNDS):
        token = f"token-of-round-{number:04}"
        create.create_many([NewJob("t", max_attempts=3) for _ in range(JOBS)])
        ids = [each.job.id for each in claims.lease(JOBS, (), Lease(60, token, "w", 3), is_key=True)]
        pass_time(61)

        def report(share: float, ids: list[str] = ids, token: str = token) -> Call:
            items: list[End | Beat] = [
                End(each, token, rng.choice((Action.COMPLETE, Action.FAIL, Action.RELEASE)))
                if rng.random() < share
                else Beat(each, token)
                for each in rng.sample(ids, JOBS)
            ]
            return lambda: run_service.report(items)

        calls = [report(0), report(0), report(0.5), report(0.5), lambda: keep(app), lambda: keep(other_app)]
        calls += [lambda token=token: run_service.release_all(token, 0)]  # type: ignore[misc]
        calls += [lambda each=each: job_service.fail(each, None) for each in rng.sample(ids, 2)]  # type: ignore[misc]
        together([app, other_app], calls)
        check_invariants()
        assert {run.token for run in all_runs() if run.ended_at is None} <= {token}
        pass_time(10_000)
        keep(app)
        with suppress(NoPendingJobsError):
            while claims.claim():
                pass


def test_two_claims_with_one_key_at_once_give_the_same_jobs(app: Flask, other_app: Flask) -> None:
    make_many(40)
    for number in range(10):
        lease = Lease(60, f"token-of-round-{number:04}", "w", 1)
        answers = together([app, other_app], [lambda lease=lease: claims.lease(2, (), lease, is_key=True)] * 4)  # type: ignore[misc]
        assert [len(answer) for answer in answers] == [2] * 4
        assert {tuple(each.job.id for each in answer) for answer in answers} == {
            tuple(each.job.id for each in answers[0])
        }
    assert len(all_runs()) == 20


def test_two_creates_with_one_key_at_once_make_one_job(app: Flask, other_app: Flask) -> None:
    for number in range(10):
        calls: list[Call] = [lambda key=f"k{number}": create.create_once(NewJob("t"), key, "")] * 4  # type: ignore[misc]
        answers = together([app, other_app], calls)
        assert sorted(is_new for _, is_new in answers) == [False, False, False, True]
        batch = [NewJob("t"), NewJob("u")]
        calls = [lambda key=f"k{number}", batch=batch: create.create_many_once(batch, key, "")] * 4  # type: ignore[misc]
        answers = together([app, other_app], calls)
        assert sorted(is_new for _, is_new in answers) == [False, False, False, True]


def test_a_claim_finds_what_another_process_has_just_settled(
    make_app: MakeApp, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its first statement, which took nothing because something was due, and its next one."""
    app, other = (make_app(postgres_url, LEASE_GRACE="0") for _ in range(2))
    with app.app_context():
        [job] = create.create_many([NewJob("t", run_at=timedelta(seconds=60))])
        pass_time(61)
        may_find = claim_store.may_find

        def keep_first(tx: Connection, types: Sequence[str], *, sweeps: bool) -> bool:
            assert together([other], [lambda: keep(other)]) == [1]
            found: bool = may_find(tx, types, sweeps=sweeps)
            return found

        monkeypatch.setattr(claim_store, "may_find", keep_first)
        assert claims.claim().id == job.id


POISON = 3


def test_poison_has_so_many_runs_and_releases_between_them_do_not_count(app: Flask) -> None:
    job = make_job()
    for number in range(2 * POISON):
        token = f"token-of-round-{number:04}"
        [held] = claims.lease(1, (), Lease(60, token, "w", POISON), is_key=True)
        assert held.job.attempt == number + 1
        if number % 2:
            pass_time(61)
            keep(app)
            pass_time(3_600)
        else:
            run_service.end(End(job.id, token, Action.RELEASE))
        keep(app)
    assert client_status(app, job.id) == "FAILED"
    assert [run.outcome for run in all_runs()] == ["released", "expired"] * POISON
    with pytest.raises(NoPendingJobsError):
        claims.claim()


FIFTY = 50


def test_fifty_writers_in_one_commit_undo_nothing_of_each_other(app: Flask, database_url: str) -> None:
    """Among them a report with stale items, a batch and a create that meet their keys, and a key that is used up."""
    held = make_job()
    leased(app.test_client())
    ended = End(held.id, TOKEN, Action.COMPLETE)
    stale = End(make_job().id, TOKEN, Action.COMPLETE)
    create.create_many_once([NewJob("a"), NewJob("b")], "batch", "")
    create.create_once(NewJob("a"), "one", "")
    odd: list[Call] = [
        lambda: run_service.report([ended, stale, Beat("nope", TOKEN)]),
        lambda: create.create_many_once([NewJob("a")], "batch", ""),
        lambda: create.create_once(NewJob("b"), "one", ""),
        lambda: run_service.release_all("token-of-nothing", 0),
        lambda: job_service.retry(held.id),
    ]
    before = {row.id for row in table(database_url)}
    calls = [odd[number // 10] if number % 10 == 5 else lambda: make_job() for number in range(FIFTY)]
    answers = together([app], calls)
    assert [type(refusal) for refusal in answers[5]] == [NoneType, LeaseLostError, JobNotFoundError]
    assert [type(answer) for answer in (answers[15], answers[25])] == [KeyUsedError, KeyUsedError]
    made = {answer.id for number, answer in enumerate(answers) if number % 10 != 5}
    again = {answers[45].id} - made if not isinstance(answers[45], NotFinishedError) else set()
    assert {row.id for row in table(database_url)} - before == made | again
    assert len(made) == FIFTY - len(odd)
    assert client_status(app, held.id) == "COMPLETED"
