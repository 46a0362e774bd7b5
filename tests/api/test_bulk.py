"""POST /jobs/bulk: run again, call off and reprioritise many jobs, slice by slice, nothing twice."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.services import bulk, search
from dashboard.services.bulk import Bulk, What
from dashboard.store import selection
from dashboard.store.selection import Selection
from tests.support.calls import call, refused
from tests.support.factory import make_job
from tests.support.leases import check_invariants, leased

RETRY = {"action": "retry", "filter": {}, "key": "a-key"}


@pytest.fixture(autouse=True)
def invariants(app: Flask) -> Iterator[None]:
    yield
    check_invariants()


def failed(client: FlaskClient, count: int, kind: str = "a", reason: str = "timed out after 3 s") -> list[str]:
    ids = [make_job(JobStatus.RUNNING, type=kind).id for _ in range(count)]
    for job_id in ids:
        call(client, f"POST /jobs/{job_id}/fail", 200, query_string={"reason": reason})
    return ids


def slices(client: FlaskClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Every slice to the end."""
    answers = [call(client, "POST /jobs/bulk", 200, json=body)]
    while answers[-1]["next"]:
        answers.append(call(client, "POST /jobs/bulk", 200, json=body | {"after": answers[-1]["next"]}))
    return answers


def counts(client: FlaskClient) -> dict[str, int]:
    found: dict[str, int] = call(client, "GET /jobs/summary", 200)
    return found


def full_jobs(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(client, f"GET /jobs?full=1&limit=1000{query}", 200)
    return found


def test_all_that_failed_for_a_reason_are_run_again_once_in_slices(client: FlaskClient) -> None:
    ids = failed(client, 7) + failed(client, 3, kind="b", reason="timed out after 9 s")
    failed(client, 2, reason="refused")
    body = RETRY | {"filter": {"reason": "timed out after 1 s"}, "limit": 4}
    answers = slices(client, body)
    assert [(each["matched"], each["done"], each["skipped"]) for each in answers[:2]] == [(4, 4, 0), (4, 4, 0)]
    assert sum((Counter(each["types"]) for each in answers), Counter()) == {"a": 7, "b": 3}
    pending = full_jobs(client, "&status=PENDING")
    assert sorted(job["retry_of"] for job in pending) == sorted(ids)
    assert {job["type"] for job in pending} == {"a", "b"}


def test_a_slice_that_is_sent_again_makes_nothing_twice_and_answers_the_same(client: FlaskClient) -> None:
    failed(client, 5)
    first = call(client, "POST /jobs/bulk", 200, json=RETRY | {"limit": 3})
    made = [job["id"] for job in full_jobs(client, "&status=PENDING")]
    again = call(client, "POST /jobs/bulk", 200, json=RETRY | {"limit": 3})
    assert {name: again[name] for name in ("matched", "done", "skipped", "types")} == {
        name: first[name] for name in ("matched", "done", "skipped", "types")
    }
    assert [job["id"] for job in full_jobs(client, "&status=PENDING")] == made


def test_the_same_slice_at_once_makes_nothing_twice(app: Flask) -> None:
    failed(app.test_client(), 20)
    asked = Bulk(What.RETRY, Selection(), 100, key="a-key")

    def run() -> bulk.Slice:
        with app.app_context():
            return bulk.run(asked)

    with ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(run) for _ in range(4)]]
    assert {answer.done for answer in answers} == {20}
    assert counts(app.test_client())["pending"] == 20


def test_a_job_that_was_run_again_is_skipped(client: FlaskClient) -> None:
    one, _ = failed(client, 2)
    call(client, f"POST /jobs/{one}/retry", 201)
    (answer,) = slices(client, RETRY)
    assert (answer["matched"], answer["done"], answer["skipped"]) == (2, 1, 1)
    (other,) = slices(client, RETRY | {"key": "another-key"})
    assert (other["done"], other["skipped"]) == (0, 2)


def test_what_the_walk_itself_makes_is_no_part_of_it(client: FlaskClient) -> None:
    failed(client, 3)
    body = RETRY | {"limit": 1}
    answer = call(client, "POST /jobs/bulk", 200, json=body)
    while answer["next"]:
        for job in full_jobs(client, "&status=PENDING"):
            call(client, f"POST /jobs/{job['id']}/fail", 200)
        answer = call(client, "POST /jobs/bulk", 200, json=body | {"after": answer["next"]})
    assert len(full_jobs(client)) == 6


def test_only_failed_jobs_are_run_again_unless_the_filter_says_completed(client: FlaskClient) -> None:
    for status in JobStatus:
        make_job(status)
    assert sum(each["done"] for each in slices(client, RETRY)) == 1
    assert sum(each["done"] for each in slices(client, RETRY | {"filter": {"status": "COMPLETED"}})) == 1


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(client: FlaskClient) -> None:
    one, *_ = failed(client, 3)
    call(client, f"POST /jobs/{one}/retry", 201)
    before = full_jobs(client)
    for body in (RETRY, {"action": "fail", "filter": {}}, {"action": "priority", "filter": {}, "priority": 9}):
        (answer,) = slices(client, body | {"dry_run": True})
        assert answer["done"] == 0
        assert sum(answer["types"].values()) == answer["matched"] - answer["skipped"]
    assert (answer["matched"], full_jobs(client)) == (1, before)


def test_pending_jobs_are_called_off_and_running_ones_only_if_the_filter_says_so(client: FlaskClient) -> None:
    for _ in range(3):
        make_job(type="a")
    make_job(type="b")
    held = leased(client)["id"]
    (answer,) = slices(client, {"action": "fail", "filter": {"type": "a"}, "reason": "wrong customer"})
    assert (answer["done"], answer["types"]) == (2, {"a": 2})
    assert counts(client) == {"pending": 1, "running": 1, "completed": 0, "failed": 2}
    assert {job["type"] for job in full_jobs(client, "&reason=wrong%20customer")} == {"a"}
    (answer,) = slices(client, {"action": "fail", "filter": {"status": "RUNNING"}, "reason": "stuck"})
    assert answer["done"] == 1
    job = call(client, f"GET /jobs/{held}?full=1", 200)
    assert (job["status"], job["result"], job["attempts"][0]["outcome"]) == ("FAILED", {"reason": "stuck"}, "taken")


def test_a_priority_changes_the_order_of_claims_at_once(client: FlaskClient) -> None:
    make_job(type="a", priority=5)
    late = make_job(type="b", priority=0)
    make_job(type="c", priority=6)
    client.post("/jobs/claim")  # the queue of this process is filled now
    (answer,) = slices(client, {"action": "priority", "filter": {"type": "b"}, "priority": 9})
    assert answer["done"] == 1
    assert call(client, "POST /jobs/claim", 200)["id"] == late.id


def test_a_slice_ends_by_itself_where_little_matches(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        failed(client, 1, kind="rare" if number == 11 else "a")
    monkeypatch.setattr(selection, "WINDOW", 5)
    monkeypatch.setattr(search, "SLICE_SECONDS", 0)
    answers = slices(client, RETRY | {"filter": {"q": "rare"}})
    assert [each["done"] for each in answers] == [0, 0, 1]


def test_a_bulk_that_ran_again_can_be_undone_while_the_jobs_are_pending(client: FlaskClient) -> None:
    failed(client, 3)
    slices(client, RETRY)
    call(client, "POST /jobs/claim", 200)
    undone = bulk.run(Bulk(What.UNDO, Selection(), 100, key="a-key"))
    assert (undone.matched, undone.done) == (3, 2)
    assert counts(client) == {"pending": 0, "running": 1, "completed": 0, "failed": 5}


@pytest.mark.parametrize(
    "body",
    [
        {"action": "retry", "filter": {}},
        {"action": "retry", "filter": {"status": "PENDING"}, "key": "k"},
        {"action": "fail", "filter": {"status": "COMPLETED"}},
        {"action": "priority", "filter": {}},
        {"action": "priority", "filter": {"status": "RUNNING"}, "priority": 1},
        {"action": "claim", "filter": {}},
        {"action": "fail"},
        {"action": "fail", "filter": {"other": 1}},
        {"action": "fail", "filter": {"type": ""}},
        {"action": "fail", "filter": {"since": "soon"}},
        {"action": "fail", "filter": {}, "limit": 1_001},
        {"action": "fail", "filter": {}, "after": "x"},
        {"action": "fail", "filter": {}, "dry_run": 1},
        {"action": "retry", "filter": {}, "key": "with space"},
        [],
    ],
    ids=str,
)
def test_what_is_not_of_the_form_is_refused(client: FlaskClient, body: Any) -> None:
    refused(client, "POST /jobs/bulk", 422, json=body)


def test_a_service_that_is_asked_for_a_status_it_is_not_for_raises(app: Flask) -> None:
    with pytest.raises(ValueError, match="not RUNNING"):
        bulk.run(Bulk(What.PRIORITY, Selection(status=JobStatus.RUNNING), 10))
