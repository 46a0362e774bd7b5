"""The client alone, against a small server that answers as a test wants: what it repeats, and what it sends once."""

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dashboard
from dashboard import client
from dashboard.client import Jobs, NotUnderstood, Refused, Unanswered
from tests.support.local_server import Asked, LocalServer, Reply, reply
from tests.support.server import ROOT
from tests.support.waiting import eventually

JOB = {"id": "a-job", "type": "t", "status": "PENDING", "completed_at": None}
DONE = JOB | {"status": "COMPLETED", "completed_at": "2026-01-01T00:00:00"}
BAD_GATEWAY = Reply(502, b"<h1>Bad gateway</h1>", "text/html")
BUSY = reply({"detail": "busy"}, 503)

Serve = Callable[..., LocalServer]
Connect = Callable[..., Jobs]


@pytest.fixture
def connect() -> Iterator[Callable[..., Jobs]]:
    """Clients; their connections are closed at the end."""
    made: list[Jobs] = []

    def connect(url: str, **more: Any) -> Jobs:
        made.append(Jobs(url, **more))
        return made[-1]

    yield connect
    for jobs in made:
        jobs.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., LocalServer]]:
    """A server that gives these replies, one after the other, and the last one for ever."""
    running: list[LocalServer] = []

    def start(*replies: Reply | None) -> LocalServer:
        left = list(replies)
        running.append(LocalServer(lambda _: left.pop(0) if len(left) > 1 else left[0]).__enter__())
        return running[-1]

    yield start
    for server in running:
        server.__exit__(None, None, None)


# ---- Calls


@pytest.mark.parametrize("first", [None, BUSY, reply({}, 429), reply({}, 500), BAD_GATEWAY])
def test_a_create_is_repeated_with_the_same_key_until_it_is_answered(
    serve: Serve, connect: Connect, first: Reply | None
) -> None:
    server = serve(first, first, reply(JOB, 201))
    assert connect(server.url).create("t", {"width": 300}, priority=5) == JOB
    assert len(server.asked) == 3
    assert len({asked.key for asked in server.asked}) == 1
    assert server.asked[0].body == {"type": "t", "payload": {"width": 300}, "priority": 5}


def test_an_answer_that_breaks_off_is_none(serve: Serve, connect: Connect) -> None:
    server = serve(reply(JOB, 201)._replace(cut=5), reply(JOB, 201))
    assert connect(server.url).create("t", key="mine") == JOB
    assert [asked.key for asked in server.asked] == ["mine", "mine"]


def test_each_create_has_a_key_of_its_own(serve: Serve, connect: Connect) -> None:
    server = serve(reply(JOB, 201))
    jobs = connect(server.url)
    jobs.create("t")
    jobs.create("t")
    assert len({asked.key for asked in server.asked}) == 2


@pytest.mark.parametrize("call", [lambda jobs: jobs.retry("a-job"), lambda jobs: jobs.call_off("a-job", "why")])
@pytest.mark.parametrize("answer", [None, BUSY])
def test_what_is_not_safe_to_repeat_is_sent_once(
    serve: Serve, connect: Connect, call: Callable[[Jobs], Any], answer: Reply | None
) -> None:
    server = serve(answer, reply(JOB))
    with pytest.raises((Unanswered, Refused)):
        call(connect(server.url))
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_refusal_is_told_at_once_with_its_status_and_detail(serve: Serve, connect: Connect, status: int) -> None:
    server = serve(reply({"detail": "as it is"}, status))
    with pytest.raises(Refused, match=f"{status}: as it is") as refused:
        connect(server.url).create("t")
    assert (refused.value.status, refused.value.detail) == (status, "as it is")
    assert len(server.asked) == 1


def test_what_a_proxy_says_instead_of_json_is_a_refusal(serve: Serve, connect: Connect) -> None:
    server = serve(Reply(413, b"<h1>Too large</h1>", "text/html"))
    with pytest.raises(Refused, match="413: <h1>Too large"):
        connect(server.url).create("t")


def test_a_page_with_status_200_is_no_answer(serve: Serve, connect: Connect) -> None:
    server = serve(Reply(200, b"<h1>Please sign in</h1>", "text/html"), reply(JOB))
    assert connect(server.url).get("a-job") == JOB


def test_the_patience_ends(serve: Serve, connect: Connect) -> None:
    server = serve(None)
    with pytest.raises(Unanswered, match="POST /jobs"):
        connect(server.url, patience=0.5).create("t")
    assert len(server.asked) > 1


@pytest.mark.parametrize("when", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_server_that_asks_to_wait_is_not_asked_before_as_far_as_the_patience_goes(
    serve: Serve, connect: Connect, when: str
) -> None:
    server = serve(BUSY._replace(retry_after=when), BUSY, reply(JOB))
    with pytest.raises(Refused) as refused:
        connect(server.url, patience=1).get("a-job")
    assert len(server.asked) == 2  # at the beginning and at the end
    assert refused.value.retry_after == 0


@pytest.mark.parametrize(
    "when", ["0", "soon", "-1", "\xb2", "Fri, 02 Jan 1970 00:00:00 GMT", "Fri, 99 Jan 1970 00:00:00"]
)
def test_a_time_to_wait_that_is_none_or_over_is_passed_over(serve: Serve, connect: Connect, when: str) -> None:
    server = serve(BUSY._replace(retry_after=when), BUSY, reply(JOB))
    assert connect(server.url).get("a-job") == JOB


def test_a_server_that_is_not_there_is_unanswered(serve: Serve, connect: Connect) -> None:
    with pytest.raises(Unanswered, match="refused"):
        connect("http://127.0.0.1:1", patience=0).get("a-job")


def test_connections_are_kept_and_one_that_was_closed_is_not_used(serve: Serve, connect: Connect) -> None:
    closes = reply(JOB)._replace(cut=1_000)
    server = serve(reply(JOB), reply(JOB), closes, reply(JOB))
    jobs = connect(server.url)
    for _ in range(4):
        jobs.call_off("a-job")  # sent once: it would tell of a connection that is gone
    ports = [asked.client[1] for asked in server.asked]
    assert ports[0] == ports[1] == ports[2] != ports[3]


def test_connections_that_are_kept_for_too_long_are_closed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)

    def together(asked: Asked) -> Reply:
        if asked.path == "/jobs/together":
            both.wait()
        return reply(JOB)

    with LocalServer(together) as server:
        jobs = connect(server.url)
        threads = [threading.Thread(target=jobs.get, args=("together",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        monkeypatch.setattr(client, "IDLE_MAX", 1)
        kept = open_sockets()
        eventually(lambda: jobs.get("alone") and open_sockets() < kept, "the one that is not used is closed", 15)


def open_sockets() -> int:
    """Of this process."""
    return sum(Path(f"/proc/self/fd/{fd}").is_socket() for fd in os.listdir("/proc/self/fd"))


def test_the_token_and_the_path_of_the_url_are_sent(serve: Serve, connect: Connect) -> None:
    server = serve(reply(JOB))
    connect(f"{server.url}/queue/", token="a-token").get("a job/ü")
    (asked,) = server.asked
    assert (asked.target, asked.headers["authorization"]) == ("/queue/jobs/a%20job%2F%C3%BC", "Bearer a-token")


@pytest.mark.parametrize("url", ["jobs.example.com", "ftp://jobs.example.com", "http://", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="begins with http"):
        Jobs(url)


@pytest.mark.parametrize(
    ("url", "path"),
    [("/ü", "/%C3%BC"), ("/a b/", "/a%20b"), ("/%C3%BC", "/%C3%BC"), ("/?x=1#y", ""), ("/a\r\nX: y", "/aX:%20y")],
)
def test_the_path_of_the_url_is_sent_as_browsers_do(serve: Serve, connect: Connect, url: str, path: str) -> None:
    server = serve(reply(JOB))
    connect(server.url + url).get("a-job")
    assert server.asked[0].target == f"{path}/jobs/a-job"


@pytest.mark.parametrize("url", ["http://..foo/", f"http://{'x' * 64}/", "http://h:99999/", "http://[::1/"])
def test_a_url_whose_host_or_port_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Jobs(url)


@pytest.mark.parametrize("token", ["ü", "日", "a\nb", "a\n", "a b"])
def test_a_token_that_no_header_can_have_is_refused_and_not_told(token: str) -> None:
    with pytest.raises(ValueError, match=r"visible ASCII characters$"):
        Jobs("http://127.0.0.1", token)


NOT_SENT: dict[str, Callable[[Jobs], Any]] = {
    "NaN": lambda jobs: jobs.create("t", {"n": float("nan")}),
    "an object": lambda jobs: jobs.create("t", {"n": object()}),
    "a lone surrogate": lambda jobs: jobs.create("t", {"n": "\ud800"}),
    "bytes that are no text": lambda jobs: jobs.call_off("a-job", "\udcff"),
    "a key beyond ASCII": lambda jobs: jobs.create("t", key="日本"),
    "an empty key": lambda jobs: jobs.create("t", key=""),
    "an empty key of many": lambda jobs: jobs.claim("t", key=""),
    "no id": lambda jobs: jobs.get(""),
    "no id to call off": lambda jobs: jobs.call_off(""),
}


@pytest.mark.parametrize("name", NOT_SENT)
def test_what_cannot_be_sent_is_an_error_at_once(serve: Serve, connect: Connect, name: str) -> None:
    server = serve(reply(JOB))
    with pytest.raises((ValueError, TypeError)):
        NOT_SENT[name](connect(server.url))
    assert server.asked == []


ANOTHER_FORM: dict[str, tuple[Callable[[Jobs], Any], Any]] = {
    "counts for a job": (lambda jobs: jobs.get("summary"), {"pending": 1}),
    "an array for a job": (lambda jobs: jobs.wait("queue"), []),
    "null for a job": (lambda jobs: jobs.create("t"), None),
    "an object for jobs": (lambda jobs: jobs.newest(), {"id": "a"}),
    "texts for jobs": (lambda jobs: jobs.claim("t"), ["x"]),
    "a text for counts": (lambda jobs: jobs.summary(), "x"),
}


@pytest.mark.parametrize("name", ANOTHER_FORM)
def test_an_answer_of_another_form_is_an_error_of_its_own(serve: Serve, connect: Connect, name: str) -> None:
    call, answer = ANOTHER_FORM[name]
    with pytest.raises(NotUnderstood, match="another form than expected"):
        call(connect(serve(reply(answer)).url))


# ---- Many jobs


def echo(asked: Asked) -> Reply:
    return reply(asked.body, 201)


def test_many_jobs_go_in_batches_of_a_thousand_each_with_a_key_that_a_repeat_has_too(connect: Connect) -> None:
    jobs = [{"type": "t", "payload": {"n": n}} for n in range(2_500)]
    with LocalServer(echo) as server:
        assert connect(server.url).create_many(iter(jobs), key="mine") == jobs
        assert connect(server.url).create_many(jobs, key="mine") == jobs
    assert [len(asked.body) for asked in server.asked] == [1_000, 1_000, 500] * 2
    assert [asked.key for asked in server.asked] == ["mine:0", "mine:1", "mine:2"] * 2


def test_a_batch_of_long_jobs_is_shorter_than_what_a_server_takes(connect: Connect) -> None:
    jobs = [{"type": "t", "payload": {"text": "ü" * 50_000}} for _ in range(10)]
    with LocalServer(echo) as server:
        assert connect(server.url).create_many(jobs) == jobs
        assert connect(server.url).create_many([]) == []
    assert len(server.asked) > 1
    assert max(len(asked.text) for asked in server.asked) <= 600_000


# ---- Waiting


def test_it_waits_for_the_end_of_a_job(serve: Serve, connect: Connect) -> None:
    server = serve(BUSY, reply(JOB), None, reply(DONE))
    assert connect(server.url).wait("a-job") == DONE
    assert {asked.query["wait"][0] for asked in server.asked} == {"20.000"}


def test_it_waits_no_longer_than_it_is_told(serve: Serve, connect: Connect) -> None:
    server = serve(reply(JOB))
    with pytest.raises(TimeoutError, match="a-job is PENDING after 0 s"):
        connect(server.url).wait("a-job", timeout=0)
    assert server.asked[0].query["wait"] == ["0.000"]


@pytest.mark.parametrize("how", ["away", "mute", "busy", "cut"])
def test_it_waits_no_longer_where_the_server_is_away(connect: Connect, how: str) -> None:
    mute = threading.Event()
    answers: dict[str, Callable[[Asked], Reply | None]] = {
        "mute": lambda asked: BUSY if mute.wait(30) else None,
        "busy": lambda asked: BUSY,
        "cut": lambda asked: None,
    }
    with LocalServer(answers.get(how, lambda asked: None)) as server:
        url = "http://127.0.0.1:1" if how == "away" else server.url
        with pytest.raises(TimeoutError, match=r"Nothing is known of job a-job after 0.5 s: "):
            connect(url).wait("a-job", timeout=0.5)
        mute.set()


def test_a_patience_that_is_shorter_than_the_timeout_ends_the_wait(serve: Serve, connect: Connect) -> None:
    with pytest.raises(Unanswered):
        connect(serve(None).url, patience=0.3).wait("a-job", timeout=1_000)


# ---- One file


def test_its_version_is_that_of_the_package() -> None:
    assert dashboard.__version__ == client.VERSION


def pythons() -> list[str]:
    """Every other Python from 3.9 on that this machine has."""
    minors = range(9, 20)
    named = [shutil.which(f"python3.{minor}") for minor in minors]
    found = [each for each in named if each and "shims" not in each]  # pyenv's own refuse
    versions = Path.home() / ".pyenv" / "versions"
    found += [str(each) for minor in minors for each in versions.glob(f"3.{minor}.*/bin/python3.{minor}")]
    here = f"python3.{sys.version_info.minor}"
    return [each for each in found if not each.endswith(here)]


def test_the_file_alone_imports_with_nothing_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(ROOT / "dashboard" / "client.py", tmp_path / "copied.py")
    others = pythons()
    for python in [sys.executable, *others]:
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import copied; print(copied.VERSION)"
        done = subprocess.run(
            [python, "-I", "-S", "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.stdout.strip(), done.stderr) == (client.VERSION, ""), python
    if not others:
        with capsys.disabled():
            print("The client was imported by this Python alone: there is no other here.")


def test_it_imports_nothing_of_ours() -> None:
    assert importlib.util.find_spec("dashboard.client")
    lines = (ROOT / "dashboard" / "client.py").read_text().splitlines()
    assert [line for line in lines if line.startswith(("import dashboard", "from dashboard", "from ."))] == []
