"""A rule between the tables that is broken is reported; where all rules hold, nothing is."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.core.job import JobStatus
from dashboard.database.transactions import reading, writing
from dashboard.store import consistency
from tests.support.factory import make_job
from tests.support.leases import leased

SPOILED = {
    "UPDATE tally SET pending = pending + 1, delayed = delayed + 1 WHERE slot = (SELECT min(slot) FROM tally)": [
        "The tally says 2 pending jobs; the table has 1",
        "The tally says 1 delayed jobs; the table has 0",
    ],
    "UPDATE jobs SET started_at = created_at WHERE status = 'PENDING'": ["1 jobs are PENDING and have begun or ended"],
    "UPDATE jobs SET started_at = NULL WHERE status = 'RUNNING'": [
        "1 jobs are RUNNING and have not begun, or have ended"
    ],
    "UPDATE jobs SET completed_at = NULL": ["2 jobs have ended at no time"],
    "UPDATE runs SET attempt = 2": ["1 jobs have runs that are not numbered 1, 2, 3 and so on"],
    "UPDATE jobs SET status = 'COMPLETED', completed_at = created_at WHERE status = 'RUNNING'": [
        "1 runs are open, though their job is not RUNNING or a later run of it has begun"
    ],
}


@pytest.fixture
def jobs_of_each_status(app: Flask, client: FlaskClient) -> None:
    make_job()
    leased(client)
    for status in (JobStatus.PENDING, JobStatus.COMPLETED, JobStatus.FAILED):
        make_job(status)


def test_nothing_is_told_of_a_database_as_the_service_keeps_it(jobs_of_each_status: None) -> None:
    with reading() as tx:
        assert consistency.problems(tx) == []


@pytest.mark.parametrize("statement", SPOILED)
def test_what_does_not_hold_is_told(jobs_of_each_status: None, statement: str) -> None:
    with writing() as tx:
        spoiling = tx.begin_nested()
        tx.execute(text(statement))
        assert consistency.problems(tx) == SPOILED[statement]
        spoiling.rollback()
