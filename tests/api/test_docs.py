"""The API page shows all of the OpenAPI document, and its lines work when they are pasted into a shell."""

import gzip
import re
import subprocess
from collections.abc import Callable
from html import unescape
from itertools import count
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from tests.support.app import MakeApp
from tests.support.calls import call
from tests.support.server import Server

TOKEN = "mill-3-0000000001"  # of the document's examples
LEASED = "LEASED"  # RUNNING, and held under the token of the line
# The job that an operation needs; any other takes one that is RUNNING, and held where its line has a token.
BEFORE = {
    "claim_job": JobStatus.PENDING,
    "process_job": JobStatus.PENDING,
    "get_job": JobStatus.COMPLETED,
    "retry_job": JobStatus.COMPLETED,
    "delete_job": JobStatus.COMPLETED,
}


@pytest.fixture
def client(make_app: MakeApp, sqlite_url: str) -> FlaskClient:
    return make_app(sqlite_url).test_client()


def sections(html: str) -> dict[str, str]:
    """The HTML of each call and of each model, by its name."""
    return dict(re.findall(r'<section [^>]*aria-labelledby="(\w+)">(.*?)</section>', html, re.DOTALL))


def text(html: str) -> str:
    """What a section says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html.replace("<br>", " "))).split())


def lines(html: str) -> list[tuple[str, str]]:
    """Each line for a shell, after the name of its operation."""
    return [(name, unescape(line)) for name, line in re.findall(r'<code id="(\w+)-\d">(.*?)</code>', html, re.DOTALL)]


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method.upper(), path, op) for path, all_ in document["paths"].items() for method, op in all_.items()]


def test_the_page_shows_every_call_with_its_parameters_its_body_and_its_answers(client: FlaskClient) -> None:
    document, shown = call(client, "GET /openapi.json", 200), sections(client.get("/docs").text)
    for method, path, op in operations(document):
        html = shown[op["operationId"]]
        assert text(html).startswith(f"{method} {path} {op['operationId']} {op['summary']}.".replace("`", ""))
        assert op["description"].replace("`", "") in text(html)
        for parameter in op["parameters"]:
            assert f"<code>{parameter['name']}</code>" in html
            assert parameter["description"].replace("`", "") in text(html)
        for code, answer in op["responses"].items():
            assert f"{code} {answer['description']}{': ' * ('content' in answer)}" in text(html)
        models = set(re.findall(r'"#/components/schemas/(\w+)"', str(op).replace("'", '"')))
        assert models == set(re.findall(r'href="#(\w+)"', html))


def test_the_page_shows_every_model_with_its_properties(client: FlaskClient) -> None:
    models = call(client, "GET /openapi.json", 200)["components"]["schemas"]
    shown = sections(client.get("/docs").text)
    for name, model in models.items():
        assert text(shown[name]).startswith(name)
        for key, value in model.get("properties", {}).items():
            optional = "" if key in model.get("required", ()) else " optional"
            assert f"{key}{optional} {value.get('description', '')}".replace("`", "").strip() in text(shown[name])
        assert ("Example" in text(shown[name])) == ("examples" in model)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("list_jobs", "As many at the most integer, 1 to 1,000; 100 where it is left out"),
        ("list_jobs", "With what leases and schedules add 1"),
        ("list_jobs", "200 Done: array of FullJob or Job"),
        ("list_queue", "The header X-Total-Count: How many entries the queue has, integer"),
        ("claim_job", "array, at most 20 items, of string, 1 to 100 characters, of the form ^[^\\u0000]*$"),
        ("create_job", "JobCreate, as JSON Answers"),
        ("complete_job", "JobComplete, as JSON; it may be left out Answers"),
        ("JobCreate", "payload optional object or null"),
        ("JobStatus", "PENDING or RUNNING or COMPLETED or FAILED"),
        ("Batch", "array, 1 to 1,000 items, of JobCreate"),
        ("Job", "id string, UUID"),
        ("Problem", "input any JSON"),
        ("FailItem", "retry_in optional number, 0 to 2,592,000 or never or null"),
    ],
)
def test_the_page_says_in_words_what_a_value_may_be(client: FlaskClient, name: str, said: str) -> None:
    assert said in text(sections(client.get("/docs").text)[name])


def test_every_link_of_the_page_leads_to_a_place_on_it(client: FlaskClient) -> None:
    html = client.get("/docs").text
    places = re.findall(r' id="([^"]+)"', html)
    assert len(set(places)) == len(places)
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert len(targets) > 30
    assert targets <= set(places)


def test_every_line_works_when_it_is_pasted(start_server: Callable[..., Server], sqlite_url: str) -> None:
    server = start_server(sqlite_url)
    number = count(1)
    with httpx.Client(base_url=server.url) as client:
        found = lines(client.get("/docs").text)
        names = {op["operationId"] for _, _, op in operations(client.get("/openapi.json").json())}
        assert {name for name, _ in found} == names
        for name, line in found:
            token = f"token-of-line-{next(number):03}"
            client.post("/queue/resume").raise_for_status()  # one of the lines pauses all claims
            job_id = prepare(client, BEFORE.get(name, LEASED if TOKEN in line else JobStatus.RUNNING), token)
            script = line.replace(TOKEN, token).replace("curl ", "curl -sS --fail-with-body ")
            done = subprocess.run(
                ["bash", "-euc", script], env={"ID": job_id}, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def prepare(client: httpx.Client, before: str, token: str) -> str:
    job_id: str = client.post("/jobs", json={"type": "image_resize"}).json()["id"]
    if before == LEASED:
        client.post(f"/jobs/{job_id}/process?lease=60", headers={"Idempotency-Key": token}).raise_for_status()
    elif before != JobStatus.PENDING:
        client.post(f"/jobs/{job_id}/process").raise_for_status()
    if before == JobStatus.COMPLETED:
        client.post(f"/jobs/{job_id}/complete").raise_for_status()
    return job_id


def test_an_optional_body_and_optional_parameters_are_in_the_second_line_alone(client: FlaskClient) -> None:
    short, full = (line for name, line in lines(client.get("/docs").text) if name == "complete_job")
    assert short == 'curl -X POST "http://localhost/jobs/$ID/complete"'
    assert full == (
        f'curl -X POST "http://localhost/jobs/$ID/complete?token={TOKEN}" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        '  -d \'{"result": {"message": "ok"}}\''
    )


def test_a_line_has_a_token_where_the_server_asks_for_one(make_app: MakeApp, sqlite_url: str) -> None:
    header = "Authorization: Bearer $TOKEN"
    assert header not in make_app(sqlite_url).test_client().get("/docs").text
    guarded = make_app(sqlite_url, TOKENS="script:viewer:a-token-for-a-script").test_client()
    html = guarded.get("/docs", headers={"Authorization": "Bearer a-token-for-a-script"}).text
    assert f"Each call needs a token, {header}" in text(html)
    assert [line for _, line in lines(html) if f'-H "{header}"' not in line] == []


def test_a_line_has_the_whole_url(make_app: MakeApp, sqlite_url: str) -> None:
    client = make_app(sqlite_url, ALLOWED_HOSTS="jobs.example.com").test_client()
    html = client.get("/docs", base_url="https://jobs.example.com/queue").text
    assert len(lines(html)) > 16
    assert [line for _, line in lines(html) if '"https://jobs.example.com/queue/' not in line] == []


def test_the_page_loads_only_files_of_this_server_and_little_of_them(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    loaded = set(re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=\"([^\"]*)\"", page.text))
    sent = len(gzip.compress(page.data))
    for url in loaded:
        assert re.match(r"/[^/]", url), url
        answer = client.get(url, buffered=True, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        sent += len(answer.data)
    assert sent < 100_000


def test_the_page_allows_the_browser_to_load_nothing_from_other_servers(client: FlaskClient) -> None:
    policy = client.get("/docs").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|data:|\*|unsafe", policy)
