"""`flask jobs import` and `jobqueue import`: an export, or the old service's database, comes in as it was, once."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from dashboard.core.job import utc_now
from dashboard.core.minutes import HOUR, MINUTE
from dashboard.database.schema import jobs
from dashboard.database.transactions import reading, writing
from dashboard.services import history
from dashboard.store import consistency
from dashboard.store import minutes as minute_store
from tests.support.app import MakeApp
from tests.support.counting import stored, wanted
from tests.support.database import query
from tests.support.server import ROOT, RunProgram, environment
from tests.support.waiting import eventually

OF_RUNS = ("attempt", "worker", "lease_expires_at", "progress", "message")  # an export tells these of the last run
COMMAND = (sys.executable, "-m", "flask", "--app", "wsgi", "jobs", "import")


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Iterator[Flask]:
    app = make_app(database_url)
    with app.app_context():
        yield app


def bring_in(app: Flask, file: Path) -> Result:
    return app.test_cli_runner().invoke(args=["jobs", "import", str(file)])


def line(**more: Any) -> dict[str, Any]:
    """A job of an export."""
    return {"id": str(uuid4()), "type": "t", "status": "PENDING", "created_at": "2026-01-01T12:00:00"} | more


def ended(status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    times = {"started_at": "2026-01-01T12:00:01.5", "completed_at": "2026-01-01T12:00:03"}
    return line(status=status, **times | more)


def write_lines(file: Path, lines: list[Any]) -> Path:
    texts = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    file.write_bytes(b"".join(text + b"\n" for text in texts))
    return file


def fill(client: FlaskClient) -> None:
    """Jobs that have come as far as jobs can."""

    def act(path: str, status: int = 200, **body: Any) -> Any:
        answer = client.post(f"/jobs{path}", **body)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    kinds = [
        {"type": "sénd ❤", "payload": {"b": [1, 1.5, -0.0, 1e30, None], "a": "\u0000 ü"}, "priority": n}
        for n in range(12)
    ]
    ids = [act("", 201, json=kind)["id"] for kind in kinds]
    act(f"/{ids[0]}/fail?reason=called%20off%20at%2012")
    for each in ids[1:4]:
        act(f"/{each}/process")
    act(f"/{ids[1]}/complete", json={"result": {"sum": 12345678901234567890, "text": "x" * 500}})
    act(f"/{ids[2]}/fail?reason=timed%20out%20after%2030%20s%0Asecond")
    again = act(f"/{ids[2]}/retry", 201)["id"]
    act("", 201, json={"type": "later", "run_at": 3_600, "expires_at": 7_200, "max_attempts": 4})
    for end in ("complete", "fail", "release", "fail?retry_in=600&", "heartbeat"):
        held = act("/claim?lease=600&worker=w&attempts=2")
        act(f"/{held['id']}/{end}{'&' if '?' in end else '?'}token={held['token']}")
    assert client.get(f"/jobs/{again}").status_code == 200


def exported(client: FlaskClient) -> list[bytes]:
    answer = client.get("/jobs/export?format=ndjson")
    assert answer.status_code == 200
    return list(answer.data.splitlines())


def without_runs(told: bytes) -> tuple[list[str], dict[str, Any]]:
    job = json.loads(told)
    return list(job), {name: value for name, value in job.items() if name not in OF_RUNS}


@pytest.mark.parametrize("direction", ["to postgresql", "to sqlite"])
def test_an_export_of_one_engine_is_the_same_export_of_the_other_and_a_second_import_adds_nothing(
    direction: str, make_app: MakeApp, sqlite_url: str, postgres_url: str, tmp_path: Path
) -> None:
    urls = (sqlite_url, postgres_url) if direction == "to postgresql" else (postgres_url, sqlite_url)
    source, target = (make_app(url) for url in urls)
    fill(source.test_client())
    told = exported(source.test_client())
    file = tmp_path / "jobs.ndjson"
    file.write_bytes(b"\n".join(told) + b"\n")
    done = bring_in(target, file)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Imported {len(told)} jobs: ")
    assert "RUNNING are held by no lease" in done.stdout
    came = exported(target.test_client())
    assert list(map(without_runs, came)) == list(map(without_runs, told))
    untried = [each for each in told if b'"attempt":0' in each]
    assert len(untried) > 4
    assert set(untried) <= set(came)
    of_failures = select(jobs.c.id, jobs.c.reason, jobs.c.reason_key, jobs.c.preview).order_by(jobs.c.seq)
    with source.app_context(), reading() as tx:
        reasons = tx.execute(of_failures).all()
    with target.app_context(), reading() as tx:
        assert tx.execute(of_failures).all() == reasons
        assert consistency.problems(tx) == []
    again = bring_in(target, file)
    assert again.stdout.splitlines() == [
        "Imported 0 jobs.",
        f"Skipped {len(told)} that are there already, and 0 that are no jobs.",
    ]
    assert exported(target.test_client()) == came


def test_the_minutes_tell_what_came_in(app: Flask, tmp_path: Path) -> None:
    """Those of the last days by the minute, and earlier ones by the hour."""
    for ago, spans in ((timedelta(hours=5), (MINUTE, HOUR)), (timedelta(days=40), (HOUR,))):
        begun = utc_now() - ago
        lines = []
        for number in range(40):
            times = [(begun + timedelta(seconds=40 * number + gap)).isoformat() for gap in (0, 2, 5)]
            names = dict(zip(("created_at", "started_at", "completed_at"), times, strict=True))
            failed = number % 3 == 0
            result = {"reason": f"status {number}"} if failed else None
            lines.append(ended("FAILED" if failed else "COMPLETED", type=f"t{number % 4}", result=result, **names))
        lines.append(line(created_at=begun.isoformat()))
        lines.append(line(created_at=begun.isoformat(), status="FAILED", completed_at=begun.isoformat()))
        assert bring_in(app, write_lines(tmp_path / "a", lines)).exit_code == 0
        with reading() as tx:
            assert not minute_store.state(tx).has_past
            for span in spans:
                assert stored(tx, span) == wanted(tx, span)
            keys = tx.execute(select(jobs.c.reason_key).where(jobs.c.status == "FAILED").distinct()).scalars()
            assert set(keys) == {"status #", ""}


BAD: dict[str, tuple[Any, str]] = {
    "not json": (b'{"id": "a', "control character"),
    "not utf-8": (b'{"id": "\xff"}', "invalid unicode"),
    "NaN": (b'{"payload": {"a": NaN}}', "expected value"),
    "a list": ([], "it is no object"),
    "no id": ({key: value for key, value in line().items() if key != "id"}, "it has no id"),
    "another id": (line(id="42"), "its id '42' is no UUID"),
    "an id that is a number": (line(id=42), "its id 42 is no UUID"),
    "another status": (line(status="LOST\u202e"), "there is no status 'LOST\\u202e'"),
    "a status that is no text": (line(status=["PENDING"]), "there is no status ['PENDING']"),
    "no type": (line(type=""), "its type is no text of 1 to 100 characters"),
    "a long type": (line(type="x" * 101), "its type is no text"),
    "a type with a NUL": (line(type="a\0b"), "its type is no text"),
    "a priority below 0": (line(priority=-1), "its priority is no whole number from 0 to 2,147,483,647"),
    "a priority that is true": (line(priority=True), "its priority is no whole number"),
    "a payload that is a list": (line(payload=[1]), "its payload is no object"),
    "a result that is a text": (ended(result="ok"), "its result is no object"),
    "no creation": (line(created_at=None), "it has no created_at"),
    "a day": (line(created_at="yesterday"), "its created_at 'yesterday' is no date and time"),
    "no such day": (line(created_at="2026-02-30T00:00:00"), "there is no such date and time"),
    "the future": (line(created_at="2035-01-01T00:00:00"), "its created_at is in the future"),
    "long ago": (ended(completed_at="1969-12-31T23:59:59"), "its completed_at is before 1970"),
    "a start that waits": (line(started_at="2026-01-01T12:00:00"), "it is PENDING and has a started_at"),
    "a result that waits": (line(result={}), "it is PENDING and has a result"),
    "a run that never began": (line(status="RUNNING"), "it is RUNNING and has no started_at"),
    "an end that runs": (ended("RUNNING"), "it is RUNNING and has a completed_at"),
    "no end": (line(status="FAILED"), "it is FAILED and has no completed_at"),
    "a success without a start": (ended(started_at=None), "it is COMPLETED and has no started_at"),
    "too many attempts": (line(max_attempts=101), "its max_attempts is no whole number from 1 to 100"),
    "another origin": (line(retry_of="x"), "its retry_of 'x' is no UUID"),
    "too long": (line(payload={"x": "x" * 2_100_000}), "it is longer than MAX_BODY_BYTES allows"),
}


def test_what_is_no_job_is_skipped_with_its_line_and_the_reason_and_the_rest_comes_in(
    app: Flask, tmp_path: Path
) -> None:
    good = [line(priority=None, payload=None), ended(result=None), line(unknown="key")]
    bad = [given for given, _ in BAD.values()]
    done = bring_in(app, write_lines(tmp_path / "a", [good[0], *bad, b"", good[1], good[0], good[2]]))
    assert done.exit_code == 1
    for (number, said), (name, (_, why)) in zip(enumerate(done.stderr.splitlines(), 2), BAD.items(), strict=True):
        assert said.startswith(f"Skipped line {number}: "), name
        assert why in said, name
        assert said.isprintable()
    assert f"Skipped 1 that are there already, and {len(BAD)} that are no jobs." in done.stdout
    assert {json.loads(each)["id"] for each in exported(app.test_client())} == {each["id"] for each in good}


def test_a_file_that_ends_in_the_middle_of_a_line_comes_in_up_to_there(app: Flask, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a", [line() for _ in range(5)])
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    broken = bring_in(app, file)
    assert broken.stderr.startswith("Skipped line 5: ")
    assert broken.stdout.startswith("Imported 4 jobs: 4 PENDING.")
    file.write_bytes(whole)
    assert bring_in(app, file).stdout.startswith("Imported 1 jobs: 1 PENDING.\nSkipped 4 ")


def test_it_goes_on_after_a_kill_in_the_middle(make_app: MakeApp, database_url: str, tmp_path: Path) -> None:
    lines = [ended(type=f"t{n % 7}") for n in range(6_000)]
    file = write_lines(tmp_path / "a", lines)

    def count() -> int:
        return int(query(database_url, "SELECT count(*) FROM jobs")[0][0])

    process = subprocess.Popen([*COMMAND, str(file)], cwd=ROOT, env={**environment(), "DATABASE_URL": database_url})
    eventually(lambda: count() > 0, "some have come in")
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    came = count()
    assert 0 < came < len(lines)
    assert came % history.SLICE == 0
    app = make_app(database_url)
    done = bring_in(app, file)
    assert done.stdout.startswith(f"Imported {len(lines) - came:,} jobs")
    with app.app_context(), reading() as tx:
        assert consistency.problems(tx) == []
        assert not minute_store.state(tx).has_past
        assert stored(tx, HOUR) == wanted(tx, HOUR)
        assert tx.execute(select(jobs.c.id).order_by(jobs.c.seq)).scalars().all() == [each["id"] for each in lines]


def test_memory_does_not_grow_with_the_length_of_the_file(make_app: MakeApp, sqlite_url: str, tmp_path: Path) -> None:
    app = make_app(sqlite_url)
    for number, size in enumerate((200, 3_000)):
        lines = [ended(payload={"text": "x" * 10_000}) for _ in range(size)]
        file = write_lines(tmp_path / str(number), lines)
        tracemalloc.start()
        assert bring_in(app, file).exit_code == 0
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 25_000_000  # of 30 MB that the second file has


# ---- The old service's database


def old_database(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    """As SQLAlchemy made it for the service that this one takes the place of: see bench/reference.py."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE jobs (id VARCHAR(36) NOT NULL, type VARCHAR(100) NOT NULL, payload JSON, priority INTEGER "
            "NOT NULL, status VARCHAR(9) NOT NULL, result JSON, created_at DATETIME NOT NULL, started_at DATETIME, "
            "completed_at DATETIME, PRIMARY KEY (id))"
        )
        connection.executemany("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return path


DAY = "2026-01-01 12:00:0"


def test_the_old_service_s_jobs_come_in_by_age_with_ids_statuses_times_and_results(app: Flask, tmp_path: Path) -> None:
    ids = [str(uuid4()) for _ in range(5)]
    rows = [
        (ids[0], "new", "null", 5, "PENDING", "null", f"{DAY}5.000001", None, None),
        (ids[1], "works", '{"a": 1.50, "b": "\\u00fc"}', 0, "RUNNING", None, f"{DAY}1.000000", f"{DAY}2.5", None),
        (ids[2], "done", None, 0, "COMPLETED", '{"message": "ok"}', f"{DAY}2", f"{DAY}3", f"{DAY}4"),
        (ids[3], "broken", None, 1, "FAILED", '{"reason": "timed out after 3 s"}', f"{DAY}3", f"{DAY}4", f"{DAY}5"),
        (ids[4], "off", None, 1, "FAILED", "null", f"{DAY}4", None, f"{DAY}5"),
        *((str(uuid4()), *rest) for rest in (
            ("lost", None, 0, "LOST", None, DAY + "6", None, None),
            ("nan", '{"a": NaN}', 0, "PENDING", None, DAY + "7", None, None),
            (b"\xff", None, 0, "PENDING", None, DAY + "8", None, None),
        )),
        ("7", "short id", None, 0, "PENDING", None, DAY + "9", None, None),
    ]  # fmt: skip
    done = bring_in(app, old_database(tmp_path / "old.db", rows))
    assert done.exit_code == 1
    says = ("there is no status 'LOST'", "expected value", "it is not UTF-8", "its id '7' is no UUID")
    for row, said, why in zip(rows[5:], done.stderr.splitlines(), says, strict=True):
        assert said.startswith(f"Skipped job {row[0]}: ")
        assert why in said
    assert done.stdout.splitlines()[0] == "Imported 5 jobs: 1 PENDING, 1 RUNNING, 1 COMPLETED, 2 FAILED."
    client = app.test_client()
    told = [json.loads(each) for each in exported(client)]
    assert [each["id"] for each in told] == [*ids[1:5], ids[0]]
    assert (told[0]["payload"], told[0]["started_at"]) == ({"a": 1.5, "b": "ü"}, "2026-01-01T12:00:02.500000")
    assert (told[1]["result"], told[3]["result"], told[4]["payload"]) == ({"message": "ok"}, None, None)
    assert (told[4]["created_at"], told[4]["priority"]) == ("2026-01-01T12:00:05.000001", 5)
    assert [each["id"] for each in client.get("/jobs?reason=timed out after 9 s").get_json()] == [ids[3]]
    assert client.post(f"/jobs/{ids[1]}/complete").status_code == 200
    assert client.post("/jobs/claim").get_json()["id"] == ids[0]


def our_own(path: Path) -> str:
    old_database(path, [])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    return "is a database of this service: import what GET /jobs/export says of it"


def another_service_s(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE jobs (id TEXT)")
    return "has no table of jobs with a column 'type'"


def damaged(path: Path) -> str:
    rows = [(str(uuid4()), "t", "x" * 5_000, 0, "PENDING", None, f"{DAY}1", None, None) for _ in range(400)]
    old_database(path, rows)
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size // 2)
    return "cannot be read: "


@pytest.mark.parametrize("make", [our_own, another_service_s, damaged])
def test_a_database_that_is_not_the_old_service_s_is_refused(
    app: Flask, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    why = make(tmp_path / "old.db")
    done = bring_in(app, tmp_path / "old.db")
    assert done.exit_code == 1
    assert f"Error: {tmp_path}/old.db {why}" in done.stderr
    assert exported(app.test_client()) == []


# ---- Who did it, and the command


def test_an_import_is_one_entry_of_activity_in_the_transactions_of_its_jobs(app: Flask, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "jobs.ndjson", [line() for _ in range(history.SLICE + 1)])
    with writing() as tx:
        tx.execute(text("ALTER TABLE activity RENAME TO elsewhere"))
    try:
        assert bring_in(app, file).exit_code == 1
        assert exported(app.test_client()) == []
    finally:
        with writing() as tx:
            tx.execute(text("ALTER TABLE elsewhere RENAME TO activity"))
    for _ in range(2):
        bring_in(app, file)
    (entry,) = app.test_client().get("/activity").get_json()
    assert (entry["who"], entry["via"], entry["action"]) == (None, "shell", "import")
    assert (entry["count"], entry["detail"]) == (history.SLICE + 1, "jobs.ndjson")


def test_the_installed_command_imports_too(run_program: RunProgram, sqlite_url: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "-jobs.ndjson", [line()])
    command = (sys.executable, "-m", "dashboard.cli.main", "import")
    environ = {"DATABASE_URL": sqlite_url, "PYTHONPATH": os.fspath(ROOT)}
    done = run_program(*command, "--", "-jobs.ndjson", cwd=tmp_path, environ=environ)
    assert (done.returncode, done.stdout) == (0, "Imported 1 jobs: 1 PENDING.\n"), done.stderr
    assert run_program(*command, "lost", cwd=tmp_path, environ=environ).returncode == 2
