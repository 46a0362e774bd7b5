"""What breaks around the service: nothing acknowledged is lost, callers are told, and it recovers by itself."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboard.database.errors import UnusableDatabaseError
from tests.support import faults, http
from tests.support.app import MakeApp
from tests.support.database import execute, query
from tests.support.postgres import Postgres
from tests.support.server import StartServer
from tests.support.traffic import judge_answer
from tests.support.waiting import eventually


@pytest.mark.parametrize("kill", faults.KILLS)
def test_nothing_acknowledged_is_lost_by(kill: faults.Fault, database_url: str, start_server: StartServer) -> None:
    kill(start_server(database_url, WEB_CONCURRENCY="2"), database_url, 1)


def test_nothing_acknowledged_is_lost_by_a_kill_of_postgresql(
    postgres: Postgres, postgres_url: str, start_server: StartServer
) -> None:
    faults.kill_postgresql(postgres, start_server(postgres_url), postgres_url, rounds=1)


def test_a_full_disk_leaves_nothing_half_done(sqlite_url: str, start_server: StartServer) -> None:
    faults.fill_the_disk(start_server(sqlite_url), sqlite_url, rounds=2)


def test_claims_keep_their_order_while_somebody_leaves_a_transaction_open(
    postgres_url: str, start_server: StartServer
) -> None:
    faults.pin_the_horizon(start_server(postgres_url, WEB_CONCURRENCY="2"), postgres_url, rounds=1)


def test_reads_are_answered_while_16_writers_wait_for_a_locked_database(
    database_url: str, start_server: StartServer
) -> None:
    server = start_server(database_url)
    with (
        ThreadPoolExecutor(16) as pool,
        http.Client(base_url=server.url, timeout=60) as client,
        faults.locked(database_url),
    ):
        writers = [pool.submit(client.post, "/jobs", json={"type": "a"}) for _ in range(16)]
        eventually(lambda: all(writer.running() for writer in writers), "all of them are under way")
        if database_url.startswith("postgresql"):  # on SQLite one waits for all of them
            eventually(lambda: any(writer.done() for writer in writers), "a writer too many is turned away")
        for path in ("/jobs/summary", "/healthz", "/dashboard/") * 10:
            assert client.get(path).status_code == 200
        assert not all(writer.done() for writer in writers)
        answers = [writer.result() for writer in writers]
    assert [answer.status_code for answer in answers] == [503] * 16
    for answer in answers:
        judge_answer(answer)
    assert http.post(f"{server.url}/jobs", json={"type": "a"}).status_code == 201
    assert query(database_url, "SELECT count(*) FROM jobs") == [(1,)]


@pytest.fixture
def bound_by_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are bound by the permissions of files; root's are not, unless it gives that up."""
    if os.geteuid() == 0:
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec setpriv --bounding-set=-dac_override {sys.executable} "$@"\n')
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))


@pytest.mark.usefixtures("bound_by_permissions")
def test_a_read_only_file_is_read_and_written_again_when_it_may_be(
    sqlite_url: str, tmp_path: Path, start_server: StartServer
) -> None:
    (tmp_path / "jobs.db").chmod(0o444)
    server = start_server(sqlite_url, "/healthz")
    assert http.get(f"{server.url}/readyz").status_code == 503
    for _ in range(3):
        refused = http.post(f"{server.url}/jobs", json={"type": "a"})
        assert refused.status_code == 503
        judge_answer(refused)
        for path in ("/jobs/summary", "/dashboard/"):
            assert http.get(server.url + path).status_code == 200
    for file in tmp_path.glob("jobs.db*"):  # SQLite gave its log the permissions of the file
        file.chmod(0o644)
    eventually(lambda: http.post(f"{server.url}/jobs", json={"type": "a"}).status_code == 201, "a job is created")
    assert query(sqlite_url, "SELECT count(*) FROM jobs") == [(1,)]


def test_a_server_starts_without_its_database_and_migrates_it_when_it_is_there(
    postgres: Postgres, start_server: StartServer
) -> None:
    url = postgres.create("late")
    with faults.killed(postgres) as restart:
        server = start_server(url, ready="/healthz")
        for path in ("/readyz", "/jobs", "/jobs/summary"):
            refused = http.get(server.url + path)
            assert refused.status_code == 503
            judge_answer(refused)
        page = http.get(f"{server.url}/dashboard/")
        assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
        assert page.headers["Retry-After"]
        restart()
        eventually(lambda: http.get(f"{server.url}/readyz").status_code == 200, "it is ready")
        assert http.post(f"{server.url}/jobs", json={"type": "a"}).status_code == 201
        server.stop()
    postgres.drop("late")


@contextmanager
def schema_of_another_version(url: str) -> Iterator[None]:
    [(version,)] = query(url, "SELECT version_num FROM alembic_version")
    execute(url, "UPDATE alembic_version SET version_num = 'other'")
    try:
        yield
    finally:
        execute(url, f"UPDATE alembic_version SET version_num = '{version}'")


def test_readyz_tells_that_the_schema_is_not_current(client: FlaskClient, database_url: str) -> None:
    assert client.get("/readyz").status_code == 200
    with schema_of_another_version(database_url):
        answer = client.get("/readyz")
    assert (answer.status_code, list(answer.get_json())) == (503, ["detail"])
    assert client.get("/readyz").status_code == 200


def test_a_request_after_all_pooled_connections_were_lost_is_answered(
    postgres_url: str, start_server: StartServer
) -> None:
    server = start_server(postgres_url)
    with ThreadPoolExecutor(8) as pool, http.Client(base_url=server.url) as client:
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        for _ in range(2):
            answers = pool.map(lambda _: client.post("/jobs", json={"type": "a"}).status_code, range(40))
            assert list(answers) == [201] * 40
            assert len(query(postgres_url, f"SELECT pg_terminate_backend(pid) {others}")) > 1
            eventually(lambda: not query(postgres_url, f"SELECT 1 {others}"), "all of them are gone")
        assert client.get("/jobs/summary").json()["pending"] == 80


def test_a_503_for_a_commit_that_may_have_been_done_does_not_say_that_nothing_was_changed(
    postgres: Postgres, postgres_url: str, make_app: MakeApp
) -> None:
    waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with commits_wait_for_a_standby(postgres), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(make_app(postgres_url).test_client().post, "/jobs", json={"type": "a"})
        eventually(lambda: query(postgres_url, f"SELECT 1 {waiting}"), "the commit waits")
        query(postgres_url, f"SELECT pg_terminate_backend(pid) {waiting}")
        refused = answer.result()
    assert refused.status_code == 503
    assert query(postgres_url, "SELECT count(*) FROM jobs") == [(1,)]
    assert "Nothing was changed" not in refused.get_json()["detail"]


@contextmanager
def commits_wait_for_a_standby(postgres: Postgres) -> Iterator[None]:
    """After a commit is done and before it is acknowledged, within the block."""
    with postgres.connect() as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'none'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")


def test_a_schema_of_a_newer_version_stops_the_start_with_a_sentence(make_app: MakeApp, database_url: str) -> None:
    with (
        schema_of_another_version(database_url),
        pytest.raises(UnusableDatabaseError, match="not one that this version knows"),
    ):
        make_app(database_url)
