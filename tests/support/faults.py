"""Kills in mid-traffic, some rounds of each; after every round nothing that was acknowledged may be missing."""

import os
import resource
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

from tests.support import http
from tests.support.database import connect, table
from tests.support.postgres import Postgres
from tests.support.server import Server
from tests.support.traffic import UNANSWERED, Call, Traffic, drain, judge_answer
from tests.support.verdict import Acknowledged, judge, judge_order
from tests.support.waiting import eventually

Fault = Callable[[Server, str, int], Acknowledged]

JOBS = 250  # a round, where nothing is killed


def kill_the_server(server: Server, url: str, rounds: int) -> Acknowledged:
    """kill -9 of the master and its workers at once."""
    calls: list[Call] = []
    for _ in range(rounds):
        with Traffic([server.url], calls):
            wait_for_calls(calls)
            server.kill()
        server.start()
        checked = nothing_is_lost(calls, server, url)
    return checked


def kill_one_worker(server: Server, url: str, rounds: int) -> Acknowledged:
    """kill -9 of one of several workers: the others go on, and the master starts another."""
    calls: list[Call] = []
    for _ in range(rounds):
        with Traffic([server.url], calls):
            wait_for_calls(calls)
            victim = Random().choice(server.workers())
            os.kill(victim, signal.SIGKILL)
            wait_for_calls(calls)
            wait_for_end_of([victim])
            eventually(lambda: len(server.workers()) == int(server.env["WEB_CONCURRENCY"]), "a new worker started")
        checked = nothing_is_lost(calls, server, url)
    return checked


def kill_the_master(server: Server, url: str, rounds: int) -> Acknowledged:
    """kill -9 of the master alone: its workers end by themselves, and leave the port."""
    calls: list[Call] = []
    for _ in range(rounds):
        with Traffic([server.url], calls):
            wait_for_calls(calls)
            workers = server.workers()
            assert server.process
            server.process.kill()
            server.process.wait()
            wait_for_end_of(workers)
        server.start()
        checked = nothing_is_lost(calls, server, url)
    return checked


def stop_the_server(server: Server, url: str, rounds: int) -> Acknowledged:
    """SIGTERM: each request is answered, or was never begun."""
    calls: list[Call] = []
    for _ in range(rounds):
        with Traffic([server.url], calls):
            wait_for_calls(calls)
            assert server.stop() == 0
        judge(calls, url, unsure=())
        server.start()
        checked = nothing_is_lost(calls, server, url, unsure=())
    return checked


def kill_postgresql(postgres: Postgres, server: Server, url: str, rounds: int) -> Acknowledged:
    """kill -9 of the database: refusals until it is back, and then as before without a restart."""
    calls: list[Call] = []
    for _ in range(rounds):
        with Traffic([server.url], calls):
            wait_for_calls(calls)
            with killed(postgres):
                wait_for_calls(calls, lambda call: call.status == 503)
                assert http.get(f"{server.url}/healthz").status_code == 200
                assert http.get(f"{server.url}/readyz").status_code == 503
            wait_for_calls(calls)
        # A COMMIT may have been done although its answer did not come.
        checked = nothing_is_lost(calls, server, url, unsure=(UNANSWERED, 503))
    return checked


# What both databases survive alike.
KILLS: tuple[Fault, ...] = (kill_the_server, kill_one_worker, kill_the_master, stop_the_server)


def fill_the_disk(server: Server, url: str, rounds: int) -> Acknowledged:
    """No byte more can be written to a file: refusals that changed nothing, until there is room again."""
    calls: list[Call] = []
    for _ in range(rounds):
        with Traffic([server.url], calls):
            wait_for_calls(calls)
            with full_disk(server.workers()):
                wait_for_calls(calls, lambda call: call.status == 503)
                judge_answer(http.get(f"{server.url}/jobs/summary"))
            wait_for_calls(calls)
        checked = nothing_is_lost(calls, server, url, unsure=())
    return checked


def pin_the_horizon(server: Server, url: str, rounds: int) -> Acknowledged:
    """A transaction that somebody leaves open, so that no dead row can go: claims keep their order."""
    calls: list[Call] = []
    with closing(connect(url)) as somebody:
        somebody.execute("SELECT txid_current()")
        for _ in range(rounds):
            before = len(calls)
            with Traffic([server.url], calls, jobs=JOBS) as traffic:
                traffic.finish()
            checked = nothing_is_lost(calls, server, url, unsure=())
            judge_order(calls[before:], url)
    return checked


def share_a_pooler(servers: Sequence[Server], url: str, rounds: int) -> Acknowledged:
    """Sixteen clients of two servers behind one pgbouncer: each answer is true."""
    calls: list[Call] = []
    for _ in range(rounds):
        before = len(calls)
        with Traffic([server.url for server in servers], calls, creators=6, workers=10, jobs=JOBS) as traffic:
            traffic.finish()
        checked = nothing_is_lost(calls, servers[0], url, unsure=())
        assert {call.status for call in calls[before:] if call.action in ("complete", "fail")} == {200}
    return checked


def wait_for_calls(calls: list[Call], kind: Callable[[Call], bool] = lambda call: call.acknowledged) -> None:
    """Wait for some tens of calls of this kind, a random number, from now on."""
    start, wanted = len(calls), Random().randrange(20, 120)
    print(f"after {wanted} calls")
    eventually(lambda: sum(map(kind, calls[start:])) >= wanted, f"{wanted} calls")


def nothing_is_lost(
    calls: list[Call], server: Server, url: str, unsure: Collection[int] = (UNANSWERED,)
) -> Acknowledged:
    """What was acknowledged is there, and all PENDING jobs can be claimed."""
    judge(calls, url, unsure)
    drain(server.url, calls)
    assert "PENDING" not in {row.status for row in table(url)}
    return judge(calls, url, unsure)


@contextmanager
def full_disk(pids: list[int]) -> Iterator[None]:
    """These processes cannot write to a file within the block: what a full disk says, said by a limit."""
    limits = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids]
    for pid, (_, hard) in zip(pids, limits, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for pid, limit in zip(pids, limits, strict=True):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program holds the database's write lock within the block."""
    with closing(connect(url)) as connection:
        connection.execute("BEGIN IMMEDIATE" if url.startswith("sqlite") else "LOCK TABLE jobs IN EXCLUSIVE MODE")
        yield
        connection.rollback()


@contextmanager
def killed(postgres: Postgres) -> Iterator[Callable[[], None]]:
    """A PostgreSQL that is killed with all its processes; it is back after the block, or when what comes is called."""
    assert postgres.process
    children = children_of(postgres.process.pid)  # each is in a group of its own
    postgres.kill()
    for pid in filter(is_alive, children):
        os.kill(pid, signal.SIGKILL)
    wait_for_end_of(children)
    try:
        yield postgres.start
    finally:
        if not postgres.process:
            postgres.start()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_end_of(pids: list[int]) -> None:
    eventually(lambda: not any(map(is_alive, pids)), f"the processes {pids} ended")


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has asked for its exit code does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
