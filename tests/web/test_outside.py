"""Text from outside cannot change the order of what stands beside it, wherever it stands."""

import re

from flask.testing import FlaskClient

from tests.support.html import create, page
from tests.support.leases import TOKEN, leased

EVIL = "\u202eevil\u2066"
CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066\u2067]")


def test_a_control_of_the_direction_is_shown_as_text_on_every_page(client: FlaskClient) -> None:
    failed = create(client, type=EVIL, payload={EVIL: EVIL})
    leased(client, f"&worker={EVIL}")
    client.post(f"/jobs/{failed}/fail?token={TOKEN}&reason={EVIL}")
    tried = create(client, type=EVIL)
    leased(client, f"&attempts=3&worker={EVIL}", f"{TOKEN}-1")
    client.post(f"/jobs/{tried}/fail?token={TOKEN}-1&reason={EVIL}&retry_in=600")
    held = create(client, type=EVIL, payload={EVIL: EVIL})
    leased(client, f"&worker={EVIL}", f"{TOKEN}-2")
    client.post(f"/jobs/{held}/heartbeat?token={TOKEN}-2", json={"progress": 4, "message": EVIL})
    pages = {path: page(client, f"/dashboard/{path}") for path in ("", f"?q={EVIL}&type={EVIL}", "queue", "workers")}
    for job_id in (failed, tried, held):
        pages[job_id] = page(client, f"/dashboard/jobs/{job_id}")
    pages["fail"] = page(client, f"/dashboard/jobs/{held}/fail")
    pages["toast"] = client.post("/dashboard/fragments/new", data={"type": EVIL, "priority": "0"}).text
    for path, html in pages.items():
        shown = re.sub(r'\svalue="[^"]*"', "", html)  # what a field sends has to stay as it is
        assert not CONTROLS.search(shown), path
    for job_id in (failed, tried, held):
        assert f"<title>\u2068\\u202eevil\\u2066\u2069 {job_id[-8:]} " in pages[job_id]
        assert f"<h1><bdi>\\u202eevil\\u2066</bdi> <code>{job_id}" in pages[job_id]
