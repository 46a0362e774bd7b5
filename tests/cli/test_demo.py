"""`flask jobs demo` through the command line that it is for."""

import json
from collections import Counter

from flask import Flask

from dashboard.cli.demo import SHARES
from dashboard.core.job import Job
from dashboard.database.transactions import reading
from dashboard.store import listing
from tests.support.factory import make_job


def run_demo(app: Flask) -> str:
    result = app.test_cli_runner().invoke(args=["jobs", "demo"])
    assert result.exit_code == 0, result.output
    return result.output


def all_jobs(app: Flask) -> list[Job]:
    with app.app_context(), reading() as tx:
        return listing.newest(tx, None, 1_000)


def test_the_demo_adds_jobs_of_every_status_and_says_how_many(app: Flask) -> None:
    assert run_demo(app) == "Added 120 jobs.\n"
    jobs = all_jobs(app)
    assert Counter(job.status for job in jobs) == SHARES
    assert len({job.type for job in jobs}) > 2
    assert len({job.priority for job in jobs}) > 2


def test_what_ended_badly_has_a_reason_and_what_ended_well_a_result(app: Flask) -> None:
    run_demo(app)
    for job in all_jobs(app):
        result = job.result and json.loads(job.result)
        wanted = {"COMPLETED": {"message", "seconds"}, "FAILED": {"reason"}}.get(job.status)
        assert (set(result) if result else None) == wanted


def test_a_second_run_adds_as_many_again_and_leaves_other_jobs_alone(app: Flask) -> None:
    mine = make_job(type="mine", priority=5)
    run_demo(app)
    run_demo(app)
    jobs = all_jobs(app)
    assert len(jobs) == 241
    assert jobs[-1] == mine
