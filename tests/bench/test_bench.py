"""The benchmark counts right and takes no refusal for an answer. How fast anything is, no test says."""

import json
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from bench import load, rates, report, targets
from bench.in_process import App
from bench.measure import BenchError, Ratio, Section, interleaved
from bench.talk import Request
from tests.support import http
from tests.support.database import query
from tests.support.server import Server

LOAD = partial(load.by_processes, connections=4, seconds=0.2)


def statuses(server: Server) -> list[str]:
    return [row[0] for row in query(server.env["DATABASE_URL"], "SELECT status FROM jobs")]


def test_the_load_is_as_many_requests_as_it_says(server: Server) -> None:
    result = LOAD(server.url, [targets.CREATE])
    assert result.answered > 4
    assert statuses(server) == ["PENDING"] * result.answered


def test_the_constant_view_is_served_as_the_dashboard_is(tmp_path: Path) -> None:
    with targets.serving(targets.CONSTANT, "/", tmp_path / "log") as url:
        assert LOAD(url, [Request("POST", "/", targets.CREATE.body)]).answered > 4


def test_of_several_requests_each_is_sent_once_and_running_out_is_an_error(server: Server) -> None:
    jobs = [http.post(f"{server.url}/jobs", json={"type": "t"}).json()["id"] for _ in range(7)]
    with pytest.raises(BenchError, match="ran out"):
        LOAD(server.url, [Request("POST", f"/jobs/{job_id}/process") for job_id in jobs])
    assert statuses(server) == ["RUNNING"] * 7


def test_a_refusal_is_an_error_that_says_which(server: Server) -> None:
    with pytest.raises(BenchError, match=r"404.*No pending jobs"):
        LOAD(server.url, [targets.CLAIM])


def test_an_unchanged_page_is_an_answer(server: Server) -> None:
    path = "/dashboard/fragments/board"
    tag = http.get(server.url + path).headers["ETag"]
    assert LOAD(server.url, [Request("GET", path, tag=tag)]).answered > 4


def test_the_reference_serves_a_jobs_life_and_knows_what_was_pending(tmp_path: Path) -> None:
    url = targets.make_reference(tmp_path / "jobs.db")
    targets.fill(tmp_path / "jobs.db", 1, targets.PENDING)
    with (
        targets.serving(targets.REFERENCE, "/jobs/summary", tmp_path / "log", DATABASE_URL=url) as at,
        http.Client(base_url=at, headers={"Content-Type": "application/json"}) as client,
    ):
        created = client.post("/jobs", content=targets.CREATE.body)
        assert (created.status_code, created.json()["status"]) == (201, "PENDING")
        claimed = [client.post("/jobs/claim").json() for _ in range(2)]
        assert claimed[0]["id"] == created.json()["id"]  # the more urgent one
        assert {job["status"] for job in claimed} == {"RUNNING"}
        assert client.post("/jobs/claim").status_code == 404
        complete = targets.complete(claimed[1]["id"])
        completed = client.post(complete.path, content=complete.body).json()
        assert (completed["status"], completed["result"]) == ("COMPLETED", {"message": "ok"})
        assert client.post(complete.path, content=complete.body).status_code == 400
        assert client.get("/jobs/summary").json() == {"pending": 0, "running": 1, "completed": 1, "failed": 0}
        assert len(client.get("/jobs?limit=5").json()) == 2
    assert query(url, "PRAGMA journal_mode") == [("wal",)]


def test_a_filled_database_is_as_the_service_would_have_made_it(tmp_path: Path) -> None:
    url = targets.make_ours(tmp_path / "jobs.db")
    for _ in range(2):
        targets.fill(tmp_path / "jobs.db", 20, targets.HALF_PENDING)
    with closing(App(url)) as app:
        summary = json.loads(app.ask(Request("GET", "/jobs/summary")).body)
        assert summary == {"pending": 20, "running": 4, "completed": 12, "failed": 4}
        jobs = json.loads(app.ask(Request("GET", "/jobs")).body)
        assert len({job["id"] for job in jobs}) == 40
        assert {job["status"] for job in jobs if job["completed_at"]} == {"COMPLETED", "FAILED"}
        running = targets.ids(tmp_path / "jobs.db", "RUNNING")
        assert [app.ask(targets.complete(job_id)).status for job_id in running] == [200] * 4
        assert app.ask(targets.CLAIM).status == 200


@pytest.mark.parametrize("mix", [targets.HALF_PENDING, targets.MOSTLY_FINISHED, targets.PENDING_AND_RUNNING])
def test_jobs_are_of_the_statuses_that_the_mix_says(tmp_path: Path, mix: dict[str, int]) -> None:
    url = targets.make_ours(tmp_path / "jobs.db")
    targets.fill(tmp_path / "jobs.db", sum(mix.values()), mix)
    assert dict(query(url, "SELECT status, count(*) FROM jobs GROUP BY status")) == mix


def test_contestants_take_turns_and_their_rounds_are_compared() -> None:
    turns: list[str] = []
    found = interleaved({name: partial(turns.append, name) for name in "abc"}, 3)
    assert "".join(turns) == "abcbcacab"
    assert {name: len(each) for name, each in found.items()} == {"a": 3, "b": 3, "c": 3}
    assert Ratio.of([4, 9, 2], [2, 3, 2]) == Ratio(2, 1, 3)


def test_creates_beside_reads_are_compared_with_creates_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "ROUNDS", 1)
    ((what, beside, _, alone, ratio, wanted),) = rates.together(rates.Target(server.url, [])).rows
    assert (what, wanted) == ("8 create beside 4 that read", "≥ 0.4")
    assert isinstance(beside, float)
    assert isinstance(alone, float)
    assert ratio == Ratio.of([beside], [alone])
    assert len(statuses(server)) >= beside + alone


def test_the_outcome_is_markdown_and_json(tmp_path: Path) -> None:
    sections = [Section("Calls", "A note. " * 40, ("what", "ours", "ratio"), [["create", 1234.5, Ratio(2, 1, 3)]])]
    found = report.circumstances(tmp_path, "17.2")
    text = report.markdown(found, sections)
    assert "| what | ours | ratio |\n| --- | --- | --- |\n| create | 1,234 | **2.00** (1.00 to 3.00) |" in text
    assert max(map(len, text.splitlines())) <= 120
    (section,) = json.loads(report.as_json(found, sections))["sections"]
    assert section["rows"] == [{"what": "create", "ours": 1234.5, "ratio": {"median": 2, "least": 1, "most": 3}}]
