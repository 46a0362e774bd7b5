"""The search of the jobs page: in either case, beyond ASCII too, and given up where it takes too long."""

import json
from collections.abc import Iterator
from html import unescape
from unittest.mock import patch

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.core.job import json_text
from dashboard.database.transactions import writing
from dashboard.services import jobs
from dashboard.store import listing
from tests.support.calls import call
from tests.support.factory import make_many

SPECIAL = r"*?[]^$.+(){}|\\%_/-'\"#&"


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
    with patch.object(listing, "SEARCH_SECONDS", 0.001):
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
    with patch.object(listing, "SEARCH_SECONDS", 60):
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
