"""Bodies: their length, and forms that no browser sends."""

from urllib.parse import unquote_to_bytes

from flask import Flask, Request
from werkzeug.exceptions import BadRequest, LengthRequired, RequestEntityTooLarge, UnsupportedMediaType

from dashboard.security.cross_site import SAFE_METHODS

SIGN_IN_MAX = 10_000  # bytes of a form that anybody may send

LENGTH_MAX = 4_300  # digits of a Content-Length: int() takes no more


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
