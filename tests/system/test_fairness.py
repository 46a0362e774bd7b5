"""Between two requests of a connection the others go on, as gunicorn.conf.py has it."""

import runpy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from gevent import socket

from tests.support.server import ROOT

BUSY = 4
EVENTS = 200
PATIENCE = 30  # seconds


@contextmanager
def busy_connections() -> Iterator[list[None]]:
    """Greenlets that do nothing but what follows each request, and each time they have done it."""
    after_request = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["post_request"]
    turns: list[None] = []

    def go_on() -> None:
        while True:
            after_request(None, None, None, None)
            turns.append(None)

    busy = [gevent.spawn(go_on) for _ in range(BUSY)]
    gevent.sleep(0)
    try:
        with gevent.Timeout(PATIENCE):
            yield turns
    finally:
        gevent.killall(busy)


@contextmanager
def events() -> Iterator[Callable[[], object]]:
    """Calling it waits for an event of the loop that is due already."""
    here, there = socket.socketpair()
    with here, there:

        def wait_for_one() -> None:
            there.send(b"x")
            socket.wait_read(here.fileno())
            here.recv(1)

        yield wait_for_one


def test_connections_that_always_have_a_request_let_those_with_an_event_go_first() -> None:
    with events() as wait_for_one, busy_connections() as turns:
        for _ in range(EVENTS):
            wait_for_one()
        assert len(turns) <= EVENTS * BUSY


def test_a_connection_goes_on_though_an_event_is_always_due() -> None:
    with events() as wait_for_one, busy_connections() as turns:
        while len(turns) < 2 * BUSY:
            wait_for_one()
