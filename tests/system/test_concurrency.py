"""Several processes and many clients at once: order, ownership, counters, and a start on an empty database."""

import multiprocessing
from multiprocessing.synchronize import Barrier

from dashboard.app import create_app
from dashboard.database import migrate
from dashboard.database.transactions import reading
from dashboard.services import claims, jobs
from dashboard.store import counts, listing
from tests.support import http
from tests.support.app import MakeApp, dispose
from tests.support.database import execute, query, table
from tests.support.migrations import upgrade
from tests.support.server import Server, StartServer
from tests.support.traffic import Call, Traffic, drain
from tests.support.verdict import judge, judge_order

JOBS = 800


def run_16_clients(url: str, servers: list[Server]) -> list[Call]:
    calls: list[Call] = []
    with Traffic([server.url for server in servers], calls, creators=7, workers=9, jobs=JOBS) as traffic:
        traffic.finish()
    drain(servers[0].url, calls)
    assert judge(calls, url, unsure=()).creates == JOBS
    assert "PENDING" not in {row.status for row in table(url)}
    return calls


def test_16_clients_of_4_workers_on_sqlite_get_each_job_once_and_in_order(
    sqlite_url: str, start_server: StartServer
) -> None:
    calls = run_16_clients(sqlite_url, [start_server(sqlite_url, WEB_CONCURRENCY="4")])
    judge_order(calls, sqlite_url)


def test_16_clients_of_2_servers_on_postgresql_get_each_job_once_and_in_order(
    postgres_url: str, start_server: StartServer
) -> None:
    calls = run_16_clients(postgres_url, [start_server(postgres_url), start_server(postgres_url)])
    judge_order(calls, postgres_url)


def test_each_process_lists_the_jobs_that_others_created(sqlite_url: str, start_server: StartServer) -> None:
    servers = [start_server(sqlite_url), start_server(sqlite_url)]
    expected: list[str] = []
    for priority in (0, 1, 2, 3):
        for server in servers:
            created = http.post(f"{server.url}/jobs", json={"type": "a", "priority": priority}).json()
            expected.insert(len(expected) % 2, created["id"])
            for asked in servers:
                listed = http.get(f"{asked.url}/jobs/queue")
                assert [entry["job_id"] for entry in listed.json()] == expected
                assert listed.headers["X-Total-Count"] == str(len(expected))


def test_a_reader_sees_one_moment_although_others_write_meanwhile(make_app: MakeApp, database_url: str) -> None:
    reader, writer = make_app(database_url), make_app(database_url).test_client()
    with reader.app_context(), reading() as tx:
        before = counts.counts(tx)
        assert writer.post("/jobs", json={"type": "a"}).status_code == 201
        assert listing.newest(tx, None, 10) == []
        assert counts.counts(tx) == before


def serve_one(url: str, together: Barrier) -> None:
    together.wait()
    app = create_app({"DATABASE_URL": url})
    assert app.test_client().post("/jobs", json={"type": "a"}).status_code == 201
    dispose(app)


def test_processes_that_start_at_once_on_an_empty_database_migrate_it_once_and_all_serve(empty_url: str) -> None:
    fork = multiprocessing.get_context("fork")
    together = fork.Barrier(8, timeout=60)
    processes = [fork.Process(target=serve_one, args=(empty_url, together)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert [row.status for row in table(empty_url)] == ["PENDING"] * 8
    assert query(empty_url, "SELECT sum(pending) FROM tally") == [(8,)]


def test_a_database_of_an_earlier_version_is_brought_up_to_date_and_its_tally_stays_exact(empty_url: str) -> None:
    upgrade(empty_url, "0001")
    insert = "INSERT INTO jobs (id, type, priority, status, created_at) VALUES ('1', 't', 0, 'PENDING', '2026-01-01')"
    execute(empty_url, insert)
    app = create_app({"DATABASE_URL": empty_url})
    with app.app_context():
        assert migrate.is_current()
        jobs.create("t", None, 0)
        claims.claim()
    dispose(app)
    if empty_url.startswith("postgresql"):
        functions = query(empty_url, "SELECT prosrc FROM pg_proc WHERE proname ~ '^jobs_tally_(insert|update|delete)$'")
        assert [source.count("pg_backend_pid() % 128;") for (source,) in functions] == [1, 1, 1]
        assert query(empty_url, "SELECT count(*), max(slot) FROM tally") == [(128, 127)]
    assert query(empty_url, "SELECT sum(pending), sum(running), sum(completed), sum(failed) FROM tally") == [
        (1, 1, 0, 0)
    ]


def test_a_server_of_several_workers_starts_on_an_empty_database(empty_url: str, start_server: StartServer) -> None:
    server = start_server(empty_url, WEB_CONCURRENCY="4")
    statuses = [http.post(f"{server.url}/jobs", json={"type": "a"}).status_code for _ in range(12)]
    assert statuses == [201] * 12
