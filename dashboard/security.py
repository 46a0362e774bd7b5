"""Response headers, and the cross-site guard: what a browser may be made to do."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Request
from werkzeug.exceptions import BadRequest, Forbidden, LengthRequired, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from dashboard.config import Settings

HSTS = "max-age=31536000"
SIGN_IN_MAX = 10_000  # bytes of a form that anybody may send
LENGTH_MAX = 4_300  # digits of a Content-Length: int() takes no more
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
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


def refuse_other_hosts(app: Flask, request: Request) -> None:
    """A name that somebody else made point at us must get no data: DNS rebinding."""
    if not _is_ours(request.host.lower(), app.extensions["allowed_hosts"]) and request.blueprint != "health":
        raise BadRequest("This server does not answer to that host name; ALLOWED_HOSTS says to which it does")


@lru_cache
def _is_ours(host: str, names: tuple[str, ...]) -> bool:
    if host.startswith("["):  # werkzeug takes what is before the first colon of a name that is allowed
        return host.partition("]")[0] + "]" in [name.lower() for name in names] and host_is_trusted(host)
    return host_is_trusted(host, [name for name in names if not name.startswith("[")])


def refuse_other_sites(_app: Flask, request: Request) -> None:
    """Let a page of another site change nothing. A client that sends neither header is no browser."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.environ.get("HTTP_SEC_FETCH_SITE"), request.environ.get("HTTP_ORIGIN")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or origin.partition("://")[2] == request.host
    if not allowed:
        raise Forbidden("This came from a page of another site")


def refuse_long_bodies(app: Flask, request: Request) -> None:
    """Where no body is asked for, too: nobody would read it, but it would be taken."""
    if body_length(request) > app.config["MAX_CONTENT_LENGTH"]:
        raise body_too_long(app.config["MAX_CONTENT_LENGTH"])


def body_too_long(limit: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The body is longer than {limit:,} bytes, which MAX_BODY_BYTES allows")


def body_length(request: Request) -> int:
    """The bytes of the body, as it says; 0 for one that is sent in chunks."""
    length: str = request.environ.get("CONTENT_LENGTH", "")
    if not length:
        return 0
    if not (length.isascii() and length.isdecimal() and len(length) <= LENGTH_MAX):
        raise BadRequest("Content-Length must be a number of bytes")
    return int(length)


def refuse_broken_forms(_app: Flask, request: Request) -> None:
    """What no browser sends, and Werkzeug would make something of: cut at the limit, or with its bytes replaced."""
    if request.method in SAFE_METHODS or request.blueprint not in ("pages", "fragments", "access"):
        return
    if "Transfer-Encoding" in request.headers:
        raise LengthRequired("A form must say how long it is")
    if request.blueprint == "access" and body_length(request) > SIGN_IN_MAX:
        raise RequestEntityTooLarge(f"The form is longer than {SIGN_IN_MAX:,} bytes")
    data = request.get_data()
    if data and request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("A form must be application/x-www-form-urlencoded")
    try:
        unquote_to_bytes(data).decode()
    except UnicodeDecodeError:
        raise BadRequest("The form is not UTF-8") from None


Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _with_headers(app: Wsgi, headers: list[tuple[str, str]]) -> Wsgi:
    """The application, every answer of it with these headers, and kept by nobody unless it says otherwise."""
    without_caching = [*headers, ("Cache-Control", "no-store")]

    def with_headers(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, own: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(
                status, own + (headers if "Cache-Control" in dict(own) else without_caching), exc_info
            )

        return app(environ, start)

    return with_headers
