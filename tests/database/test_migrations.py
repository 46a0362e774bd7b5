"""Every database that an earlier version made becomes the one that this version needs, with its jobs."""

import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from dashboard.core.minutes import COLUMNS
from tests.support.app import MakeApp
from tests.support.database import execute, query
from tests.support.migrations import MIGRATIONS, upgrade
from tests.support.postgres import Postgres

# A migration that has landed is never edited: a database that it has run on would not get the change. Write a new one.
LANDED = {
    "0001_jobs": "891a11f1f4c213826e484df859089b3943c841328191a18a3b41ed0d9514bf88",
    "0002_more_slots": "3d57dce917d37f771bacbe1efad0a9e5c10b69682c5a78a15d983a6dc8e8129f",
    "0003_what_early_databases_lack": "8c6b130e8d8a584dce0728e0b82e314b946ab6ceff873082cd41c53584cb7c02",
    "0004_indexes_with_a_purpose": "31133145bedded40a8a047759cb6a91aa548d74a49f893dd580adbd6498fd75c",
    "0005_sessions": "900c2ab0c16712246a97bc51539f62f05f599530636d41f0216c81b4911828ef",
    "0006_runs": "78a927440b76f4e216825e8edeb43dd2c618adfff98c547e8f2c953152d88355",
    "0007_minutes_and_reasons": "ff8b1829da00d7346e003120480f355ce9557403e151fad44a8fb8e2cda506bb",
    "0008_types": "21487a7cac1923b2212c714f00cda60aa38b2eb1caa189c8a242aeb0ffcb81c7",
    "0009_who": "303917b1f929b2886b97382d73dad082a92a8d062c25e647930ba809d397b511",
    "0010_tools": "7bb72a911ebf2ce551f174f517c79d7be0b92ad0ad9da4a352ce58478307c4b2",
    "0011_starts_and_oldest": "200b1496cad6be63bc5b68c62c3adb1b3ce69b863c4240b52c96000e0cc4fa92",
}


def digest(script: Path) -> str:
    return sha256(script.read_bytes()).hexdigest()


def test_a_migration_that_has_landed_is_as_it_was() -> None:
    assert {script.stem: digest(script) for script in (MIGRATIONS / "versions").glob("*.py")} == LANDED


# The earlier forms of 0001, the last one first: what undoes the next edit of its text, and the hash of what is left.
EDITS = {
    "long previews": (
        (r"sa\.String\(80\)", "sa.String(120)"),
        "67fac7fdbd6ae91bbeaeba67f1f1c05ee2f8c3c013c59e3472f604920ed6a6e2",
    ),
    "no table of attempts": (
        (r'    op\.create_table\(\n        "attempts",.*?\n    \)\n', ""),
        "e614d078fc25fb01bcf6444386e979abb051fc4dd5e0217796b3c2eb8332551a",
    ),
    "a tally that a truncate leaves as it is": (
        (r"    zeros = .*", ""),
        "7cfa79b12ef553d8588b3ef42de10f1d178441ce93432650ca5c42c586b8e57a",
    ),
    "no index of starts": (
        (r'    op\.execute\("CREATE INDEX jobs_started.*?\n\n', ""),
        "6b5655c315962c726d1c33205e0209c18e565930fa84cdc9b6d24e6b448bee77",
    ),
}


def script_of(form: str, folder: Path) -> Path:
    """The migrations' folder as it was when 0001 had this form."""
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    script = folder / "versions" / "0001_jobs.py"
    for name, ((pattern, replacement), expected) in EDITS.items():
        script.write_text(re.sub(pattern, replacement, script.read_text(), flags=re.DOTALL))
        assert digest(script) == expected
        if name == form:
            break
    return folder


@pytest.fixture
def new_url(request: pytest.FixtureRequest, empty_url: str) -> str:
    """A database of the same kind that this version made."""
    url: str = request.getfixturevalue("sqlite_url" if empty_url.startswith("sqlite") else "postgres_url")
    return url


def schema(url: str) -> list[str]:
    """Everything that the schema is made of, in the database's own words."""
    if url.startswith("sqlite"):
        found = query(url, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        return sorted(text.replace("VARCHAR(120)", "VARCHAR(80)") for (text,) in found)  # SQLite ignores the number
    found = query(
        url,
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
        "UNION ALL SELECT pg_get_constraintdef(oid) "
        "FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
        "UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "UNION ALL SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type, is_nullable, "
        "character_maximum_length) FROM information_schema.columns WHERE table_schema = 'public'",
    )
    return sorted(text for (text,) in found)


WHO = ["created_by", "started_by", "ended_by"]
PAYLOAD = '{"long":"' + "x" * 200 + '"}'
ROWS = "SELECT seq, id, status, substr(preview, 1, 80), payload, result FROM jobs ORDER BY seq"
TIMES = "SELECT type, priority, created_at, started_at, completed_at FROM jobs ORDER BY seq"
TALLY = "SELECT sum(pending), sum(running), sum(completed), sum(failed) FROM tally"


@pytest.mark.parametrize("form", EDITS)
def test_a_database_of_an_earlier_form_of_the_first_migration_becomes_like_a_new_one(
    form: str, empty_url: str, new_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    upgrade(empty_url, "0001", script_of(form, tmp_path / "migrations"))
    for number, status in enumerate(("PENDING", "RUNNING", "COMPLETED", "FAILED")):
        execute(
            empty_url,
            "INSERT INTO jobs (id, type, priority, status, created_at, preview, payload) "
            f"VALUES ('{number}', 't', 0, '{status}', '2026-01-01', '{PAYLOAD[:80]}', '{PAYLOAD}')",
        )
    if form == "long previews":
        execute(empty_url, "UPDATE jobs SET preview = substr(payload, 1, 120)")
    before = query(empty_url, ROWS)

    client = make_app(empty_url).test_client()
    assert client.get("/readyz").status_code == 200
    assert schema(empty_url) == schema(new_url)
    assert query(empty_url, ROWS) == before
    assert query(empty_url, "SELECT max(length(preview)) FROM jobs") == [(80,)]
    assert query(empty_url, TALLY) == [(1, 1, 1, 1)]
    assert client.post("/jobs/claim").get_json()["id"] == "0"
    assert client.post("/jobs", json={"type": "t"}).status_code == 201
    assert query(empty_url, TALLY) == [(1, 2, 1, 1)]
    if empty_url.startswith("postgresql"):
        execute(empty_url, "TRUNCATE jobs CASCADE")
        assert query(empty_url, TALLY) == [(0, 0, 0, 0)]


EARLIER = (
    ("PENDING", "NULL", "NULL"),
    ("RUNNING", "'2026-01-02'", "NULL"),
    ("COMPLETED", "'2026-01-02'", "'2026-01-03'"),
    ("FAILED", "NULL", "'2026-01-03'"),
    ("PENDING", "NULL", "NULL"),
)


@pytest.mark.parametrize("version", [f"{number:04}" for number in range(1, len(LANDED))])
def test_a_database_of_any_earlier_version_becomes_like_a_new_one_and_can_lease(
    version: str, empty_url: str, new_url: str, make_app: MakeApp
) -> None:
    upgrade(empty_url, version)
    for number, (status, started, completed) in enumerate(EARLIER):
        execute(
            empty_url,
            "INSERT INTO jobs (id, type, priority, status, created_at, started_at, completed_at, preview, payload) "
            f"VALUES ('{number}', 't', {number}, '{status}', '2026-01-01', {started}, {completed}, '{PAYLOAD[:80]}', "
            f"'{PAYLOAD}')",
        )
    execute(empty_url, "DELETE FROM jobs WHERE id = '4'")  # its number is never given to another job
    before = query(empty_url, ROWS)
    times = query(empty_url, TIMES)

    client = make_app(empty_url, LEASE_GRACE="0").test_client()
    assert client.get("/readyz").status_code == 200
    assert schema(empty_url) == schema(new_url)
    assert (query(empty_url, ROWS), query(empty_url, TIMES)) == (before, times)
    assert query(empty_url, TALLY) == [(1, 1, 1, 1)]
    assert query(empty_url, "SELECT sum(delayed), sum(woken) FROM tally") == [(0, 0)]

    leased = client.post("/jobs/claim?lease=60&worker=w").get_json()
    assert (leased["id"], leased["attempt"], leased["run_at"], leased["retry_of"]) == ("0", 1, None, None)
    assert client.post("/jobs", json={"type": "t", "run_at": 60}).status_code == 201
    assert query(empty_url, "SELECT max(seq) FROM jobs") == [(6,)]
    assert query(empty_url, "SELECT sum(pending), sum(running), sum(delayed) FROM tally") == [(1, 2, 1)]
    execute(empty_url, "DELETE FROM jobs")
    assert query(empty_url, "SELECT sum(pending), sum(running), sum(delayed) FROM tally") == [(0, 0, 0)]


def test_a_database_with_runs_keeps_them_and_gets_the_columns_before_the_payload(
    empty_url: str, new_url: str, make_app: MakeApp
) -> None:
    upgrade(empty_url, "0006")
    for number in range(3):
        execute(
            empty_url,
            "INSERT INTO jobs (id, type, priority, status, created_at, started_at, max_attempts, payload) "
            f"VALUES ('{number}', 't', 0, 'RUNNING', '2026-01-01', '2026-01-02', 3, '{PAYLOAD}')",
        )
        execute(
            empty_url,
            "INSERT INTO runs (seq, attempt, token, lease, started_at, heard_at, expires_at) "
            f"VALUES ({number + 1}, 1, 'a-token-of-16-to-64', 60, '2026-01-02', '2026-01-02', '2099-01-01')",
        )
    runs = query(empty_url, "SELECT * FROM runs ORDER BY seq")
    nobody = (None, None)  # started and ended them, as far as is known

    client = make_app(empty_url).test_client()
    assert schema(empty_url) == schema(new_url)
    assert query(empty_url, "SELECT * FROM runs ORDER BY seq") == [(*run, *nobody) for run in runs]
    assert client.post("/jobs/1/complete?token=a-token-of-16-to-64").get_json()["attempt"] == 1
    if empty_url.startswith("sqlite"):
        assert query(empty_url, "PRAGMA foreign_key_check") == []
        names = [name for _, name, *_ in query(empty_url, "PRAGMA table_info(jobs)")]
        assert names[-7:] == ["reason", "reason_key", *WHO, "payload", "result"]


# What each version had rows of beside the jobs, and since when.
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "attempts": ("0005", {"name": "n", "address": "a", "failed": 2, "tried_at": "2026-01-01 00:00:00"}),
    "sessions": ("0005", {"id": "s", "ends_at": "2099-01-01 00:00:00"}),
    "runs": (
        "0006",
        {"seq": 1, "attempt": 1, "token": "a-token-of-16-to-64", "lease": 60, "outcome": "failed"}
        | dict.fromkeys(("started_at", "heard_at", "expires_at", "ended_at"), "2026-01-02 00:00:00"),
    ),
    "minutes": ("0007", {"span": 60, "at": 60, "type": "t", **dict.fromkeys(COLUMNS, 3)}),
    "activity": ("0009", {"at": "2026-01-01 00:00:00", "who": "ada", "action": "fail", "via": "api"}),
    "pause": ("0009", {"id": 1, "who": "ada", "since": "2026-01-01 00:00:00"}),
    "views": ("0010", {"owner": "ada", "name": "mine", "query": "status=FAILED"}),
    "oldest": ("0011", {"at": 60, "seconds": 5}),
}


@pytest.mark.parametrize("version", [name[:4] for name in LANDED])
def test_every_row_of_every_table_of_an_earlier_version_is_kept(
    version: str, empty_url: str, make_app: MakeApp
) -> None:
    upgrade(empty_url, version)
    execute(
        empty_url,
        "INSERT INTO jobs (id, type, priority, status, created_at, completed_at) "
        "VALUES ('1', 't', 0, 'FAILED', '2026-01-01', '2026-01-02')",
    )
    there = {table: row for table, (since, row) in OTHERS.items() if since <= version}
    for table, row in there.items():
        names, values = ", ".join(f'"{name}"' for name in row), ", ".join(f"'{value}'" for value in row.values())
        execute(empty_url, f"INSERT INTO {table} ({names}) VALUES ({values})")

    def kept() -> dict[str, object]:
        names = {table: ", ".join(f'"{name}"' for name in row) for table, row in there.items()}
        return {table: query(empty_url, f"SELECT {names[table]} FROM {table}") for table in there}

    before = kept()
    assert all(before.values())
    assert make_app(empty_url).test_client().get("/readyz").status_code == 200
    assert kept() == before


LOSSES = {
    "a table": "DROP TABLE attempts",
    "a column": "ALTER TABLE jobs DROP COLUMN preview",
    "an index": "DROP INDEX jobs_started",
    "a trigger": "DROP TRIGGER jobs_tally_delete{on}",
    "its version": "DROP TABLE alembic_version",
}


@pytest.mark.parametrize("loss", LOSSES)
def test_readyz_looks_at_what_is_really_there(loss: str, empty_url: str, make_app: MakeApp) -> None:
    client = make_app(empty_url).test_client()
    assert client.get("/readyz").status_code == 200
    execute(empty_url, LOSSES[loss].format(on=" ON jobs" if empty_url.startswith("postgresql") else ""))
    answer = client.get("/readyz")
    assert (answer.status_code, list(answer.get_json())) == (503, ["detail"])


def test_readyz_does_not_count_a_trigger_that_is_switched_off(postgres: Postgres, make_app: MakeApp) -> None:
    url = postgres.create("switched_off")
    client = make_app(url).test_client()
    execute(url, "ALTER TABLE jobs DISABLE TRIGGER jobs_tally_insert")
    assert client.get("/readyz").status_code == 503
    postgres.drop("switched_off")


def test_readyz_reads_no_migration_script(
    database_url: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_app(database_url).test_client()

    def refuse(_config: Config) -> None:
        raise AssertionError("the scripts were read again")

    monkeypatch.setattr(ScriptDirectory, "from_config", refuse)
    assert client.get("/readyz").status_code == 200
