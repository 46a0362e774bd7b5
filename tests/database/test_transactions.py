"""A write is one transaction on both databases, never inside another, and apart from the request that began it."""

from collections.abc import Callable

import pytest
from flask import Flask, current_app, request, session
from sqlalchemy import Connection, text

from dashboard.core.job import JobStatus
from dashboard.database.transactions import reading, write, writing
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import jobs as job_store
from tests.support.app import MakeApp
from tests.support.factory import make_job
from tests.support.statements import statements


def half(tx: Connection) -> None:
    tx.execute(text("UPDATE jobs SET priority = 8"))
    raise ValueError("half of it")


def test_work_that_fails_after_it_has_written_is_not_kept(app: Flask) -> None:
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
def test_a_write_inside_a_write_raises_at_once_and_the_next_one_is_done(app: Flask, outer: str, inner: str) -> None:
    with pytest.raises(RuntimeError, match="inside another one"):
        WAYS[outer](lambda: WAYS[inner](lambda: None))
    with pytest.raises(RuntimeError, match="inside another one"):
        WAYS[outer](lambda: job_service.create("t", None, 0))
    make_job()


@pytest.mark.parametrize("ask", [lambda: request.path, lambda: session.get("who"), lambda: current_app.name])
def test_work_cannot_read_the_request_which_may_be_another_one(app: Flask, ask: Callable[[], object]) -> None:
    with app.test_request_context(), pytest.raises(RuntimeError, match="outside of"):
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
