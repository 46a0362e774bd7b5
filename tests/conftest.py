"""Real parts: a SQLite file, a PostgreSQL, a gunicorn, a Chromium. Nothing of ours is faked."""

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboard.app import create_app
from dashboard.security import passwords
from tests.support.app import MakeApp, RememberedRule, dispose
from tests.support.database import execute
from tests.support.postgres import Postgres
from tests.support.programs import PROGRAMS
from tests.support.server import ROOT, RunProgram, Server, StartServer, environment, free_port

# The slow parts, the slowest first, and the fixtures that start them: tests get the part as a marker.
PARTS = {
    "browser": {"browser"},
    "server": {"start_server", "start_lasting_server", "lasting_server", "run_program"},
    "postgres": {"postgres"},
}

MISSING = {name for name, path in PROGRAMS.items() if path is None}

BEGIN_COUNTING = (
    "UPDATE counting SET minute = floor(extract(epoch FROM now()) / 60) * 60, counted_at = NULL, folded_to = 0"
)

SMALL = 128 * 1024  # bytes of a table, with its deleted rows


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the parts that it needs, and run those that need none first.

    Where processes share the files, those with the slowest parts come first, so that no process ends long before the
    others.
    """
    for item in items:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        used = {*getattr(item, "fixturenames", ()), *(value for value in parameters if isinstance(value, str))}
        for part, fixtures in PARTS.items():
            if used & fixtures:
                item.add_marker(part)
    items[:] = [item for item in items if not MISSING & set(getattr(item, "fixturenames", ()))]
    is_one_of_several = "PYTEST_XDIST_WORKER" in os.environ
    items.sort(
        key=lambda item: [item.get_closest_marker(part) is not None for part in PARTS], reverse=is_one_of_several
    )


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, because many tests wait: for a lease, a restart, a browser."""
    return (os.cpu_count() or 1) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for program in sorted(MISSING):
        terminalreporter.write_line(f"Left out: the tests of {program.replace('_', '-')}, because it is not installed.")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    # The folder must be reachable by PostgreSQL's user: pytest's own is closed to others.
    base = Path(os.environ.get("TMPDIR", "/tmp")) / f"jobs-postgres-{os.getpid()}"
    server = Postgres(base)
    try:
        server.start()
        dispose(create_app({"DATABASE_URL": server.create("migrated")}))
        yield server
    finally:
        server.stop()
        shutil.rmtree(base)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    dispose(create_app({"DATABASE_URL": f"sqlite:///{path}"}))
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    shutil.copy(migrated_sqlite, tmp_path / "jobs.db")
    return f"sqlite:///{tmp_path / 'jobs.db'}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The one migrated database, emptied: a hundredth of what a new one costs."""
    with postgres.connect("migrated") as connection:
        if connection.execute("SELECT pg_table_size('jobs')").fetchall() < [(SMALL,)]:
            # A third of what a TRUNCATE costs, which makes a new file for each table and index.
            connection.execute("DELETE FROM jobs; ALTER SEQUENCE jobs_seq_seq RESTART")
        else:
            connection.execute("TRUNCATE jobs RESTART IDENTITY CASCADE")
        for table in ("minutes", "oldest", "uncounted", "activity", "pause", "attempts", "sessions", "views"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute(BEGIN_COUNTING)
    return postgres.url("migrated")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind in turn without a schema; of SQLite there is not even the file."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        yield postgres.create("empty")
        postgres.drop("empty")


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """For an unknown name, or a plain password, a hash is computed in 1 ms instead of 76."""
    with patch.object(passwords, "UNKNOWN", f"pbkdf2:sha256:1000$salt${'0' * 64}"):
        yield


Flask.url_rule_class = RememberedRule

SECRET_KEY = "the same in all applications of a test"


@pytest.fixture
def make_app() -> Iterator[MakeApp]:
    """Applications as the environment makes them; each is what one process is."""
    made: list[Flask] = []

    def make(url: str, **environ: str) -> Flask:
        # Without a key for cookies each application with users derives one, which takes 76 ms by design.
        made.append(create_app({"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, **environ}))
        return made[-1]

    yield make
    for app in made:
        dispose(app)


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Iterator[Flask]:
    app = make_app(database_url)
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Real gunicorn processes; those still running at the end of the test are stopped."""
    yield from starting(tmp_path)


@pytest.fixture(scope="module")
def start_lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Like start_server, to the end of the module's tests."""
    yield from starting(tmp_path_factory.mktemp("servers"))


def starting(folder: Path) -> Iterator[StartServer]:
    started: list[Server] = []

    def start(url: str, ready: str = "/readyz", **environ: str) -> Server:
        started.append(Server(folder / f"gunicorn-{len(started)}.log", {"DATABASE_URL": url, **environ}))
        return started[-1].start(ready)

    yield start
    for server in started:
        server.signal(signal.SIGTERM)
    for server in started:
        server.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def lasting_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database of each kind in turn, for all tests of the module."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('lasting') / 'jobs.db'}"
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        yield postgres.create("lasting")
        postgres.drop("lasting")


@pytest.fixture(scope="module")
def lasting_server_of_each(lasting_url: str, start_lasting_server: StartServer) -> Server:
    return start_lasting_server(lasting_url, WEB_CONCURRENCY="2", LEASE_GRACE="0")


@pytest.fixture
def server_of_each(lasting_server_of_each: Server) -> Server:
    """A real gunicorn with two workers on a database of each kind in turn, without jobs."""
    for table in ("runs", "jobs"):
        execute(lasting_server_of_each.env["DATABASE_URL"], f"DELETE FROM {table}")
    return lasting_server_of_each


@pytest.fixture
def run_program() -> RunProgram:
    """Run a command to its end, with a port of its own to listen on."""

    def run(
        *command: str | Path, cwd: Path = ROOT, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        env = {**environment(), "PORT": str(free_port()), **(environ or {})}
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture(scope="session")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    server = Server(folder / "gunicorn.log", {"DATABASE_URL": f"sqlite:///{folder / 'jobs.db'}"})
    yield server.start()
    server.stop()


@pytest.fixture
def server(lasting_server: Server) -> Server:
    """A real gunicorn on a SQLite file without jobs, views and activity."""
    if lasting_server.process is None:  # a test that had stopped it failed before it started it again
        lasting_server.start()
    path = lasting_server.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ("jobs", "views", "activity"):
            connection.execute(f"DELETE FROM {table}")
    return lasting_server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    flags = "--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking "
    flags += "--disable-component-update --no-first-run"
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.fail("no Chromium: ./run test brings one, or: playwright install chromium")
        expect.set_options(timeout=15_000)  # the label takes six seconds to tell that the server is away
        browser = playwright.chromium.launch(executable_path=path, args=flags.split())
        yield browser
        browser.close()


@pytest.fixture
def open_page(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Pages in contexts of their own; what their console complains of fails the test.

    A refusal that a test asks for is complained of by the browser, too, and a poll that timed out by htmx, as on a
    busy machine; @pytest.mark.excuses names what else is.
    """
    marker = request.node.get_closest_marker("excuses")
    excused = ("status of 4", "htmx:error: timeout", *(marker.args if marker else ()))
    complaints: list[str] = []
    contexts = []

    def open_page(path: str = "/dashboard/", **options: object) -> Page:
        context = browser.new_context(**{"base_url": server.url, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in complaints if not any(part in text for part in excused)] == []
