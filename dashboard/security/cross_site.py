"""The cross-site guard: a page of another site changes nothing."""

from flask import Flask, Request
from werkzeug.exceptions import Forbidden

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


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
