"""Open dashboards beside a server that is busy: what they cost it in CPU time, and whether its memory grows."""

import json
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from heapq import heapify, heappop, heappush
from itertools import count
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from time import perf_counter

from bench import targets
from bench.measure import BenchError, Cell, Section, say
from bench.talk import Answer, Line, Request, check
from bench.waiting import cpu_time
from tests.support.server import Server

OPEN = 50
POLLS = (("/dashboard/fragments/overview?last=1h", 5.0), ("/dashboard/fragments/board", 2.0))  # seconds between two
RATE = 200  # jobs a second: each is created, claimed and completed
WORKERS = 20
SECONDS = 20.0
IDLE = 1.0  # seconds between two turns, from which on a connection is not kept

Turn = Generator[bytes | None, Answer | None, None]  # says requests and hears answers; None is the end of a turn


def dashboards(folder: Path) -> Section:
    say(f"{OPEN} open dashboards")
    url = targets.make_ours(folder / "dashboards.db")
    with ExitStack() as stack:
        server = Server(folder / "dashboards.log", {"DATABASE_URL": url})
        stack.callback(server.stop)
        server.start()
        rows = with_and_without(server)
    note = (
        f"{RATE} jobs a second are created, claimed and completed; meanwhile {OPEN} dashboards, half of them the "
        "overview, poll with their tags. CPU time of the server's processes, as a share of one core."
    )
    return Section("Dashboards", note, ("what", "without", "with", "more", "wanted"), rows)


def with_and_without(server: Server) -> list[list[Cell]]:
    jobs: list[tuple[Turn, float]] = [(_jobs(), WORKERS / RATE) for _ in range(WORKERS)]
    statuses: list[int] = []
    polls: list[tuple[Turn, float]] = [
        (_poll(path, statuses), period) for path, period in (POLLS[n % len(POLLS)] for n in range(OPEN))
    ]
    beside(server, jobs)  # to warm up
    without, rate, _ = beside(server, jobs)
    beside(server, [*jobs, *polls])
    statuses.clear()
    with_them, rate_with, grown = beside(server, [*jobs, *polls])
    share = 100 * statuses.count(304) / len(statuses)
    return [
        ["% of a core", 100 * without, 100 * with_them, 100 * (with_them - without), "≤ 50"],
        ["jobs a second", rate, rate_with, "", f"{RATE}"],
        ["polls a second", "", len(statuses) / SECONDS, f"{share:.0f} % 304", ""],
        ["MB that the resident memory grew by", "", grown / 1e6, "", "< 5"],
    ]


def beside(server: Server, turns: Sequence[tuple[Turn, float]]) -> tuple[float, float, float]:
    """The share of a core that the server used, the jobs a second, and the bytes by which its memory grew."""
    pids = server.workers()
    before, resident, began = cpu_time(pids), _resident(pids), perf_counter()
    jobs = sum(done for (_, period), done in zip(turns, _take(server.port, turns), strict=True) if period < 1)
    seconds = perf_counter() - began
    return (cpu_time(pids) - before) / seconds, jobs / seconds, _resident(pids) - resident


def _take(port: int, turns: Sequence[tuple[Turn, float]]) -> list[int]:
    """Have each take its turns, one in each of its periods; how many each took.

    Each has a connection of its own; one that says nothing for seconds has a new one for each turn, for the server
    closes what is idle.
    """
    done = [0] * len(turns)
    began = perf_counter()
    due = [(began + period * n / len(turns), n) for n, (_, period) in enumerate(turns)]
    heapify(due)
    with DefaultSelector() as selector:
        lines: dict[int, Line] = {}
        begun: dict[int, float] = {}
        while due or begun:
            now = perf_counter()
            if now - began >= SECONDS:
                due.clear()
            while due and due[0][0] <= now:
                at, n = heappop(due)
                begun[n] = at
                if n not in lines:
                    lines[n] = Line(port)
                    selector.register(lines[n].socket, EVENT_READ, n)
                lines[n].say(_said(next(turns[n][0])))
            for key, _ in selector.select(max(0, due[0][0] - perf_counter()) if due else 1):
                n = key.data
                if (answer := lines[n].hear()) is None:
                    continue
                turn, period = turns[n]
                if (request := turn.send(check(answer))) is not None:
                    lines[n].say(request)
                    continue
                done[n] += 1
                if period >= IDLE:
                    selector.unregister(lines[n].socket)
                    lines.pop(n).socket.close()
                heappush(due, (max(begun.pop(n) + period, now), n))
        for line in lines.values():
            line.socket.close()
    return done


def _said(request: bytes | None) -> bytes:
    if request is None:
        raise BenchError("a turn ended before it began")
    return request


def _jobs() -> Turn:
    """A job in each turn: created, and one claimed and completed, whichever that is."""
    for _ in count():
        yield targets.CREATE.encode()
        claimed = yield targets.CLAIM.encode()
        assert claimed
        yield targets.complete(json.loads(claimed.body)["id"]).encode()
        yield None


def _poll(path: str, statuses: list[int]) -> Turn:
    tag = ""
    while True:
        answer = yield Request("GET", path, tag=tag).encode()
        assert answer
        statuses.append(answer.status)
        tag = answer.tag or tag
        yield None


def _resident(pids: Sequence[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * 4096.0
