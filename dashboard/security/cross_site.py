"""The cross-site check: a page of another site changes nothing."""

from flask import Request
from werkzeug.exceptions import Forbidden

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def check(request: Request) -> None:
    """Reject a write that a page of another site sent. A client that sends neither header is not a browser."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.environ.get("HTTP_SEC_FETCH_SITE"), request.environ.get("HTTP_ORIGIN")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or origin.partition("://")[2] == request.host
    if not allowed:
        raise Forbidden("This came from a page of another site")
