"""Response headers, and the cross-site guard: what a browser may be made to do."""

from urllib.parse import unquote_to_bytes

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import BadRequest, Forbidden, LengthRequired, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from dashboard.config import Settings

HSTS = "max-age=31536000"
SIGN_IN_MAX = 10_000  # bytes of a form that anybody may send
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
    app.extensions["headers"] = list((HEADERS | ({"Strict-Transport-Security": HSTS} if settings.tls else {})).items())
    app.before_request(_refuse_other_hosts)
    app.before_request(_refuse_other_sites)
    app.before_request(_refuse_long_bodies)
    app.after_request(_add_headers)
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, 0, hops)  # type: ignore[method-assign]


def _refuse_other_hosts() -> None:
    """A name that somebody else made point at us must get no data: DNS rebinding."""
    if request.blueprint != "health" and not _is_ours(request.host.lower()):
        raise BadRequest("This server does not answer to that host name; ALLOWED_HOSTS says to which it does")


def _is_ours(host: str) -> bool:
    names = current_app.extensions["allowed_hosts"]
    if host.startswith("["):  # werkzeug takes what is before the first colon of a name that is allowed
        return host.partition("]")[0] + "]" in [name.lower() for name in names] and host_is_trusted(host)
    return host_is_trusted(host, [name for name in names if not name.startswith("[")])


def _refuse_other_sites() -> None:
    """Let a page of another site change nothing. A client that sends neither header is no browser."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or origin.partition("://")[2] == request.host
    if not allowed:
        raise Forbidden("This came from a page of another site")


def _refuse_long_bodies() -> None:
    """Where no body is asked for, too: nobody would read it, but it would be taken."""
    if (request.content_length or 0) > (request.max_content_length or 0):
        raise RequestEntityTooLarge


def refuse_broken_forms() -> None:
    """What no browser sends, and Werkzeug would make something of: cut at the limit, or with its bytes replaced."""
    if request.method in SAFE_METHODS or request.blueprint not in ("pages", "fragments", "access"):
        return
    if "Transfer-Encoding" in request.headers:
        raise LengthRequired("A form must say how long it is")
    if request.blueprint == "access":
        request.max_content_length = SIGN_IN_MAX
    data = request.get_data()
    if data and request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("A form must be application/x-www-form-urlencoded")
    try:
        unquote_to_bytes(data).decode()
    except UnicodeDecodeError:
        raise BadRequest("The form is not UTF-8") from None


def _add_headers(response: Response) -> Response:
    response.headers.extend(current_app.extensions["headers"])
    if request.endpoint == "static" and "v" in request.args and response.status_code in (200, 304):
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"  # the version is in its URL
    else:
        response.headers.setdefault("Cache-Control", "no-store")
    return response
