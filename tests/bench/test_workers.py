"""The benchmark's rows about workers count right, on small databases and for a moment. How fast it is, no test says."""

from collections import Counter
from pathlib import Path

import pytest

from bench import batches, dashboards, growth, growth_leases, heartbeats, pinned, sweep, waiting
from tests.support.database import query
from tests.support.postgres import Postgres
from tests.support.server import Server


def statuses(server: Server) -> Counter[str]:
    return Counter(row[0] for row in query(server.env["DATABASE_URL"], "SELECT status FROM jobs"))


@pytest.mark.parametrize("size", [0, 1, 10])
def test_whole_jobs_are_as_many_as_were_completed(server: Server, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(batches, "SECONDS", 0.2)
    assert batches.whole_jobs(server.url, size, 1) > 0
    found = statuses(server)
    assert found["COMPLETED"] >= max(1, size)
    assert found["COMPLETED"] % max(1, size) == 0
    assert found["PENDING"] + found["RUNNING"] in (0, max(1, size))  # the last cycle may have been cut off


def test_heartbeats_leave_polls_on_304(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "SECONDS", 0.5)
    monkeypatch.setattr(heartbeats, "HELD", 200)
    beats, polls, share, _ = heartbeats.beside_polls(server.url)
    assert isinstance(beats, float)
    assert isinstance(polls, float)
    assert isinstance(share, float)
    assert beats > 0
    assert polls > 0
    assert 0 < share < 100  # the first poll of each connection has no tag
    assert query(server.env["DATABASE_URL"], "SELECT count(*) FROM runs WHERE heard_at > started_at")[0][0] > 0


def test_dashboards_poll_beside_jobs(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboards, "SECONDS", 0.5)
    monkeypatch.setattr(dashboards, "OPEN", 4)
    monkeypatch.setattr(dashboards, "POLLS", tuple((path, 0.1) for path, _ in dashboards.POLLS))
    monkeypatch.setattr(dashboards, "RATE", 40)
    rows = {row[0]: row[1:] for row in dashboards.with_and_without(server)}
    assert isinstance(rows["polls a second"][1], float)
    assert rows["polls a second"][1] > 4
    assert statuses(server)["COMPLETED"] > 4
    assert statuses(server).keys() <= {"COMPLETED", "PENDING"}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is swept."""
    monkeypatch.setattr(sweep, "MANY", 500)
    monkeypatch.setattr(sweep, "SLICE", 0.1)


@pytest.mark.usefixtures("few")
def test_a_sweep_deletes_every_old_job(tmp_path: Path) -> None:
    url = sweep.on_sqlite(tmp_path, sweep.JOBS_GO)
    sweep.beside_creates(sweep.JOBS_GO, "SQLite", url, tmp_path)
    assert query(url, "SELECT count(*) FROM jobs WHERE status = 'COMPLETED'") == [(0,)]


@pytest.mark.usefixtures("few")
def test_a_sweep_ends_every_overdue_run(tmp_path: Path) -> None:
    url = sweep.on_sqlite(tmp_path, sweep.RUNS_END)
    sweep.beside_creates(sweep.RUNS_END, "SQLite", url, tmp_path)
    assert query(url, "SELECT outcome, count(*) FROM runs GROUP BY outcome") == [("expired", 500)]
    assert query(url, "SELECT count(*) FROM jobs WHERE status = 'FAILED'") == [(500,)]


def test_one_waiting_claim_has_the_job_and_waits_again(server: Server) -> None:
    waiters = waiting.Waiters(server.port, 3)
    for _ in range(4):
        assert waiters.until_claimed(server.port) > 0
    waiters.close()
    assert statuses(server) == {"RUNNING": 4}
    assert waiting.idle_share(server.workers(), 0.1) >= 0


def test_every_call_of_workers_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "ROUNDS", 1)
    monkeypatch.setattr(growth_leases, "LARGE", 2_000)
    monkeypatch.setattr(growth_leases, "OPEN_RUNS", 50)
    rows = growth_leases.growth(tmp_path).rows
    assert len(rows) == len(growth_leases.REQUESTS)
    assert rows[-1][0] == "claim beside 1,990 for later"


def test_churn_beside_an_open_transaction_is_compared_with_that_before(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinned, "SECONDS", 0.0)
    monkeypatch.setattr(pinned, "ROUNDS", 1)
    what, last, before, *_ = pinned.beside_somebody(postgres, "pinned")
    assert (what, isinstance(last, float), isinstance(before, float)) == ("after 0 s", True, True)
    ended = query(postgres.url("pinned"), "SELECT count(*) > 0 FROM jobs WHERE status = 'COMPLETED'")
    postgres.drop("pinned")
    assert ended == [(True,)]
