"""Instances behind a proxy that are restarted one after the other, while clients create jobs through it."""

import signal
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.support import http
from tests.support.nginx import Nginx
from tests.support.server import Server

CLIENTS = 8


class Answered(NamedTuple):
    creates: int


@contextmanager
def two_behind_nginx(folder: Path, url: str) -> Iterator[tuple[Nginx, list[Server]]]:
    environ = {"DATABASE_URL": url, "DRAIN_SECONDS": "1", "TRUSTED_PROXIES": "1", "TLS": "1", "DASHBOARD_OPEN": "1"}
    servers = [Server(folder / f"instance-{number}.log", environ) for number in range(2)]
    proxy = Nginx(folder / "nginx", [server.port for server in servers])
    try:
        for server in servers:
            server.start()
        yield proxy.start(), servers
    finally:
        proxy.stop()
        for server in servers:
            server.stop()


def restart_in_turn(proxy: Nginx, servers: Sequence[Server], rounds: int, at_least: int = 0) -> Answered:
    """Restarts of one instance after the other behind nginx: each request is answered, and is done once."""
    restarted = threading.Event()

    def create() -> Counter[int]:
        statuses: Counter[int] = Counter()
        url = urlsplit(proxy.url)
        trusted = ssl.create_default_context(cafile=proxy.certificate)
        connection = HTTPSConnection(str(url.hostname), url.port, context=trusted)
        while not restarted.is_set() or statuses.total() * CLIENTS < at_least:
            connection.request("POST", "/jobs", b'{"type": "t"}', {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1
        connection.close()
        return statuses

    with ThreadPoolExecutor(CLIENTS) as clients:
        counts = [clients.submit(create) for _ in range(CLIENTS)]
        try:
            for turn in range(rounds):
                server = servers[turn % 2]
                assert server.process
                server.signal(signal.SIGTERM)
                assert server.process.wait(40) == 0
                server.start()
        finally:
            restarted.set()
        total = sum((count.result() for count in counts), Counter[int]())
    assert set(total) == {201}
    assert http.get(f"{servers[0].url}/jobs/summary").json()["pending"] == total[201]  # none is there twice
    return Answered(total[201])
