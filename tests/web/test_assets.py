"""Static files: compressed for who takes that, and the same as in the folder for everybody."""

import gzip

import pytest
from flask import Flask

from tests.support.server import ROOT

FILES = sorted(path.name for path in (ROOT / "static").iterdir())


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_sent_as_it_is_or_compressed(app: Flask, name: str) -> None:
    content = (ROOT / "static" / name).read_bytes()
    client = app.test_client()
    plain = client.get(f"/static/{name}")
    assert plain.data == content
    assert "Content-Encoding" not in plain.headers
    refusing = client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip;q=0"})
    assert refusing.data == content
    zipped = client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip, br"})
    if name == "swagger-ui-5.35.0.NOTICE.txt":  # so short that it would be longer
        assert zipped.data == content
    else:
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert len(zipped.data) < len(content)
        assert gzip.decompress(zipped.data) == content
        assert plain.headers["ETag"] != zipped.headers["ETag"]
    assert {answer.headers["Vary"] for answer in (plain, refusing, zipped)} == {"Accept-Encoding"}
    assert {answer.mimetype for answer in (plain, refusing, zipped)} == {plain.mimetype}


def test_a_browser_that_has_a_file_gets_no_body(app: Flask) -> None:
    client = app.test_client()
    for encoding in ("gzip", "identity"):
        tag = client.get("/static/app.css", headers={"Accept-Encoding": encoding}).headers["ETag"]
        again = client.get("/static/app.css", headers={"Accept-Encoding": encoding, "If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["nothing.js", "../wsgi.py", "%2e%2e/wsgi.py", "..%2fwsgi.py", "a/b", "%00", ".", ""])
def test_nothing_but_the_files_of_the_folder_is_sent(app: Flask, path: str) -> None:
    assert app.test_client().get(f"/static/{path}").status_code == 404
