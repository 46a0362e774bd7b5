"""The commands that create, show and change jobs, against a real server."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.commands import invoke, invoke_json
from tests.support.server import Server, StartServer

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_a_job_is_created_shown_listed_failed_and_run_again(server: Server) -> None:
    url = server.url
    job_id = invoke("create", "image_resize", '{"width": 300}', "--priority", "5", url=url).stdout.strip()
    job = invoke_json("show", job_id, url=url)
    assert (job["type"], job["payload"], job["priority"], job["attempts"]) == ("image_resize", {"width": 300}, 5, [])
    assert invoke("list", url=url).stdout.split() == [
        *(job_id, job["created_at"][:19], "PENDING", "5", "image_resize"),
    ]
    assert invoke("fail", job_id, "--reason", "wrong customer", url=url).stdout == "FAILED\n"
    again = invoke("retry", job_id, url=url).stdout.strip()
    assert invoke_json("show", again, url=url)["retry_of"] == job_id
    assert [each["id"] for each in invoke_json("list", "--status", "failed", url=url)] == [job_id]
    assert [each["id"] for each in invoke_json("list", "--before", again, "--limit", "5", url=url)] == [job_id]


def test_a_job_is_shown_with_its_attempts(server: Server) -> None:
    invoke("create", "t", "--max-attempts", "2", url=server.url)
    invoke("work", "t", "--drain", "--name", "mill", "--", "sh", "-c", "echo ü is broken >&2; exit 1", url=server.url)
    (job,) = invoke_json("list", url=server.url)
    lines = invoke("show", job["id"], url=server.url).stdout.splitlines()
    assert "status           PENDING" in lines
    assert lines[-1].startswith("attempt 1        ")
    assert "mill, failed " in lines[-1]
    assert lines[-1].endswith(": exit 1: ü is broken")


HOSTILE = "a\x1b[2Jb\x07\r\n\x7f\x9b1m\u202ec"  # clears the screen, rings, begins a line, turns the direction


def test_what_others_wrote_cannot_play_with_the_terminal(server: Server) -> None:
    job_id = invoke("create", HOSTILE, json.dumps({"n": HOSTILE}), url=server.url).stdout.strip()
    script = "import json, sys; sys.stderr.write(json.load(sys.stdin)['n']); sys.exit(65)"
    invoke("work", "--drain", "--name", HOSTILE, "--", sys.executable, "-c", script, url=server.url)
    told = [
        invoke(*command, url=server.url).stdout
        for command in (("list",), ("show", job_id), ("show", job_id, "--json"), ("list", "--json"))
    ]
    for text in told:
        assert all(line.isprintable() for line in text.split("\n")), text
        assert r"a\u001b[2Jb\u0007\r\n\u007f\u009b1m\u202ec" in text
    assert json.loads(told[2])["type"] == HOSTILE


def test_what_a_create_takes_beyond_the_payload_reaches_the_server(server: Server) -> None:
    options = ("--run-at", "3600", "--expires-at", "2030-01-01T00:00:00", "--max-attempts", "5", "--key", "mine")
    job = invoke_json("create", "report", *options, url=server.url)
    assert (job["expires_at"], job["max_attempts"]) == ("2030-01-01T00:00:00", 5)
    assert datetime.fromisoformat(job["run_at"]) > datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=50)
    assert invoke("create", "report", "--key", "mine", url=server.url).stdout.strip() == job["id"]


def test_a_payload_may_come_from_stdin(server: Server) -> None:
    job = json.loads(invoke("create", "t", "-", "--json", url=server.url, input='{"n": [1, "ü"]}').stdout)
    assert job["payload"] == {"n": [1, "ü"]}


@pytest.mark.parametrize(
    "payload",
    ["{", "[1]", "null", "5", '"text"', '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"a":' + "[" * 99_999],
)
def test_a_payload_that_is_no_object_is_wrong_usage(payload: str) -> None:
    assert "Invalid value for '[PAYLOAD]'" in invoke("create", "t", payload, status=2).stderr


@pytest.mark.parametrize("url", ["jobs.example.com", "ftp://jobs.example.com"])
def test_a_url_that_is_none_is_wrong_usage(url: str) -> None:
    assert "A URL begins with http" in invoke("list", status=2, url=url).stderr


# What a shell passes on as it is, the bytes that are no text too; each has its exit status and a word of its sentence.
ODD: dict[str, tuple[tuple[str, ...], int, str]] = {
    "a key beyond ASCII": (("create", "t", "--key", "日本"), 2, "A key consists of visible ASCII"),
    "an empty key": (("create", "t", "--key", ""), 2, "A key consists of visible ASCII"),
    "a type of bytes": (("create", "\udcff"), 2, "It is no text"),
    "no id": (("show", ""), 2, "The id of a job is not empty"),
    "another page": (("show", "summary"), 1, "another form than expected"),
    "an id of bytes": (("show", "\udcff"), 1, "404: "),
    "a reason of bytes": (("fail", "abc", "--reason", "\udcff"), 2, "It is no text"),
    "a type of bytes to work": (("work", "\udcff", "--drain", "--", "true"), 2, "It is no text"),
    "a token beyond ASCII": (("list", "--token", "ü日"), 2, "A token consists of visible ASCII"),
    "a token of two lines": (("list", "--token", "a\nb"), 2, "A token consists of visible ASCII"),
    "no host": (("list", "--url", "http://..foo/"), 2, "The host of this URL is none"),
    "another path": (("list", "--url", "{url}/ü"), 1, "404: "),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_arguments_are_a_sentence(server: Server, name: str) -> None:
    arguments, status, words = ODD[name]
    told = invoke(*(each.replace("{url}", server.url) for each in arguments), status=status, url=server.url)
    assert (words in told.stderr, told.stdout) == (True, ""), told.output


@pytest.mark.parametrize("call", [("show", UNKNOWN), ("retry", UNKNOWN), ("fail", UNKNOWN)])
def test_a_refusal_is_a_sentence_and_the_status_1(server: Server, call: tuple[str, ...]) -> None:
    refused = invoke(*call, status=1, url=server.url)
    assert (refused.stdout, refused.stderr) == ("", "jobqueue: 404: Job not found\n")


def test_a_server_that_is_away_is_a_sentence_and_the_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.cli.over_http.PATIENCE", 0)
    assert invoke("list", status=1, url="http://127.0.0.1:1").stderr.startswith("jobqueue: GET /jobs: ")


def test_a_token_that_the_server_refuses_is_the_status_77(sqlite_url: str, start_server: StartServer) -> None:
    server = start_server(sqlite_url, TOKENS="a:viewer:token-that-looks-on b:operator:token-that-presses")
    create = ("create", "t")
    assert "401" in invoke(*create, status=77, url=server.url).stderr
    assert "401" in invoke(*create, "--token", "wrong", status=77, url=server.url).stderr
    assert "403" in invoke(*create, "--token", "token-that-looks-on", status=77, url=server.url).stderr
    assert "401" in invoke("work", "--drain", "--", "true", status=77, url=server.url).stderr
    invoke(*create, "--token", "token-that-presses", url=server.url)
    assert len(invoke("list", "--token", "token-that-looks-on", url=server.url).stdout.splitlines()) == 1
