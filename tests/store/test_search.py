"""The search of the jobs page: in either case, beyond ASCII too, and given up where it takes too long."""

import json
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from unittest.mock import patch

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from dashboard.core.job import JobStatus, json_text
from dashboard.database.schema import jobs as table
from dashboard.database.transactions import reading, writing
from dashboard.services import jobs
from dashboard.store import selection, types
from dashboard.store.selection import Selection
from dashboard.store.types import Span
from tests.support.calls import call
from tests.support.factory import make_many

SPECIAL = r"*?[]^$.+(){}|\\%_/-'\"#&"


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """No search is given up because the machine is busy."""
    monkeypatch.setattr(selection, "SECONDS", 60)


def found(client: FlaskClient, q: str) -> int:
    answer = client.get("/dashboard/", query_string={"q": q})
    assert answer.status_code == 200
    return answer.text.count("<tr id=")


@pytest.mark.parametrize(
    ("stored", "sought"),
    [
        *[
            ("Ärger", "ärger"),
            ("ärger", "ÄRGER"),
            ("ÉTÉ à Paris", "été À p"),
            ("ПРИВЕТ", "привет"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ],
        *[
            ("größe", "GRÖßE"),
            ("ǅ", "ǆ"),
            ("İstanbul", "İSTANBUL"),
            ("日本語", "日本語"),
            ("😀 ok", "😀 OK"),
            ("ascii", "ASCII"),
        ],
    ],
)
def test_a_search_finds_a_text_in_either_case(client: FlaskClient, stored: str, sought: str) -> None:
    jobs.create("other", json_text({"text": "nothing of it"}), 0)
    jobs.create("job", json_text({"text": f"before {stored} after"}), 0)
    assert found(client, sought) == 1
    jobs.create(stored, None, 0)
    assert found(client, sought) == 2


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("letter", ["a", "ä"])
def test_a_character_of_a_search_means_itself(client: FlaskClient, letter: str, special: str) -> None:
    for name in ("xÄz", "xAz", f"x{letter.upper()}{special}z", f"{letter}x{special}"):
        jobs.create(name, None, 0)
    assert found(client, f"x{letter}{special}z") == 1
    assert found(client, f"X{letter}{special}{special}Z") == 0


@pytest.fixture
def slow_search(client: FlaskClient) -> Iterator[None]:
    """One that takes many times as long as it may."""
    make_many(2_000)
    with writing() as tx:
        tx.execute(text("UPDATE jobs SET payload = :payload"), {"payload": json.dumps({"text": "x" * 5_000})})
    with patch.object(selection, "SECONDS", 0.001):
        yield


@pytest.mark.usefixtures("slow_search")
@pytest.mark.parametrize("q", ["needle", "nädel"])
def test_a_search_that_takes_too_long_is_given_up_and_says_so(client: FlaskClient, q: str) -> None:
    for path in ("/dashboard/", "/dashboard/fragments/board"):
        answer = client.get(path, query_string={"q": q})
        assert answer.status_code == 503
        assert "The search took too long and was stopped. Choose a type" in unescape(answer.text)
        assert client.get(path).status_code == 200
    assert call(client, "POST /jobs/claim", 200)["status"] == "RUNNING"


@pytest.mark.usefixtures("slow_search")
def test_what_comes_after_a_search_that_was_given_up_may_take_its_time(client: FlaskClient) -> None:
    assert client.get("/dashboard/?q=needle").status_code == 503
    assert len(call(client, "GET /jobs?limit=1000", 200)) == 1_000
    with patch.object(selection, "SECONDS", 60):
        assert found(client, "needle") == 0


@pytest.mark.parametrize("ends", ["complete", "fail"])
def test_a_search_finds_a_text_in_a_result_so_a_reason_too(client: FlaskClient, ends: str) -> None:
    jobs.create("other", None, 0)
    job = jobs.create("job", None, 0)
    jobs.process(job.id)
    body = {"json": {"result": {"said": "Connection refused"}}} if ends == "complete" else {}
    call(client, f"POST /jobs/{job.id}/{ends}{'' if body else '?reason=Connection+refused'}", 200, **body)
    assert found(client, "connection REF") == 1


@pytest.mark.parametrize(
    ("sought", "number"),
    [
        ("send", 2),
        ("SEND_", 2),
        ("send_email", 1),
        ("email", 0),
        ("Ärg", 1),
        ("ärg", 1),
        ("s%d", 0),
        ("s*", 0),
        ("^s", 0),
    ],
)
def test_a_type_is_found_by_its_beginning_in_either_case(client: FlaskClient, sought: str, number: int) -> None:
    for name in ("Send_Email", "send_sms", "Ärger", "resend"):
        jobs.create(name, None, 0)
    answer = client.get("/dashboard/", query_string={"type": sought})
    assert answer.text.count("<tr id=") == number


def add(count: int, *names: str) -> None:
    """So many jobs, of these types in turn: three COMPLETED ones, then a FAILED one."""
    row = {"priority": 0, "created_at": datetime(2026, 1, 1)}
    with writing() as tx:
        first = tx.execute(select(func.count()).select_from(table)).scalar_one()
        made = [
            row | {"id": f"{first + n}", "type": names[n % len(names)], "status": "COMPLETED" if n % 4 else "FAILED"}
            for n in range(count)
        ]
        tx.execute(table.insert(), made)


def beginning(prefix: str) -> tuple[str, ...] | None:
    with reading() as tx:
        return types.beginning_with(tx, prefix)


@pytest.mark.usefixtures("app")
def test_a_beginning_stands_for_the_types_that_begin_so_in_either_case() -> None:
    assert beginning("send") == ()
    add(40, "send_email", "Send_SMS", "resend", "Ärger", "s%nd")
    assert set(beginning("SEND") or ()) == {"send_email", "Send_SMS"}
    assert beginning("ä") == ("Ärger",)
    assert beginning("s%") == ("s%nd",)


@pytest.mark.usefixtures("app")
def test_a_beginning_of_more_types_than_are_merged_or_looked_at_stands_for_none_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add(50, *(f"t{number:02}" for number in range(50)))
    assert len(beginning("t") or ()) == 50
    add(1, "t")
    assert beginning("t") is None
    assert beginning("t0") is not None
    monkeypatch.setattr(types, "LOOKED_AT", 51)
    assert beginning("t0") is None


SPANS = [Span(), Span(below=25), Span(above=10), Span(10, 50)]


@pytest.mark.parametrize("status", [None, JobStatus.COMPLETED, JobStatus.FAILED])
@pytest.mark.parametrize("window", [10_000, 40])  # all jobs of a type are in the first; the second has fewer
@pytest.mark.usefixtures("app")
def test_the_jobs_of_some_types_are_those_that_a_look_at_each_job_finds(
    status: JobStatus | None, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "WINDOW", window)
    add(60, "a", "b1", "c", "B2", "d")
    with reading() as tx:
        stored = tx.execute(select(table.c.seq, table.c.type, table.c.status).order_by(table.c.seq)).all()
        for sought, names in (
            (Selection(status, type_prefix="b"), ("b1", "B2")),
            (Selection(status, type="B2"), ("B2",)),
            (Selection(status, type="B2", type_prefix="b1"), ()),
            (Selection(status, type_prefix="x"), ()),
        ):
            wanted = [seq for seq, name, is_in in stored if name in names and status in (None, is_in)]
            for span in SPANS:
                low, high = span.above or 0, span.below or 999
                there = [seq for seq in wanted if low < seq < high]
                for descending in (True, False):
                    found, _ = selection.found(tx, sought, ["seq", "type"], 10, span, descending=descending)
                    assert [seq for seq, _ in found] == (there[::-1] if descending else there)[:10]
