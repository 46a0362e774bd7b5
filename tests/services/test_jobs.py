"""The rules of a job's life: the table, and every use case through the service on both databases."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from dashboard.core.errors import ActionRefusedError, JobNotFoundError, NoPendingJobsError
from dashboard.core.job import Job, JobStatus, json_text
from dashboard.core.transitions import JOB_ACTIONS, Action
from dashboard.database.transactions import reading
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import counts as count_store
from dashboard.store import listing
from tests.support.app import MakeApp
from tests.support.factory import ACT, MOVES, UNKNOWN, make_job

on_both_databases = pytest.mark.usefixtures("app")


def all_jobs() -> list[Job]:
    with reading() as tx:
        return listing.newest(tx, None, 1_000)


def counts() -> dict[str, int]:
    with reading() as tx:
        tally = count_store.counts(tx)
    return {status: getattr(tally, status.lower()) for status in JobStatus}


def test_json_text_is_compact_and_keeps_every_character() -> None:
    assert json_text({"a": [1, 2.5, None, True], "é": "\0"}) == '{"a":[1,2.5,null,true],"é":"\\u0000"}'
    assert json_text(None) is None


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_json_text_refuses_a_number_that_json_has_no_text_for(number: float) -> None:
    with pytest.raises(ValueError, match="too large"):
        json_text({"a": [number]})


@on_both_databases
@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("action", ACT)
def test_an_action_moves_a_job_as_the_table_says_or_changes_nothing(action: Action, status: JobStatus) -> None:
    job = make_job(status)
    if target := MOVES.get((action, status)):
        moved = ACT[action](job.id)
        assert (moved.id, moved.status) == (job.id, target)
        assert all_jobs() == [moved]
        assert counts() == {**dict.fromkeys(JobStatus, 0), target: 1}
    else:
        with pytest.raises(NoPendingJobsError if action is Action.CLAIM else ActionRefusedError):
            ACT[action](job.id)
        assert all_jobs() == [job]
        assert counts() == {**dict.fromkeys(JobStatus, 0), status: 1}


@on_both_databases
def test_a_refusal_says_the_status_that_the_job_is_in_and_those_it_would_need() -> None:
    job = make_job(JobStatus.COMPLETED)
    with pytest.raises(ActionRefusedError, match=r"^Cannot fail the job: it is COMPLETED, not PENDING or RUNNING\b"):
        job_service.fail(job.id, "too late")


@on_both_databases
@pytest.mark.parametrize("action", [*JOB_ACTIONS, Action.UNDO])
def test_an_action_on_a_job_that_does_not_exist_is_refused(action: Action) -> None:
    with pytest.raises(JobNotFoundError, match=r"^Job not found$"):
        ACT[action](UNKNOWN)


@on_both_databases
def test_a_claim_of_nothing_is_refused() -> None:
    with pytest.raises(NoPendingJobsError, match=r"^No pending jobs$"):
        claims.claim()


@on_both_databases
def test_a_new_job_is_pending_and_everything_else_is_yet_to_come() -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    job = job_service.create("send_email", '{"to":"ada"}', 7)
    after = datetime.now(UTC).replace(tzinfo=None)
    assert job[1:6] == ("send_email", '{"to":"ada"}', 7, "PENDING", None)
    assert before <= job.created_at <= after
    assert (job.started_at, job.completed_at) == (None, None)
    assert all_jobs() == [job]


@on_both_databases
@pytest.mark.parametrize("action", [Action.CLAIM, Action.PROCESS])
def test_a_job_that_runs_knows_since_when(action: Action) -> None:
    job = make_job()
    running = ACT[action](job.id)
    assert running.started_at
    assert job.created_at <= running.started_at
    assert running == job._replace(status="RUNNING", started_at=running.started_at)


@on_both_databases
def test_a_completed_job_knows_its_result_and_when_it_ended() -> None:
    running = make_job(JobStatus.RUNNING)
    done = job_service.complete(running.id, '{"message":"ok"}')
    assert done.completed_at
    assert running.started_at
    assert running.started_at <= done.completed_at
    assert done == running._replace(status="COMPLETED", result='{"message":"ok"}', completed_at=done.completed_at)


@on_both_databases
@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
@pytest.mark.parametrize(("reason", "result"), [('it "broke"', r'{"reason":"it \"broke\""}'), (None, None)])
def test_a_failed_job_knows_the_reason_and_when_it_ended(
    status: JobStatus, reason: str | None, result: str | None
) -> None:
    job = make_job(status)
    failed = job_service.fail(job.id, reason)
    assert failed.completed_at
    assert job.created_at <= failed.completed_at
    assert failed == job._replace(status="FAILED", result=result, completed_at=failed.completed_at)


@on_both_databases
def test_a_claim_takes_the_highest_priority_first_and_of_those_the_oldest() -> None:
    jobs = [make_job(priority=priority) for priority in (0, 5, 1, 5, 0, 2**31 - 1)]
    assert [claims.claim().id for _ in jobs] == [jobs[place].id for place in (5, 1, 3, 2, 0, 4)]


@on_both_databases
def test_a_claim_takes_a_job_that_is_more_urgent_than_those_it_knew() -> None:
    for _ in range(2):
        make_job(priority=1)
    claims.claim()
    urgent = make_job(priority=2)
    assert claims.claim().id == urgent.id


@on_both_databases
@pytest.mark.parametrize("action", [Action.PROCESS, Action.FAIL])
def test_a_claim_skips_an_entry_whose_job_is_pending_no_more(action: Action) -> None:
    first, gone, last = (make_job(priority=priority) for priority in (3, 2, 1))
    assert claims.claim().id == first.id  # the queue knows all three by now
    ACT[action](gone.id)
    assert claims.claim().id == last.id


def test_a_claim_takes_the_jobs_of_another_process_too(make_app: MakeApp, database_url: str, app: Flask) -> None:
    with pytest.raises(NoPendingJobsError):
        claims.claim()
    other_process = make_app(database_url)
    with other_process.app_context():
        theirs = make_job(priority=1)
    ours = make_job()
    assert [claims.claim().id, claims.claim().id] == [theirs.id, ours.id]
    with other_process.app_context(), pytest.raises(NoPendingJobsError):
        claims.claim()
