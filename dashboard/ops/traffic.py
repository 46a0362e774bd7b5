"""What each request gets: an id, and its place in what is counted, by method, route and status.

The id is what the client or its proxy sent as X-Request-ID, or a new one. It is sent back with every response. How long
a request took is counted when its answer begins.
"""

import re
from collections.abc import Callable, Iterable
from random import getrandbits
from time import perf_counter
from typing import Any

from flask import Flask

from dashboard.core.numbers import REQUESTS, Numbers
from dashboard.http.answers import ROUTE

HEADER = "X-Request-ID"
ID = "dashboard.request_id"  # the key of the request's environ
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
UNKNOWN = "-"  # of a method that is the client's own word, and of an address that no route has

_FORM = re.compile(r"[A-Za-z0-9._:-]{1,64}").fullmatch  # nothing that could end a line, or look like another field

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


TOGETHER = 50  # requests that are counted together, unless a second is over before


def init_app(app: Flask) -> None:
    app.extensions["traffic"] = traffic = Traffic(app.extensions["numbers"])
    app.wsgi_app = _followed(app.wsgi_app, traffic)  # type: ignore[method-assign, assignment]


class Traffic:
    """The requests of this process.

    Several are counted together, for then what counts them is in the processor's cache: one takes 0.7 µs instead of 3,
    which would be 3 to 4 % of a short request.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self.seen: list[tuple[str, str, str, float]] = []  # method, route, status and seconds

    def count(self) -> None:
        """Let /metrics tell of all of them, whichever process answers."""
        seen, self.seen = self.seen, []
        for method, route, status, seconds in seen:
            self._numbers.observe((REQUESTS, known(method), route, status[:3]), seconds)


def _followed(app: Wsgi, traffic: Traffic) -> Wsgi:
    """One layer for the id and the count: each costs every request a microsecond."""

    def followed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began = perf_counter()
        sent = environ.get("HTTP_X_REQUEST_ID")
        # No secret, so not of the system's random bytes, which can cost 25 µs.
        environ[ID] = own = sent if sent and _FORM(sent) else f"{getrandbits(64):016x}"

        def start(status: str, headers: list[tuple[str, str]], exc: Any = None) -> Any:
            seen = traffic.seen
            seen.append((environ["REQUEST_METHOD"], environ.get(ROUTE, UNKNOWN), status, perf_counter() - began))
            if len(seen) >= TOGETHER:
                traffic.count()
            return start_response(status, [*headers, (HEADER, own)], exc)

        return app(environ, start)

    return followed


def known(method: str) -> str:
    return method if method in METHODS else UNKNOWN
