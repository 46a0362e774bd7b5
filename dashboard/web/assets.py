"""URLs, and the static files. The URL of a file has a hash of its content, so browsers may cache it for good."""

import gzip
import mimetypes
from collections.abc import Hashable
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import flask
from flask import Blueprint, Response, abort, request

from dashboard.files import STATIC
from dashboard.security.access import public_without_database

bp = Blueprint("assets", __name__)


@bp.app_template_global()
def url_for(endpoint: str, **values: Hashable) -> str:
    """Flask's url_for, cached: a page has thirty URLs, which take longer than its queries."""
    return _url_for(request.root_path, endpoint, **values)


@lru_cache(maxsize=1_000)
def _url_for(_prefix: str, endpoint: str, **values: Hashable) -> str:
    return flask.url_for(endpoint, **values)  # type: ignore[arg-type]


class Asset(NamedTuple):
    """A file, and its compressed content for clients that accept gzip."""

    content: bytes
    zipped: bytes
    mimetype: str
    version: str


@bp.app_template_global()
def asset(name: str) -> str:
    """The URL of a file in static/, with a hash of its content."""
    return url_for("assets.static", version=_version(name), name=name)


@bp.get("/static/<name>")
@bp.get("/static/<version>/<name>")
@public_without_database
def static(name: str, version: str = "") -> Response:
    if name not in _names():
        abort(404)
    file = _load(name)
    zipped = request.accept_encodings["gzip"] > 0 and len(file.zipped) < len(file.content)
    response = Response(file.zipped if zipped else file.content, mimetype=file.mimetype)
    response.headers["Vary"] = "Accept-Encoding"
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{file.version}{'-gzip' if zipped else ''}")
    is_this = version == _version(name)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_this else "no-cache"
    response.make_conditional(request)
    return response


@lru_cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in STATIC.iterdir())


@lru_cache
def _version(name: str) -> str:
    """A hash of the file; the ES modules (.mjs) have one hash of them all.

    It is a folder of the URL, not a query: so `import "./toasts.mjs"` in a module resolves to the URL that the page has
    for that module, which is loaded once, and is never a cached copy of another version. No file is rewritten for this.
    """
    if not name.endswith(".mjs"):
        return _load(name).version
    modules = sorted(each for each in _names() if each.endswith(".mjs"))
    return sha256(b"".join(_load(each).content for each in modules)).hexdigest()[:10]


@lru_cache
def _load(name: str) -> Asset:
    content = (STATIC / name).read_bytes()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(content, gzip.compress(content, mtime=0), kind, sha256(content).hexdigest()[:10])
