"""A start that cannot succeed ends with one sentence, whichever way it was tried; the ways in work from anywhere."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.app import create_app
from dashboard.config import SettingsError
from dashboard.database.errors import UnusableDatabaseError
from tests.support import http
from tests.support.app import MakeApp
from tests.support.postgres import Postgres
from tests.support.server import ROOT, RunProgram, StartServer
from tests.support.waiting import eventually

SERVE = ("-m", "dashboard")
GUNICORN = ("-m", "gunicorn")
FLASK = ("-m", "flask", "--app", "wsgi", "jobs", "demo")
PARTS = ("dashboard", "templates", "static", "wsgi.py", "gunicorn.conf.py", "requirements.txt", "run")


@pytest.fixture
def why_not(run_program: RunProgram) -> Callable[..., str]:
    """The one sentence with which a way to start ends."""

    def start(*way: str, **environ: str) -> str:
        ended = run_program(sys.executable, *way, environ=environ)
        assert ended.returncode != 0
        assert "Traceback" not in ended.stderr
        assert "Listening" not in ended.stderr
        (sentence,) = [line for line in ended.stderr.splitlines() if "Cannot start" in line]
        return sentence.removeprefix("Cannot start: ")

    return start


@pytest.mark.parametrize("way", [SERVE, GUNICORN])
@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "abc"), ("PORT", "99999"), ("WEB_CONCURRENCY", "0"), ("HOST", "0.0.0.0"), ("DRAIN_SECONDS", "5s")],
)
def test_a_bad_setting_of_the_server_stops_the_start(
    way: tuple[str, ...], name: str, value: str, why_not: Callable[..., str]
) -> None:
    assert value in why_not(*way, **{name: value})


@pytest.mark.parametrize("value", ["two", "-1", "65"])
def test_a_number_of_workers_that_is_none_stops_the_start(value: str, why_not: Callable[..., str]) -> None:
    sentence = why_not(*SERVE, WEB_CONCURRENCY=value)
    assert sentence == f"WEB_CONCURRENCY must be a whole number from 1 to 64, not {value!r}"


def test_an_empty_number_of_workers_is_the_default(tmp_path: Path, run_program: RunProgram) -> None:
    options = ("--check-config", "--print-config")
    printed = [
        run_program(
            sys.executable,
            *SERVE,
            *options,
            environ={"DATABASE_URL": f"sqlite:///{tmp_path}/jobs.db", "WEB_CONCURRENCY": value},
        )
        for value in ("", str(min(4, os.cpu_count() or 1)))
    ]
    workers = [[line for line in each.stdout.splitlines() if line.startswith("workers ")] for each in printed]
    assert workers[0] == workers[1] != []


# What the application itself finds. It says so in the same way however it was started.


@pytest.mark.parametrize("way", [SERVE, GUNICORN, FLASK])
def test_what_no_worker_could_start_with_stops_the_start_for_good(
    way: tuple[str, ...], tmp_path: Path, why_not: Callable[..., str]
) -> None:
    sentence = why_not(*way, DATABASE_URL=f"sqlite:///{tmp_path}/lost/jobs.db", WEB_CONCURRENCY="2")
    assert sentence == f"DATABASE_URL names a file in {tmp_path}/lost, a folder that does not exist"
    assert not (tmp_path / "lost").exists()


def refusal(url: str) -> str:
    """The sentence with which the application does not start."""
    with pytest.raises((SettingsError, UnusableDatabaseError)) as refused:
        create_app({"DATABASE_URL": url})
    return str(refused.value)


def a_text(path: Path) -> None:
    path.write_text("id,type,status\n" * 100)


def the_old_service_s(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE jobs (id VARCHAR(36) PRIMARY KEY, type VARCHAR(100), payload JSON, priority INTEGER, "
            "status VARCHAR(9), result JSON, created_at DATETIME, started_at DATETIME, completed_at DATETIME)"
        )


def a_browser_s(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


@pytest.mark.parametrize("make", [a_text, the_old_service_s, a_browser_s])
def test_a_file_that_is_not_our_database_is_refused_and_stays_as_it_is(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    make(path)
    before = path.read_bytes()
    assert str(path) in refusal(f"sqlite:///{path}")
    assert [each.name for each in tmp_path.iterdir()] == ["jobs.db"]
    assert path.read_bytes() == before


def test_of_the_old_service_s_database_it_says_how_its_jobs_come_in(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    the_old_service_s(path)
    assert f"bring its jobs in by: jobqueue import {path} " in refusal(f"sqlite:///{path}")


def test_a_folder_in_the_file_s_place_is_refused(tmp_path: Path) -> None:
    assert f"{tmp_path} cannot be opened" in refusal(f"sqlite:///{tmp_path}")


@pytest.fixture
def make_database(postgres: Postgres) -> Iterator[Callable[[str], str]]:
    """The URL of a new database of PostgreSQL with these options; it is dropped at the end."""

    def make(options: str = "") -> str:
        with postgres.connect() as connection:
            connection.execute(f"CREATE DATABASE other TEMPLATE template0 {options}")
        return postgres.url("other")

    yield make
    postgres.drop("other")


def test_a_postgresql_database_is_refused_for_tables_of_the_same_names_alone(
    postgres: Postgres, make_app: MakeApp, make_database: Callable[[str], str]
) -> None:
    url = make_database("")
    with postgres.connect("other") as connection:
        connection.execute("CREATE TABLE jobs (id text)")
        assert "has a table 'jobs'" in refusal(url)
        connection.execute("ALTER TABLE jobs RENAME TO jobs_of_another_service")
    assert make_app(url).test_client().get("/readyz").status_code == 200


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_postgresql_database_that_is_not_utf_8_is_refused(make_database: Callable[[str], str], encoding: str) -> None:
    assert f"is kept in {encoding}" in refusal(make_database(f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"))


def test_what_postgresql_forbids_is_said_as_postgresql_says_it(
    postgres: Postgres, make_database: Callable[[str], str]
) -> None:
    url = make_database("").replace("postgres@", "guest@")
    with postgres.connect("other") as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM public")
        assert "permission denied for schema public" in refusal(url)
        connection.execute("DROP ROLE guest")


@pytest.mark.parametrize(
    "option", ["foo=bar", "prepare_threshold=x", "sslmode=bogus", "port=x", "autocommit=1", "service=no-such-service"]
)
def test_an_option_that_postgresql_does_not_take_is_refused(option: str) -> None:
    sentence = refusal(f"postgresql://me:hush@127.0.0.1:1/jobs?{option}")
    assert sentence.startswith("DATABASE_URL")
    assert "hush" not in sentence


@pytest.mark.parametrize("option", ["foo=bar", "timeout=x", "uri=true"])
def test_a_file_takes_no_option(option: str, tmp_path: Path) -> None:
    assert option.partition("=")[0] in refusal(f"sqlite:///{tmp_path}/jobs.db?{option}")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///jobs?host=/nowhere&application_name=jobs&keepalives=1",
        "postgres:///jobs?host=/nowhere:5432&host=/not-here:5433&target_session_attrs=read-write",
        "postgresql+psycopg://me@/jobs?host=/nowhere,/not-here&port=1,2&sslmode=require&gssencmode=disable",
        "postgresql://127.0.0.1:1/jobs?hostaddr=127.0.0.1",
    ],
)
def test_a_url_of_what_cannot_be_reached_yet_is_taken(make_app: MakeApp, url: str) -> None:
    assert make_app(url).test_client().get("/jobs").status_code == 503


def test_any_text_is_kept_whatever_encoding_the_environment_has_for_postgresql(
    make_app: MakeApp, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    made = make_app(postgres_url).test_client().post("/jobs", json={"type": "🎉"})
    assert (made.status_code, made.get_json()["type"]) == (201, "🎉")


def test_a_database_that_cannot_be_reached_yet_is_tried_again(tmp_path: Path, start_server: StartServer) -> None:
    cluster = Postgres(tmp_path / "postgres") if os.geteuid() else Postgres(Path(f"/tmp/jobs-late-{os.getpid()}"))
    try:
        server = start_server(cluster.url("postgres"), ready="/healthz")
        assert http.get(f"{server.url}/jobs").status_code == 503
        cluster.start()
        eventually(lambda: http.get(f"{server.url}/jobs").status_code == 200, "the database is found")
        server.stop()
    finally:
        cluster.stop()
        shutil.rmtree(cluster.folder)


def test_it_starts_in_a_folder_of_any_name(tmp_path: Path, run_program: RunProgram) -> None:
    folder = tmp_path / "50% off: %(here)s ä"
    folder.mkdir()
    for part in PARTS:
        place = ROOT / part
        (shutil.copytree if place.is_dir() else shutil.copy)(place, folder / part)
    (tmp_path / "data").mkdir()
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/data/jobs.db"}
    started = run_program(sys.executable, "wsgi.py", cwd=folder, environ=environ)
    assert (started.returncode, started.stderr) == (0, "")


# ---- The ways in


def test_run_works_through_a_symbolic_link_and_from_anywhere(tmp_path: Path, run_program: RunProgram) -> None:
    (tmp_path / "link").symlink_to(ROOT / "run")
    (tmp_path / "again").symlink_to(tmp_path / "link")
    ended = run_program(tmp_path / "again", cwd=tmp_path, environ={"WEB_CONCURRENCY": "two"})
    assert "Cannot start: WEB_CONCURRENCY" in ended.stderr
    assert [each.name for each in tmp_path.iterdir() if not each.is_symlink()] == []


@pytest.mark.parametrize("program", ["tests.system.soak", "bench"])
def test_the_long_runs_help(program: str, run_program: RunProgram) -> None:
    helped = run_program(sys.executable, "-m", program, "--help")
    assert helped.returncode == 0
    assert f"usage: ./run {program.rpartition('.')[2]} [-h]" in helped.stdout


def test_pytest_by_itself_finds_the_package(run_program: RunProgram) -> None:
    pytest_alone = Path(sys.executable).with_name("pytest")
    found = run_program(pytest_alone, "--collect-only", "-q", "-n", "0", "tests/test_config.py")
    assert (found.returncode, found.stderr) == (0, "")
