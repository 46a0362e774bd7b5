"""How a server is loaded: by wrk where it is installed, else by a few processes of our own.

Neither is the bottleneck: a request of the constant view costs gunicorn 190 µs, wrk 22 µs and our own processes 30 µs,
so that each could load several such servers.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.measure import BenchError
from bench.talk import Heard, Request, Talk, check, converse

WRK = shutil.which("wrk")
SCRIPT = Path(__file__).with_name("requests.lua")
PROCESSES = 2  # of our own generator


class Result(NamedTuple):
    rate: float  # answers a second
    p99: float  # seconds that 99 of 100 answers took at most
    answered: int
    spent: int  # of the requests that are sent once each: those from here on were not sent


def load(url: str, requests: Sequence[Request], connections: int, seconds: int) -> Result:
    """Send one request over and over, or of several each once, by connections that are kept.

    Raises BenchError for an answer that is neither 2xx nor 304, and when the requests run out.
    """
    return (by_wrk if WRK else by_processes)(url, requests, connections, seconds)


def by_wrk(url: str, requests: Sequence[Request], connections: int, seconds: int) -> Result:
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as file:
        file.writelines(f"{r.method}\t{r.path}\t{r.tag}\t{r.body}\n" for r in requests)
        file.flush()
        command = [*wrk_command(url, connections, seconds), "--", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stdout.strip().rpartition("\n")[2]
    if done.returncode or not told.startswith("{"):
        raise BenchError(f"{requests[0].method} {requests[0].path}: {done.stderr.strip() or done.stdout.strip()}")
    said = json.loads(told)
    if said["broken"] or not said["answered"]:
        raise BenchError(f"{requests[0].path}: {said['answered']} answers, {said['broken']} broken connections")
    # Those that were cut off in flight are spent, and the first one, which wrk looks at and does not send.
    spent = said["answered"] + connections + 1
    return Result(said["answered"] / said["seconds"], said["p99"], said["answered"], spent)


def wrk_command(url: str, connections: int, seconds: int) -> list[str]:
    return [str(WRK), "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT), url]


def by_processes(url: str, requests: Sequence[Request], connections: int, seconds: float) -> Result:
    processes = min(PROCESSES, connections)
    lines = [request.encode() for request in requests]
    shares = [lines[number::processes] if len(lines) > 1 else lines for number in range(processes)]
    heard = in_processes(
        [partial(_send, url, shares[n], len(range(n, connections, processes)), seconds) for n in range(processes)]
    )
    times = sorted(time for one in heard for time in one.times)
    spent = processes * (max(len(one.times) for one in heard) + connections)
    rate = sum(len(one.times) / one.seconds for one in heard)
    return Result(rate, times[len(times) * 99 // 100], len(times), spent)


def in_processes(tasks: Sequence[Callable[[], Heard]]) -> list[Heard]:
    """Run each in a process of its own, all from the same moment on."""
    context = get_context("spawn")
    all_there = context.Barrier(len(tasks))
    with ProcessPoolExecutor(len(tasks), context, initializer=all_there.wait) as pool:
        return [running.result() for running in [pool.submit(task) for task in tasks]]


def port(url: str) -> int:
    return urlsplit(url).port or 80


def _send(url: str, lines: Sequence[bytes], connections: int, seconds: float) -> Heard:
    shared = iter(repeat(lines[0]) if len(lines) == 1 else lines)
    return converse([port(url)], [_each(shared) for _ in range(connections)], seconds)


def _each(requests: Iterable[bytes]) -> Talk:
    """Say what is next of the requests, which the connections of a process share."""
    for request in requests:
        check((yield request))
    raise BenchError("the requests ran out")
