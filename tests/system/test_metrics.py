"""Several processes are one answer, also after one of them was killed; a real Prometheus takes what deploy/ has."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from tests.support import http
from tests.support.programs import program
from tests.support.prometheus import Prometheus
from tests.support.server import ROOT, Server, StartServer
from tests.support.waiting import eventually

DEPLOY = ROOT / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text())
TOKENS = "prometheus:viewer:a-token-that-reads ci:operator:a-token-that-writes"
READER, WRITER = ({"Authorization": f"Bearer a-token-that-{does}"} for does in ("reads", "writes"))


@pytest.fixture
def promtool() -> str:
    return program("promtool")


@pytest.fixture
def prometheus() -> str:
    return program("prometheus")


def read(server: Server, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    answer = http.get(f"{server.url}/metrics", headers=READER, timeout=30)
    assert answer.status_code == 200
    return sum(
        sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == f"jobqueue_{name}" and labels.items() <= sample.labels.items()
    )


def create(server: Server, number: int) -> None:
    """By as many connections, so that each worker gets some."""

    def one(_: int) -> int:
        return http.post(f"{server.url}/jobs", json={"type": "t"}, headers=WRITER, timeout=30).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(number))) == {201}


# ---- Several processes


def test_several_processes_are_one_answer_and_what_they_counted_outlives_them(
    start_server: StartServer, database_url: str
) -> None:
    server = start_server(database_url, WEB_CONCURRENCY="2", TOKENS=TOKENS)

    def tell(number: int) -> None:
        """All processes do: a process tells of its requests at once, and the others of them a second later."""
        eventually(
            lambda: {read(server, "http_requests_total", route="/jobs", status="201") for _ in range(20)} == {number},
            f"each tells of {number}",
        )

    create(server, 100)
    tell(100)
    first = server.workers()
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: len(set(server.workers()) - set(first)) == 1, "another one takes its place")
    tell(100)
    create(server, 10)
    server.signal(signal.SIGHUP)
    eventually(lambda: not set(server.workers()) & set(first), "the old ones have ended")
    eventually(lambda: len(server.workers()) == 2, "the new ones are there")
    create(server, 10)
    tell(120)
    assert read(server, "writes_total") >= 120
    assert 0 < read(server, "commits_total") <= read(server, "writes_total")


def test_claims_that_wait_in_any_process_are_told_until_they_are_answered(
    start_server: StartServer, sqlite_url: str
) -> None:
    server = start_server(sqlite_url, WEB_CONCURRENCY="2", TOKENS=TOKENS)

    def claim(_: int) -> int:
        return http.post(f"{server.url}/jobs/claim?wait=25", headers=WRITER, timeout=60).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(claim, number) for number in range(6)]
        eventually(lambda: read(server, "claims_waiting") == 6, "all of them wait")
        create(server, 6)
        assert [answer.result() for answer in answers] == [200] * 6
    assert read(server, "claims_waiting") == 0


# ---- Prometheus


def test_promtool_takes_the_answer(promtool: str, server: Server) -> None:
    http.post(f"{server.url}/jobs", json={"type": 'a"\n\\\u202e'})
    answer = http.get(f"{server.url}/metrics").content
    checked = subprocess.run([promtool, "check", "metrics"], input=answer, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_promtool_takes_the_configuration_and_the_rules(promtool: str, prometheus: str, tmp_path: Path) -> None:
    config = Prometheus(tmp_path / "prometheus", (8081, 8082), "a-token").config
    checked = subprocess.run([promtool, "check", "config", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_each_alert_fires_when_it_should_and_not_on_a_good_day(promtool: str) -> None:
    file = ROOT / "tests/system/alerts_test.yml"
    checked = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    alerts = re.findall(r"alert: (\w+)", (DEPLOY / "alerts.yml").read_text())
    fires = re.findall(r"alertname: (\w+)\n +exp_alerts:\n", file.read_text())
    assert set(alerts) == set(fires)


def test_a_prometheus_scrapes_two_instances_and_its_answers_are_those_of_the_table(
    prometheus: str, start_server: StartServer, postgres_url: str, tmp_path: Path
) -> None:
    servers = [start_server(postgres_url, WEB_CONCURRENCY="2", TOKENS=TOKENS) for _ in range(2)]
    for server in servers:
        create(server, 30)
    http.post(f"{servers[0].url}/jobs/claim?limit=20", headers=WRITER)
    asks = Prometheus(tmp_path / "prometheus", [server.port for server in servers], "a-token-that-reads")
    try:
        asks.start()
        eventually(lambda: asks.query('sum(up{job="jobqueue"})') == {"": 2}, "both are up")
        summary = http.get(f"{servers[0].url}/jobs/summary", headers=READER).json()
        now = asks.query("max by (status) (jobqueue_jobs)")
        assert {status.lower(): number for status, number in now.items()} == summary
        assert asks.query("max by (type) (jobqueue_jobs_ready)") == {"t": 40, "other": 0}
        created = 'sum(jobqueue_http_requests_total{method="POST", route="/jobs", status="201"})'
        eventually(lambda: asks.query(created) == {"": 60}, "each process has told of all")
        eventually(lambda: asks.query("max by (type) (jobqueue_jobs_created_total)"), "the totals have begun")

        def rules() -> list[dict[str, Any]]:
            return [rule for group in asks.get("rules")["groups"] for rule in group["rules"]]

        eventually(lambda: {rule["health"] for rule in rules()} == {"ok"}, "every rule was evaluated")
        assert {rule["state"] for rule in rules()} == {"inactive"}
        for expression in expressions():
            asks.query(expression)
    finally:
        asks.stop()


# ---- Grafana


def expressions() -> list[str]:
    """Of every panel, with values for the variables."""
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    assert len(found) > 20
    return [re.sub(r"\$(type|instance)\b", ".*", each.replace("$__rate_interval", "1m")) for each in found]


def test_the_dashboard_and_the_alerts_name_metrics_that_there_are(server: Server) -> None:
    http.post(f"{server.url}/jobs", json={"type": "t"})
    answer = http.get(f"{server.url}/metrics").text
    there = set(re.findall(r"^# TYPE (jobqueue_\w+)", answer, re.MULTILINE))
    there |= {f"{name}_bucket" for name in re.findall(r"^# TYPE (\w+) histogram", answer, re.MULTILINE)}
    variables = [each.get("query") for each in DASHBOARD["templating"]["list"]]
    for text in (*expressions(), json.dumps(variables), (DEPLOY / "alerts.yml").read_text()):
        assert set(re.findall(r"jobqueue_\w+", text)) <= there


def told(ours: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Where theirs lacks something of ours."""
    if isinstance(ours, dict):
        for key, value in ours.items():
            yield from told(value, theirs.get(key) if isinstance(theirs, dict) else None, f"{place}/{key}")
    elif isinstance(ours, list):
        for number, value in enumerate(ours):
            yield from told(value, theirs[number] if number < len(theirs) else None, f"{place}/{number}")
    elif ours != theirs:
        yield f"{place}: {ours!r}, not {theirs!r}"


def test_the_dashboard_has_the_form_that_grafana_s_own_library_reads() -> None:
    plugins.register_default_plugins()
    assert [*told(DASHBOARD, json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD))))] == []


def test_the_panels_do_not_overlap_and_have_their_own_numbers() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells
