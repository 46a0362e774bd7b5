"""Static files: the same as in the folder, compressed for clients that accept it, under URLs with a version."""

import gzip
import re
from urllib.parse import urljoin

import pytest
from flask import Flask

from tests.support.app import MakeApp
from tests.support.server import ROOT

FILES = sorted(path.name for path in (ROOT / "static").iterdir())


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    """On one database: no file is in it."""
    return make_app(sqlite_url)


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


@pytest.mark.parametrize("path", ["/dashboard/", "/docs"])
def test_a_module_is_imported_under_the_url_that_the_page_has(app: Flask, path: str) -> None:
    """Under another URL it would run twice, be loaded after the module that imports it, and could be an old version."""
    client = app.test_client()
    modules = re.findall(r'<script src="([^"]+)" type="module">', client.get(path).text)
    files = {url: client.get(url) for url in modules}
    imports = {urljoin(url, name) for url, file in files.items() for name in re.findall(r'from "(.+)"', file.text)}
    assert imports
    assert imports <= set(modules)
    assert {file.headers["Cache-Control"] for file in files.values()} == {"public, max-age=31536000, immutable"}


def test_a_file_under_the_url_of_another_version_is_not_cached_for_good(app: Flask) -> None:
    """While an upgrade runs, a process may be asked for the version that another one has."""
    answer = app.test_client().get("/static/0123456789/live.mjs")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
