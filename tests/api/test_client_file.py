"""The client that a server offers is the file of its own version."""

from flask import Flask

from dashboard.client import VERSION
from tests.support.app import MakeApp
from tests.support.server import ROOT


def test_the_client_is_offered_as_the_file_is(app: Flask) -> None:
    answer = app.test_client().get("/client.py")
    assert answer.data == (ROOT / "dashboard" / "client.py").read_bytes()
    assert f'\nVERSION = "{VERSION}"\n' in answer.text
    assert answer.content_type == "text/x-python; charset=utf-8"


def test_without_a_token_it_is_a_refusal_in_json_which_no_script_takes_for_the_file(
    make_app: MakeApp, sqlite_url: str
) -> None:
    app = make_app(sqlite_url, TOKENS="script:viewer:token-that-looks-on")
    refused = app.test_client().get("/client.py")
    assert (refused.status_code, list(refused.get_json())) == (401, ["detail"])
    headers = {"Authorization": "Bearer token-that-looks-on"}
    assert app.test_client().get("/client.py", headers=headers).status_code == 200
