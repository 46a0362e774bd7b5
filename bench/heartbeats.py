"""Heartbeats beside open lists: they change no list, so polls are answered by 304."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import httpx

from bench import load, targets
from bench.measure import BenchError, Cell, Section, say
from bench.talk import Request, Talk, check, converse

HELD = 1_000  # jobs under a lease
OF_REPORT = 100
POLLERS = 4
SECONDS = 3.0
FRAGMENTS = ("/dashboard/fragments/board", "/dashboard/fragments/queue")


def heartbeats(folder: Path) -> Section:
    say("heartbeats beside polls")
    url = targets.make_ours(folder / "heartbeats.db")
    with ExitStack() as stack:
        log = folder / "heartbeats.log"
        at = stack.enter_context(targets.serving(targets.OURS, "/readyz", log, DATABASE_URL=url))
        row = beside_polls(at)
    columns = ("heartbeats/s", "polls/s", "304, %", "wanted")
    note = (
        f"Reports of {OF_REPORT} heartbeats, one after another, while {POLLERS} connections poll the lists; a poll "
        "that is answered by a page asks with its new tag."
    )
    return Section("Heartbeats", note, columns, [row])


def beside_polls(url: str) -> list[Cell]:
    reports = [targets.report(_leased(url), "heartbeat").encode() for _ in range(HELD // OF_REPORT)]
    statuses: list[int] = []
    talks: list[Talk] = [_poll(FRAGMENTS[number % len(FRAGMENTS)], statuses) for number in range(POLLERS)]
    heard = converse([load.port(url)], [_beat(reports), *talks], SECONDS)
    beats = (len(heard.times) - len(statuses)) * OF_REPORT / heard.seconds
    share = 100 * statuses.count(304) / len(statuses)
    return [beats, len(statuses) / heard.seconds, share, "≥ 1,000/s, ≥ 99 %"]


def _beat(reports: Sequence[bytes]) -> Talk:
    for report in cycle(reports):
        if b'"detail"' in (answer := check((yield report))).body:
            raise BenchError(f"a heartbeat is too late: {answer.body[:200]!r}")


def _poll(path: str, statuses: list[int]) -> Talk:
    tag = ""
    while True:
        answer = check((yield Request("GET", path, tag=tag).encode()))
        statuses.append(answer.status)
        tag = answer.tag or tag


def _leased(url: str) -> list[dict[str, str]]:
    batch = targets.batch(OF_REPORT)
    httpx.post(url + batch.path, content=batch.body, headers={"Content-Type": "application/json"}).raise_for_status()
    claim = targets.leased_claim(OF_REPORT)
    held: list[dict[str, str]] = httpx.post(url + claim.path).raise_for_status().json()
    return held
