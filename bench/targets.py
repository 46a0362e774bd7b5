"""What is measured: servers on loopback, and databases full of jobs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import orjson
from sqlalchemy import create_engine

from bench import reference
from bench.measure import BenchError
from bench.talk import Request
from dashboard.app import create_app
from dashboard.database import engine
from dashboard.database.sqlite import driver as sqlite
from tests.support.database import connect
from tests.support.server import ROOT, free_port
from tests.support.waiting import eventually

PAYLOAD = {"image_url": "https://example.com/image.png", "width": 300, "height": 300}
CREATE = Request("POST", "/jobs", json.dumps({"type": "image_resize", "payload": PAYLOAD, "priority": 5}))
CLAIM = Request("POST", "/jobs/claim")

# Shares of the statuses; their sums must not be multiples of 11, by which they are strewn.
HALF_PENDING = {"PENDING": 10, "COMPLETED": 6, "FAILED": 2, "RUNNING": 2}
PENDING_AND_RUNNING = {"PENDING": 1, "RUNNING": 1}
PENDING = {"PENDING": 1}
MOSTLY_FINISHED = {"PENDING": 1, "COMPLETED": 16, "FAILED": 4}

OURS = ["gunicorn"]
CONSTANT = ["gunicorn", "--config", "gunicorn.conf.py", "bench.constant:app"]
REFERENCE = ["uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
REFERENCE += ["bench.reference:app"]


@contextmanager
def serving(command: Sequence[str], ready: str, log: Path, **settings: str) -> Iterator[str]:
    """The URL of a server in a process of its own, which answers `ready`; it is stopped at the end.

    It sees no settings but these: what is measured is what the project does by default.
    """
    port = str(free_port())
    if command is REFERENCE:
        command = [*command, "--port", port]
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**kept, "PORT": port, **settings},
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us, who stop it then
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        if process.poll() is not None:
            raise BenchError(f"{command[0]} ended by itself:\n{log.read_text()}")
        try:
            return httpx.get(url + ready).status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(answers, f"{command[0]} answers {ready}")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def open_runs(url: str, count: int, expires_at: str = "2099-01-01 00:00:00.000000") -> None:
    """Have so many of the RUNNING jobs be held by a hundred workers; nobody else may use the database."""
    with closing(connect(url)) as connection:
        connection.execute(
            "INSERT INTO runs (seq, attempt, token, worker, lease, started_at, heard_at, expires_at) "
            "SELECT seq, 1, 'token-of-the-run-' || seq, 'worker-' || (seq % 100), 60, started_at, started_at, "
            f"'{expires_at}' FROM jobs WHERE status = 'RUNNING' AND seq NOT IN (SELECT seq FROM runs) LIMIT {count}"
        )
        connection.commit()


def complete(job_id: str) -> Request:
    return Request("POST", f"/jobs/{job_id}/complete", '{"result": {"message": "ok"}}')


def batch(count: int, **job: object) -> Request:
    """A creation of so many jobs; `job` has what they have beyond the usual one's."""
    return Request("POST", "/jobs/batch", json.dumps([json.loads(CREATE.body) | job] * count))


def leased_claim(limit: int) -> Request:
    return Request("POST", f"/jobs/claim?lease=3600&worker=bench&limit={limit}")


def report(held: Sequence[Mapping[str, str]], action: str = "complete") -> Request:
    """The report that these jobs, as a leased claim answered them, are complete, or worked on."""
    more = {"result": {"message": "ok"}} if action == "complete" else {}
    items = [{"id": job["id"], "token": job["token"], "action": action, **more} for job in held]
    return Request("POST", "/jobs/report", orjson.dumps(items).decode())  # the client is not what is measured


def make_ours(path: Path) -> str:
    """The URL of a database with the dashboard's schema and no jobs."""
    url = f"sqlite:///{path}"
    with create_app({"DATABASE_URL": url}).app_context():
        engine.dispose()
    return url


def make_reference(path: Path) -> str:
    """The same for the service that it is compared with."""
    url = f"sqlite:///{path}"
    engine = create_engine(url)
    reference.Base.metadata.create_all(engine)
    engine.dispose()
    return url


def fill(path: Path, count: int, mix: Mapping[str, int], **values: str) -> None:
    """Add so many jobs, one a millisecond, their statuses by these shares; no other process may have the file open.

    `values` are SQL expressions of columns that are to be others than in all other databases.

    The triggers stay: they keep the tally, and the database is one that the service could have made.
    """
    places = [status for status, share in mix.items() for _ in range(share)]
    with closing(sqlite.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        there = {row[1] for row in connection.execute("PRAGMA table_info(jobs)")}
        expressions = _VALUES | values
        columns = [name for name in expressions if name in there]  # the reference has no preview
        connection.execute("CREATE TEMP TABLE mix (place INTEGER PRIMARY KEY, status)")
        connection.executemany("INSERT INTO mix VALUES (?, ?)", enumerate(places))
        first = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
        connection.execute(
            f"INSERT INTO jobs ({', '.join(columns)}) "
            "WITH RECURSIVE numbers (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :end), "
            f"dated AS (SELECT n, status, {_TIME} AS time FROM numbers CROSS JOIN mix ON place = n * 11 % :places) "
            f"SELECT {', '.join(expressions[name] for name in columns)} FROM dated",
            {"first": first, "end": first + count, "places": len(places)},
        )
        connection.commit()
    with path.open("rb") as file:
        os.fsync(file)  # or the disk would be busy with it while we measure


_TIME = "strftime('%Y-%m-%d %H:%M:%f000', 1735689600 + n / 1000.0, 'unixepoch')"  # as SQLAlchemy writes it
_VALUES = {
    "id": "printf('0194%04x-%04x-7000-8000-%012x', n >> 16, n & 65535, n)",
    "type": "'image_resize'",
    "priority": "(n * 2654435761 >> 20) % 10",  # scattered
    "status": "status",
    "created_at": "time",
    "started_at": "CASE status WHEN 'PENDING' THEN NULL ELSE time END",
    "completed_at": "CASE WHEN status IN ('COMPLETED', 'FAILED') THEN time END",
    "preview": f"'{json.dumps(PAYLOAD)[:80]}'",
    "payload": f"'{json.dumps(PAYLOAD)}'",
    "result": """CASE status WHEN 'COMPLETED' THEN '{"message": "ok"}' END""",
}


def ids(path: Path, status: str) -> list[str]:
    """Those of the jobs in this status."""
    with closing(sqlite.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM jobs WHERE status = ? ORDER BY id", [status])]
