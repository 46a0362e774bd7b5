"""Static files under addresses that change with their content, so that browsers may keep them for good."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, current_app, url_for

bp = Blueprint("assets", __name__)


@bp.app_template_global()
def asset(name: str) -> str:
    """The URL of a file in static/, with a hash of what is in it."""
    return url_for("static", filename=name, v=_version(Path(current_app.static_folder or "") / name))


@lru_cache
def _version(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:10]
