"""Request bodies: how long they may be, whether they are complete, and forms that no browser sends."""

from urllib.parse import unquote_to_bytes

from flask import Flask, Request, request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from dashboard.security.cross_site import SAFE_METHODS

SHORT_FORM_MAX = 10_000  # bytes of a form that everyone may send

IN_CHUNKS = "HTTP_TRANSFER_ENCODING"  # in the environ of a request whose body has no known length

LENGTH_MAX = 4_300  # digits of a Content-Length: int() takes no more


def check_length(app: Flask, request: Request) -> None:
    """Reject a body that is too long by its Content-Length, also where no body is read: the server would receive it."""
    limit: int = app.extensions["max_body_bytes"]
    if (length := _length(request)) > limit:
        raise _too_long(limit)
    if not length or IN_CHUNKS in request.environ:
        # One more: at its limit, Werkzeug cuts a body and raises nothing. It is for these bodies alone, and not in
        # app.config: with a limit Werkzeug wraps the server's stream, which ends by itself, and reads it twice.
        request.max_content_length = limit + 1


def read(request: Request) -> bytes:
    """The whole body.

    Raises a 400 for a body that is shorter than its Content-Length or whose chunks are broken, and a 413 for chunks
    that are too long.
    """
    length = int(request.environ.get("CONTENT_LENGTH") or 0)  # it has been checked
    in_chunks = IN_CHUNKS in request.environ
    if not (length or in_chunks):
        return b""
    try:
        data = request.get_data()
    except HTTPException:
        raise
    except Exception as error:  # each server has its own classes for broken chunks
        raise BadRequest("The body is broken") from error
    if len(data) < length:
        raise ClientDisconnected
    if in_chunks and len(data) >= (limit := request.max_content_length or 0):
        raise _too_long(limit - 1)
    return data


def check_form() -> None:
    """Reject forms that no browser sends: Werkzeug would cut them at the limit, or replace bytes that are not UTF-8."""
    if request.method in SAFE_METHODS:
        return
    if "Transfer-Encoding" in request.headers:
        raise LengthRequired("A form must say how long it is")
    data = read(request)
    if data and request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("A form must be application/x-www-form-urlencoded")
    try:
        unquote_to_bytes(data).decode()
    except UnicodeDecodeError:
        raise BadRequest("The form is not UTF-8") from None


def check_short_form() -> None:
    """As check_form(), for forms that everyone may send."""
    if request.method not in SAFE_METHODS and _length(request) > SHORT_FORM_MAX:
        raise RequestEntityTooLarge(f"The form is longer than {SHORT_FORM_MAX:,} bytes")
    check_form()


def _length(request: Request) -> int:
    """The Content-Length in bytes; 0 without one."""
    length: str = request.environ.get("CONTENT_LENGTH", "")
    if not length:
        return 0
    if not (length.isascii() and length.isdecimal() and len(length) <= LENGTH_MAX):
        raise BadRequest("Content-Length must be a number of bytes")
    return int(length)


def _too_long(limit: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The body is longer than {limit:,} bytes, which MAX_BODY_BYTES allows")
