"""Response headers: what a browser may do with a response."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard.config import Settings

HSTS = "max-age=31536000"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["allowed_hosts"] = settings.allowed_hosts
    headers = HEADERS | ({"Strict-Transport-Security": HSTS} if settings.tls else {})
    app.wsgi_app = _with_headers(app.wsgi_app, list(headers.items()))  # type: ignore[method-assign, assignment]
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, 0, hops)  # type: ignore[method-assign]


Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _with_headers(app: Wsgi, headers: list[tuple[str, str]]) -> Wsgi:
    """The application with these headers on every response, and no-store on a response without a Cache-Control."""
    without_caching = [*headers, ("Cache-Control", "no-store")]

    def with_headers(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, own: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(
                status, own + (headers if "Cache-Control" in dict(own) else without_caching), exc_info
            )

        return app(environ, start)

    return with_headers
