"""`jobqueue work`: what a program is given, what its end means, how it is stopped, and that nothing of it is left."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.client import Jobs
from tests.support.commands import invoke, invoke_json, runs, started
from tests.support.server import ROOT, Server
from tests.support.waiting import eventually


@pytest.fixture
def jobs(server: Server) -> Iterator[Jobs]:
    with Jobs(server.url) as jobs:
        yield jobs


def work(server: Server, script: str, *options: str, types: tuple[str, ...] = ("t",)) -> None:
    """Do all jobs by this script of the shell."""
    invoke("work", *types, "--drain", *options, "--", "sh", "-c", script, url=server.url)


# ---- What its end means


ENDS: dict[str, tuple[str, Any]] = {
    "an object": ("""echo '{"n": [1, 2]}'""", {"n": [1, 2]}),
    "the payload back": ("cat", {"width": 300}),
    "a text": ("echo out; echo err >&2", {"stdout": "out\n", "stderr": "err\n"}),
    "nothing": ("true", {"stdout": "", "stderr": ""}),
    "two objects": ("echo '{}'; echo '{}'", {"stdout": "{}\n{}\n", "stderr": ""}),
    "no object": ("echo '[1]'", {"stdout": "[1]\n", "stderr": ""}),
    "any status": ("echo first >&2; echo last >&2; exit 3", "exit 3: last"),
    "any status, silently": ("exit 3", "exit 3"),
    "again": ("echo later >&2; exit 75", "exit 75: later"),
    "a signal": ("kill -9 $$", "killed by SIGKILL"),
    "a signal of its own making": ("kill -TERM $$; sleep 9", "killed by SIGTERM"),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_end_of_the_program_is_the_end_of_the_job(server: Server, jobs: Jobs, name: str) -> None:
    script, expected = ENDS[name]
    made = jobs.create("t", {"width": 300}, max_attempts=2)
    work(server, script)
    job = jobs.get(made["id"], full=True)
    if isinstance(expected, dict):
        assert (job["status"], job["result"]) == ("COMPLETED", expected)
    else:
        assert job["status"] == "PENDING"  # tried again
        assert [(run["outcome"], run["reason"]) for run in job["attempts"]] == [("failed", expected)]


def test_the_status_65_is_never_tried_again(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t", max_attempts=5)
    work(server, "echo corrupt >&2; exit 65")
    assert jobs.wait(made["id"], timeout=0)["result"] == {"reason": "exit 65: corrupt"}


def test_of_a_long_output_the_beginning_and_the_end_are_kept(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t")
    work(server, "echo begin; head -c 3000000 /dev/zero | tr '\\0' x; echo end")
    told = jobs.wait(made["id"], timeout=0)["result"]["stdout"]
    assert told.startswith("begin\nxxx")
    assert told.endswith("xxxend\n")
    assert len(told) < 70_000


# What the server would refuse, or nearly: the programs of Python that print it.
OBJECTS = {
    "letters beyond ASCII": ("{'t': 'é' * 200_000}", True),
    "as long as a request": ("{'t': 'a' * 998_900}", True),
    "longer than what is left of a request": ("{'t': 'a' * 999_950}", False),
    "a lone surrogate": (r"{'t': '\ud800'}", False),
    "infinite": ("{'t': json.loads('1e999')}", False),
    "NUL": (r"{'t': '\0'}", True),
    "deep": ("{'t': json.loads('[' * 189 + ']' * 189)}", True),
    "too deep": ("{'t': json.loads('[' * 250 + ']' * 250)}", False),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_that_the_server_cannot_take_is_kept_as_a_text(
    server: Server, jobs: Jobs, tmp_path: Path, name: str
) -> None:
    value, is_taken = OBJECTS[name]
    (tmp_path / "program.py").write_text(
        f"import json, sys\nsys.stdout.buffer.write(json.dumps({value}, ensure_ascii={not is_taken}).encode())\n"
    )
    made = jobs.create("t", max_attempts=1)
    invoke("work", "--drain", "--", sys.executable, str(tmp_path / "program.py"), url=server.url)
    job = jobs.wait(made["id"], timeout=0)
    assert (job["status"], set(job["result"])) == ("COMPLETED", {"t"} if is_taken else {"stdout", "stderr"})


def test_a_program_that_reads_nothing_gets_a_long_payload_all_the_same(server: Server, jobs: Jobs) -> None:
    payload = {"text": "ü" * 100_000}
    read, unread = jobs.create("read", payload), jobs.create("unread", payload)
    work(server, "wc -c", types=("read",))
    work(server, "true", types=("unread",))
    assert int(jobs.wait(read["id"], timeout=0)["result"]["stdout"]) == len(json.dumps(payload))
    assert jobs.wait(unread["id"], timeout=0)["status"] == "COMPLETED"


def test_the_program_learns_of_its_job_from_its_environment(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t", priority=7)
    names = ("JOB_ID", "JOB_TYPE", "JOB_ATTEMPT", "JOB_PRIORITY", "JOBS_URL", "JOB_TOKEN")
    work(server, "echo " + " ".join(f"${name}" for name in names))
    *told, token = jobs.wait(made["id"], timeout=0)["result"]["stdout"].split()
    assert told == [made["id"], "t", "1", "7", server.url]
    assert jobs.complete(made["id"], token)["status"] == "COMPLETED"  # a repeat, by its token


def test_a_job_without_a_payload_gives_null(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t")
    work(server, "cat")
    assert jobs.wait(made["id"], timeout=0)["result"]["stdout"] == "null"


def test_without_a_type_it_takes_any_and_with_some_no_other(server: Server, jobs: Jobs) -> None:
    for kind in ("a", "b", "c"):
        jobs.create(kind)
    work(server, "true", types=("a", "b"))
    assert [job["type"] for job in jobs.newest(status="PENDING")] == ["c"]
    work(server, "true", types=())
    assert jobs.summary()["completed"] == 3


def test_the_program_has_the_whole_environment_of_the_worker(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"a.b": "1", "BASH_FUNC_f%%": "() { :; }", "1": "ü"}
    for name, value in odd.items():
        monkeypatch.setenv(name, value)
    made = jobs.create("t")
    invoke("work", "--drain", "--", "env", "-0", url=server.url)
    told = dict(
        entry.split("=", 1) for entry in jobs.wait(made["id"], timeout=0)["result"]["stdout"].split("\ufffd")[:-1]
    )
    assert {name: told.get(name) for name in odd} == odd


def test_a_script_that_does_not_say_by_what_is_run_by_the_shell(server: Server, jobs: Jobs, tmp_path: Path) -> None:
    script = tmp_path / "a script"
    script.write_text('echo "$JOB_TYPE, $1"\n')
    script.chmod(0o755)
    made = jobs.create("t")
    invoke("work", "--drain", "--", str(script), "an argument", url=server.url)
    assert jobs.wait(made["id"], timeout=0)["result"]["stdout"] == "t, an argument\n"


def test_a_program_that_cannot_be_started_costs_no_attempt(
    server: Server, jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.cli.program.PAUSE", 0.1)
    program = tmp_path / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    made = jobs.create("t", max_attempts=1)
    told = invoke("work", "--once", "--", str(program), url=server.url).stderr
    assert "Its program cannot be started" in told
    job = jobs.get(made["id"], full=True)
    assert (job["status"], [run["outcome"] for run in job["attempts"]]) == ("PENDING", ["released"])


def test_too_few_descriptors_cost_no_attempt_and_none_of_them_is_lost(server: Server, jobs: Jobs) -> None:
    with begin(server, "sleep 0.3", "--slots", "12", first="ulimit -n 40;") as process:
        for _ in range(2):
            made = jobs.create_many([{"type": "t", "max_attempts": 1}] * 12)
            for job in made:
                assert jobs.wait(job["id"], timeout=60)["status"] == "COMPLETED"
        eventually(lambda: len(os.listdir(f"/proc/{process.pid}/fd")) < 15, "no descriptor is left over")


def test_what_it_left_behind_ends_with_it(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t")
    work(server, 'sleep 1000 & echo "{\\"pid\\": $!}"')
    assert not runs(jobs.wait(made["id"], timeout=0)["result"]["pid"])


def test_a_program_that_takes_too_long_is_stopped_and_tried_again(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t", max_attempts=2)
    work(server, "sleep 1000", "--timeout", "0.5")
    job = jobs.get(made["id"], full=True)
    assert [(run["outcome"], run["reason"]) for run in job["attempts"]] == [("failed", "timed out after 0.5 s")]


def test_one_that_ignores_sigterm_is_killed(server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.cli.program.TERM_FOR", 0.5)
    jobs.create("t")
    work(server, "trap '' TERM; while true; do sleep 1; done", "--timeout", "0.3")
    assert jobs.summary()["failed"] == 1


# ---- Stops


FAMILY = 'echo $$ >> "$PIDS"; sh -c \'echo $$ >> "$PIDS"; sleep 1000\' & echo progress 42 half >&3; wait'


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """The processes of FAMILY, once it runs."""
    file = tmp_path / "pids"
    monkeypatch.setenv("PIDS", str(file))

    def pids() -> list[int]:
        eventually(lambda: file.exists() and len(file.read_text().split()) == 2, "the program runs")
        return [int(pid) for pid in file.read_text().split()]

    return pids


def begin(server: Server, script: str, *options: str, stderr: Any = subprocess.DEVNULL, first: str = "") -> Any:
    command = ("work", "t", *options, "--", "bash", "-c", script)
    return started(*command, url=server.url, stderr=stderr, first=first)


# As FAMILY; the second process is in a group of its own, by timeout(1) or by the shell's job control.
GROUPS = (
    """echo $$ >> "$PIDS"; timeout 1000 sh -c 'echo $$ >> "$PIDS"; sleep 1000'; true""",
    """set -m; echo $$ >> "$PIDS"; sh -c 'echo $$ >> "$PIDS"; sleep 1000; true' & wait""",
)


@pytest.mark.parametrize("script", GROUPS)
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_process_groups_of_its_own_making_end_with_it(
    server: Server, jobs: Jobs, family: Callable[[], list[int]], script: str, how: str
) -> None:
    jobs.create("t")
    with begin(server, script, "--grace", "0") as process:
        pids = family()
        process.send_signal(signal.SIGTERM if how == "stopped" else signal.SIGKILL)
        process.wait(30)
        all_gone(pids)


def guards(process: "subprocess.Popen[bytes]") -> list[int]:
    """The guards of a worker that run."""
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    pids = [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
    return [pid for pid in pids if runs(pid) and b"guard.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_guard_that_was_killed_is_started_anew_and_costs_no_attempt(
    server: Server, jobs: Jobs, family: Callable[[], list[int]]
) -> None:
    jobs.create("t")
    with begin(server, FAMILY, "--slots", "2") as process:
        pids = family()
        (guard,) = guards(process)
        os.kill(guard, signal.SIGKILL)
        made = jobs.create("t", {"short": True}, max_attempts=1)
        eventually(lambda: jobs.get(made["id"])["status"] == "RUNNING", "another one begins")
        eventually(lambda: guard not in guards(process) and guards(process), "there is a new guard")
        process.kill()
        process.wait(30)
        all_gone(pids)
    assert jobs.get(made["id"])["status"] == "RUNNING"  # until its lease ends


# A worker that is killed when its program is there, and the guard does not know its session yet.
KILLED_AT_ONCE = """
import os, signal
from dashboard.cli.guard import Guard
def start():
    print(os.posix_spawnp("sleep", ["sleep", "1000"], {**os.environ, "JOB_ID": "a-job"}, setsid=True), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
with Guard() as guard:
    guard.begin("JOB_ID=a-job", start)
"""


def test_a_worker_that_is_killed_while_it_starts_a_program_leaves_it_not_behind() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_ONCE], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=30, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    all_gone([int(killed.stdout)])


def all_gone(pids: list[int]) -> None:
    eventually(lambda: not any(map(runs, pids)), "all processes of the program have ended")


def test_a_worker_that_is_killed_leaves_no_process_behind(
    server: Server, jobs: Jobs, family: Callable[[], list[int]]
) -> None:
    made = jobs.create("t")
    with begin(server, FAMILY) as process:
        pids = family()
        process.kill()
        process.wait(30)
        all_gone(pids)
    assert jobs.get(made["id"])["status"] == "RUNNING"  # until its lease ends


def test_a_job_that_is_called_off_stops_its_program_and_what_that_started(
    server: Server, jobs: Jobs, family: Callable[[], list[int]]
) -> None:
    made = jobs.create("t")
    with begin(server, FAMILY, "--lease", "2") as process:
        pids = family()
        invoke("fail", made["id"], "--reason", "wrong customer", url=server.url)
        all_gone(pids)
        assert process.poll() is None  # it goes on with other jobs
    assert jobs.get(made["id"])["result"] == {"reason": "wrong customer"}


def test_a_worker_that_was_suspended_for_longer_than_its_lease_stops_its_program(
    server: Server, jobs: Jobs, family: Callable[[], list[int]]
) -> None:
    made = jobs.create("t")
    with begin(server, FAMILY, "--lease", "1") as process:
        pids = family()
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: is_overdue(jobs.get(made["id"], full=True)), "its lease has ended")
        assert all(map(runs, pids))
        process.send_signal(signal.SIGCONT)
        all_gone(pids)
        assert process.poll() is None


def is_overdue(job: dict[str, Any]) -> bool:
    return datetime.fromisoformat(job["lease_expires_at"]) < datetime.now(UTC).replace(tzinfo=None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_after_a_signal_what_runs_may_end(server: Server, jobs: Jobs, tmp_path: Path, number: int) -> None:
    made = jobs.create("t")
    with begin(server, f"touch {tmp_path}/begun; while [ ! -e {tmp_path}/end ]; do sleep 0.1; done") as process:
        eventually((tmp_path / "begun").exists, "it runs")
        process.send_signal(number)
        (tmp_path / "end").touch()
        assert process.wait(30) == 0
    assert jobs.get(made["id"])["status"] == "COMPLETED"


def test_the_end_of_its_terminal_is_such_a_signal_and_what_runs_is_reported(
    server: Server, jobs: Jobs, tmp_path: Path
) -> None:
    made = jobs.create("t", max_attempts=1)
    terminal, end = pty.openpty()
    script = f"touch {tmp_path}/begun; while [ ! -e {tmp_path}/end ]; do sleep 0.1; done"
    with begin(server, script, stderr=end) as process:
        os.close(end)
        eventually((tmp_path / "begun").exists, "it runs")
        os.close(terminal)
        process.send_signal(signal.SIGHUP)
        (tmp_path / "end").touch()
        assert process.wait(30) == 0
    assert jobs.get(made["id"])["status"] == "COMPLETED"


def test_under_nohup_the_end_of_its_terminal_does_not_end_it(server: Server, jobs: Jobs) -> None:
    with begin(server, "true", first="trap '' HUP;") as process:
        first = jobs.create("t")
        assert jobs.wait(first["id"], timeout=30)["status"] == "COMPLETED"
        process.send_signal(signal.SIGHUP)
        second = jobs.create("t")
        assert jobs.wait(second["id"], timeout=30)["status"] == "COMPLETED"


def test_after_the_grace_it_is_stopped_and_its_job_given_back(
    server: Server, jobs: Jobs, family: Callable[[], list[int]]
) -> None:
    made = jobs.create("t")
    with begin(server, FAMILY, "--grace", "0") as process:
        pids = family()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        all_gone(pids)
    job = jobs.get(made["id"], full=True)
    assert (job["status"], [run["outcome"] for run in job["attempts"]]) == ("PENDING", ["released"])


def test_a_second_signal_gives_the_job_back_at_once(
    server: Server, jobs: Jobs, family: Callable[[], list[int]]
) -> None:
    made = jobs.create("t")
    with begin(server, FAMILY, "--grace", "1000") as process:
        pids = family()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        all_gone(pids)
    assert [run["outcome"] for run in jobs.get(made["id"], full=True)["attempts"]] == ["released"]


def test_a_worker_whose_server_is_away_waits_for_it_and_can_be_stopped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file, started("work", "--", "true", url="http://127.0.0.1:1", stderr=file) as process:
        eventually(lambda: log.read_text().count("A claim failed and is repeated") > 1, "it tries again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_once_waits_for_one_job(server: Server, jobs: Jobs) -> None:
    with begin(server, "true", "--once") as process:
        jobs.create_many([{"type": "t"}] * 3)
        assert process.wait(30) == 0
    assert jobs.summary()["completed"] == 1


# ---- What it shows


def test_the_progress_is_seen_by_the_server_and_on_a_terminal_a_line_a_job(
    server: Server, jobs: Jobs, family: Callable[[], list[int]]
) -> None:
    made = jobs.create("t")
    terminal, end = pty.openpty()
    shown = b""
    try:
        with begin(server, FAMILY, "--lease", "2", stderr=end) as process:
            family()
            eventually(lambda: jobs.get(made["id"], full=True)["message"] == "half", "the server knows it")
            assert jobs.get(made["id"], full=True)["progress"] == 42
            os.set_blocking(terminal, False)
            while b"half" not in shown:
                shown += eventually(lambda: _read(terminal), "it is shown")
            process.send_signal(signal.SIGTERM)
    finally:
        os.close(terminal)
        os.close(end)
    assert f"Begun: t {made['id']}, attempt 1".encode() in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 10_000)
    except BlockingIOError:
        return b""


def test_on_a_narrow_terminal_a_running_job_is_one_line_with_its_bar(
    server: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    made = jobs.create("image_resize_and_crop", max_attempts=1)
    terminal, end = pty.openpty()
    shown = bytearray()

    def is_shown() -> bool:
        shown.extend(_read(terminal))
        return b"42%" in shown

    script = f"echo progress 42 half of the pages are there >&3; while [ ! -e {tmp_path}/end ]; do sleep 0.1; done"
    try:
        command = ("work", "--once", "--", "sh", "-c", script)
        with started(*command, url=server.url, stderr=end) as process:
            os.set_blocking(terminal, False)
            eventually(is_shown, "it is shown")
            (tmp_path / "end").touch()
            assert process.wait(30) == 0
    finally:
        os.close(terminal)
        os.close(end)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split("[\r\n]", shown.decode())]
    line = next(line for line in lines if "42%" in line)
    assert re.fullmatch(
        rf"{made['id'][:8]} image_resize\S*… +[━╸╺ ]{{20}} +42% half of the pages.*… +0:00:\d\d", line.strip()
    ), line
    assert len(line) <= 80


def test_on_a_terminal_a_refusal_is_told_too(server: Server) -> None:
    terminal, end = pty.openpty()
    try:
        with started("work", "\udcff", "--", "true", url=server.url, stderr=end) as process:
            assert process.wait(30) == 2
        os.set_blocking(terminal, False)
        assert b"It is no text" in os.read(terminal, 100_000)
    finally:
        os.close(terminal)
        os.close(end)


def test_no_line_of_the_log_has_what_plays_with_a_terminal(server: Server, jobs: Jobs) -> None:
    told = []
    for options in ((), ("--json",)):
        jobs.create("t\x1b[2J\n", max_attempts=1)
        command = ("work", "--drain", *options, "--", "sh", "-c", "printf 'a\\033[2Jb\\tc' >&2; exit 75")
        told.append(invoke(*command, url=server.url).stderr)
    for text in told:
        assert all(line.isprintable() for line in text.split("\n")), text
        assert r"t\u001b[2J\n" in text
        assert r"exit 75: a\u001b[2Jb\tc" in text


def test_elsewhere_it_logs_a_line_for_each_thing_that_happens(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t")
    told = invoke("work", "--drain", "--", "sh", "-c", "echo no >&2; exit 65", url=server.url).stderr.splitlines()
    assert [line.split(" ", 2)[2] for line in told] == [
        f"INFO Begun: t {made['id']}, attempt 1",
        f"INFO Reported: t {made['id']}, attempt 1: fail (exit 65: no)",
    ]


def test_with_json_it_logs_an_object_a_line(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t")
    told = invoke("work", "--drain", "--json", "--", "true", url=server.url).stderr.splitlines()
    assert [(each["level"], each["job"]) for each in map(json.loads, told)] == [("INFO", made["id"])] * 2


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- >&- 2>&-"])
def test_it_works_without_the_standard_streams(server: Server, jobs: Jobs, closed: str) -> None:
    made = jobs.create("t", {"n": 1})
    command = ("work", "t", "--drain", "--", "cat")
    with started(*command, url=server.url, stderr=subprocess.DEVNULL, first=f"exec {closed};") as process:
        assert process.wait(30) == 0
    assert jobs.wait(made["id"], timeout=0)["result"] == {"n": 1}


# ---- Usage


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("t",), "Say after -- which program"),
        (("t", "--"), "Say after -- which program"),
        (("t", "--", "no-such-program"), "There is no program 'no-such-program'"),
        (("--once", "--drain", "--", "true"), "exclude each other"),
        (("--slots", "0", "--", "true"), "--slots"),
        (("--lease", "x", "--", "true"), "--lease"),
        (("--timeout", "0", "--", "true"), "--timeout"),
        (("--nope", "--", "true"), "--nope"),
    ],
)
def test_wrong_usage_is_a_sentence_and_the_status_2(arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in invoke("work", *arguments, status=2).stderr


def test_options_of_the_program_are_its_own(server: Server, jobs: Jobs) -> None:
    made = jobs.create("t")
    invoke("work", "--drain", "--", "echo", "--slots", "--", "--help", url=server.url)
    assert jobs.get(made["id"])["result"]["stdout"] == "--slots -- --help\n"


def test_what_the_server_refuses_is_told(server: Server) -> None:
    assert httpx.get(f"{server.url}/readyz").status_code == 200
    types = [f"t{n}" for n in range(21)]
    assert "422" in invoke("work", *types, "--drain", "--", "true", status=1, url=server.url).stderr
    assert invoke_json("list", url=server.url) == []
