"""/client.py: the client of this version, for workers to copy."""

from pathlib import Path

from flask import Blueprint

from dashboard import client
from dashboard.http.answers import Answer
from dashboard.security.access import readers

bp = Blueprint("client_file", __name__)

TEXT = Path(client.__file__).read_bytes()


@bp.get("/client.py")
@readers
def client_file() -> Answer:
    return Answer(TEXT, content_type="text/x-python; charset=utf-8")
