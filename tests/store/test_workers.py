"""Who holds what, with ten thousand open runs: what is read and what is sent stays small."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from dashboard.core.job import utc_now
from dashboard.database.schema import jobs, runs
from dashboard.database.transactions import reading, writing
from dashboard.store import workers
from tests.support.leases import leased
from tests.support.statements import statements

OPEN = 10_000


def hold(count: int, workers: int) -> None:
    """So many open runs of so many workers; the lease of the first one ends first."""
    now = utc_now()
    common = {"type": "t", "priority": 0, "status": "RUNNING", "created_at": now, "started_at": now}
    run = {"attempt": 1, "lease": 60, "started_at": now, "heard_at": now, "message": "page 21 of 50", "progress": 42}
    with writing() as tx:
        tx.execute(
            insert(jobs), [{"seq": n, "id": f"id-{n}", "max_attempts": 3, **common} for n in range(1, count + 1)]
        )
        tx.execute(
            insert(runs),
            [
                {
                    "seq": n,
                    "token": f"token-{n:016}",
                    "worker": f"mill-{n % workers}",
                    "expires_at": now + timedelta(seconds=60, milliseconds=n),
                    **run,
                }
                for n in range(1, count + 1)
            ],
        )


@pytest.mark.parametrize("count", [3, 100, OPEN])
def test_a_page_of_ten_thousand_open_runs_is_small_and_costs_two_statements(client: FlaskClient, count: int) -> None:
    hold(OPEN, count)
    html = client.get("/dashboard/workers").text
    assert f"{count:,} workers hold 10,000 jobs" in html
    assert ("are shown of whose leases one ends first" in html) == (count > 100)
    assert len(html) < 250_000
    found = statements(lambda: client.get("/dashboard/workers"))
    assert len(found) == 2
    assert len({worker["worker"] for worker in client.get("/workers").get_json()}) == count


def test_the_workers_that_are_shown_are_those_whose_leases_end_first(client: FlaskClient) -> None:
    hold(OPEN, OPEN)
    html = client.get("/dashboard/workers").text
    assert [n for n in range(1, OPEN + 1) if f"<bdi>mill-{n}<" in html] == list(range(1, 101))
    assert all(f'id="held-id-{n}"' in html for n in range(1, 101))


def test_of_a_worker_the_first_jobs_are_shown_and_the_others_counted(client: FlaskClient) -> None:
    hold(12, 1)
    html = client.get("/dashboard/workers").text
    assert html.count('<tr id="held-') == 10
    assert "And 2 more" in html


def test_few_jobs_tell_of_their_workers_what_the_database_tells(client: FlaskClient) -> None:
    client.post("/jobs/batch", json=[{"type": "t"}] * 9)
    for number in range(9):
        leased(client, f"&worker=mill-{number % 4}" if number % 4 else "", token=f"token-{number:016}")
    with reading() as tx:
        assert sorted(workers.first_to_end(tx, 100).workers, key=lambda each: each.worker or "~") == workers.workers(tx)
    shown = [worker["worker"] for worker in client.get("/workers").get_json()]
    assert shown == ["mill-1", "mill-2", "mill-3", None]
