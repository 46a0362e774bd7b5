"""Requests, by method, route and status, and how long each took until its answer began."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import Flask

from dashboard.core.numbers import REQUESTS, Numbers
from dashboard.http.answers import ROUTE

METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
UNKNOWN = "-"  # of a method that is the client's own word, and of an address that no route has

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def init_app(app: Flask) -> None:
    app.wsgi_app = _counted(app.wsgi_app, app.extensions["numbers"])  # type: ignore[method-assign, assignment]


def _counted(app: Wsgi, numbers: Numbers) -> Wsgi:
    def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began = perf_counter()

        def start(status: str, headers: list[tuple[str, str]], exc: Any = None) -> Any:
            key = REQUESTS, method_of(environ), environ.get(ROUTE, UNKNOWN), status[:3]
            numbers.observe(key, perf_counter() - began)
            return start_response(status, headers, exc)

        return app(environ, start)

    return counted


def method_of(environ: dict[str, Any]) -> str:
    method: str = environ["REQUEST_METHOD"]
    return method if method in METHODS else UNKNOWN
