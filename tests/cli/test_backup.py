"""`flask jobs backup` and `flask jobs check` through the command line, also while others write."""

import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support import http
from tests.support.app import MakeApp
from tests.support.database import execute, query
from tests.support.factory import make_job
from tests.support.server import ROOT, StartServer, environment
from tests.support.waiting import eventually


def jobs_command(url: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "jobs", *arguments]
    env: Mapping[str, str] = {**environment(), "DATABASE_URL": url}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def ids(url: str) -> set[str]:
    return {job_id for (job_id,) in query(url, "SELECT id FROM jobs")}


def test_a_backup_under_load_has_all_that_was_acknowledged_before_and_serves(
    sqlite_url: str, start_server: StartServer, tmp_path: Path
) -> None:
    server, copy = start_server(sqlite_url, WEB_CONCURRENCY="2"), tmp_path / "copy.db"
    acknowledged: list[str] = []
    stopped = Event()

    def create() -> None:
        with http.Client(base_url=server.url) as client:
            while not stopped.is_set():
                acknowledged.append(
                    client.post("/jobs", json={"type": "t", "payload": {"text": "x" * 2_000}}).json()["id"]
                )
                client.post("/jobs/claim?lease=60")

    threads = [Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: len(acknowledged) > 200, "some jobs are there")
        before = set(acknowledged)
        made = jobs_command(sqlite_url, "backup", copy)
        after = len(acknowledged)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert made.returncode == 0, made.stderr
    assert f"{copy} is whole" in made.stdout
    assert after > len(before)  # writers went on
    restored = f"sqlite:///{copy}"
    assert before <= ids(restored) <= set(acknowledged)
    again = start_server(restored)
    pending = http.get(f"{again.url}/jobs/summary").json()["pending"]
    assert pending == query(restored, "SELECT count(*) FROM jobs WHERE status = 'PENDING'")[0][0]
    assert http.post(f"{again.url}/jobs", json={"type": "t"}).status_code == 201


def test_a_backup_overwrites_no_file_and_leaves_none_where_it_fails(sqlite_url: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    for path, words in ((mine, "is there already"), (tmp_path / "none" / "copy.db", "could not be written")):
        made = jobs_command(sqlite_url, "backup", path)
        assert (made.returncode, words in made.stderr) == (1, True), made.stderr
    assert mine.read_text() == "precious"
    assert not (tmp_path / "none").exists()


def test_for_postgresql_the_line_of_its_own_tool_is_printed_without_the_password(
    postgres_url: str, make_app: MakeApp
) -> None:
    runner = make_app(postgres_url).test_cli_runner()
    made = runner.invoke(args=["jobs", "backup", "copy"])
    assert made.exit_code == 1
    assert "pg_dump --format=custom --file=copy 'postgresql://" in made.output


def spoil_the_tally(path: Path) -> None:
    execute(f"sqlite:///{path}", "UPDATE tally SET pending = 7")


def spoil_a_page(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs_pending'").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    with path.open("rb+") as file:
        file.seek((page - 1) * size)
        file.write(b"\x0d" + bytes(size - 1))


def of_an_earlier_version(path: Path) -> None:
    execute(f"sqlite:///{path}", "UPDATE alembic_version SET version_num = '0001'")


def of_another_service(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE books (title TEXT)")


def no_database(path: Path) -> None:
    path.write_text("Dear diary, " * 100)


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (None, 0, "its tally, jobs and runs agree."),
        (spoil_the_tally, 1, "The tally says 7 pending jobs; the table has 1"),
        (spoil_a_page, 1, "is damaged"),
        (of_an_earlier_version, 0, "Its schema is another version's, so nothing else was checked."),
        (of_another_service, 1, "not a database of this service: "),
        (no_database, 1, "not a database of this service: "),
    ],
)
def test_a_check_tells_what_is_wrong_with_a_file_and_changes_nothing(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path, spoil: object, code: int, words: str
) -> None:
    app = make_app(sqlite_url)
    with app.app_context():
        make_job()
    runner, copy = app.test_cli_runner(), tmp_path / "copy.db"
    assert runner.invoke(args=["jobs", "backup", str(copy)]).exit_code == 0
    if callable(spoil):
        spoil(copy)
    before = copy.read_bytes()
    checked = runner.invoke(args=["jobs", "check", str(copy)])
    assert (checked.exit_code, words in checked.output) == (code, True), checked.output
    assert copy.read_bytes() == before
