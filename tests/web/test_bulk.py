"""All jobs of a list: a preview, slices whose way stands in the address, a report, Undo; without JavaScript."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.web import bulk
from tests.support.app import MakeApp
from tests.support.factory import make_job
from tests.support.html import page, rows

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def make(client: FlaskClient, number: int, status: str = "FAILED", kind: str = "resize") -> None:
    for _ in range(number):
        job = make_job(JobStatus.PENDING, type=kind)
        if status == "FAILED":
            client.post(f"/jobs/{job.id}/fail?reason=broken")


def send(client: FlaskClient, html: str, **more: str) -> str:
    """Post the form of a page, and where that leads."""
    form = {name: unescape(value) for name, value in HIDDEN.findall(html)}
    answer = client.post("/dashboard/bulk", data=form | more)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def count(client: FlaskClient, status: str) -> int:
    return int(client.get("/jobs/summary").get_json()[status])


def test_all_that_match_run_again_slice_by_slice_and_are_undone(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE", 4)
    make(client, 10)
    make(client, 1, kind="other")
    listed = page(client, "/dashboard/?status=FAILED&type=RES")
    link = re.search(r'href="([^"]+)">Run again all…', listed)
    assert link
    html = page(client, unescape(link[1]))
    assert "<b>10 jobs</b>: 10 <bdi>resize</bdi>" in html
    assert count(client, "pending") == 0
    done = []
    while "Back to the jobs" not in html:
        html = page(client, send(client, html))
        done += re.findall(r"<b>(\d+) jobs? done</b>", html)
    assert done == ["4", "8", "10"]
    assert (count(client, "pending"), count(client, "failed")) == (10, 11)
    while "<button" in (html := page(client, send(client, html))).partition('id="bulk"')[2].partition("</main>")[0]:
        pass
    assert "10 jobs done" in html
    assert count(client, "pending") == 0


def test_what_was_run_again_is_skipped_and_a_slice_that_is_sent_twice_makes_nothing_twice(client: FlaskClient) -> None:
    make(client, 3)
    html = page(client, "/dashboard/bulk?action=retry&status=FAILED")
    assert send(client, html) == send(client, html)
    assert count(client, "pending") == 3
    again = page(client, "/dashboard/bulk?action=retry&status=FAILED")
    assert "There is nothing to do." in again
    assert "3 jobs skipped" in again


def test_a_slice_without_its_key_is_refused(client: FlaskClient) -> None:
    make(client, 1)
    for action in ("retry", "undo"):
        assert client.post("/dashboard/bulk", data={"action": action}).status_code == 422
    assert count(client, "pending") == 0


def test_pending_ones_are_called_off_with_a_reason_or_get_another_priority(client: FlaskClient) -> None:
    make(client, 3, "PENDING")
    listed = page(client, "/dashboard/?status=PENDING")
    assert "Call off all…" in listed
    html = page(client, "/dashboard/bulk?action=priority&status=PENDING")
    assert client.post("/dashboard/bulk", data=dict(HIDDEN.findall(html))).status_code == 422
    page(client, send(client, html, priority="7"))
    assert {job["priority"] for job in client.get("/jobs").get_json()} == {7}
    page(client, send(client, page(client, "/dashboard/bulk?action=fail&status=PENDING"), why="wrong customer"))
    assert [job["result"] for job in client.get("/jobs").get_json()] == [{"reason": "wrong customer"}] * 3


def test_an_address_does_nothing_by_itself_and_keeps_how_far_it_came(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE", 2)
    make(client, 5)
    left = send(client, page(client, "/dashboard/bulk?action=retry&status=FAILED"))
    for _ in range(2):
        assert "2 jobs done</b> of about 5" in page(client, left)
    assert count(client, "pending") == 2
    assert dict(parse_qsl(urlsplit(left).query))["after"]


@pytest.mark.parametrize(
    "query",
    [
        "action=delete",
        "action=retry&status=PENDING",
        "action=fail&status=FAILED",
        "action=retry&after=1",
        "action=retry&key=short",
        "action=retry&of=-1",
        "action=retry&status=BOGUS",
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(client: FlaskClient, query: str) -> None:
    make(client, 1)
    assert client.get(f"/dashboard/bulk?{query}").status_code == 422
    assert client.post("/dashboard/bulk", data=dict(parse_qsl(query))).status_code == 422
    assert count(client, "pending") == 0


def choose(client: FlaskClient, path: str, *ids: str) -> str:
    """The address to which the form of the list leads that has these ticked, without the action."""
    html = page(client, f"{path}{'&' if '?' in path else '?'}choose=1")
    form = re.search(r'<form id="chosen".*?</form>', html, re.DOTALL)
    assert form
    boxes = {job_id: re.findall(r'name="seq" value="(\d+)"', row) for job_id, row in rows(html).items()}
    query = [*HIDDEN.findall(form[0]), *(("seq", boxes[job_id][0]) for job_id in ids)]
    return f"/dashboard/bulk?{urlencode(query)}"


def send_all(client: FlaskClient, html: str, **more: str) -> str:
    """Post the form of a page with all its fields, of which some have several values; the page to which that leads."""
    form: dict[str, list[str]] = {name: [value] for name, value in more.items()}
    for name, value in HIDDEN.findall(html):
        form.setdefault(name, []).append(unescape(value))
    answer = client.post("/dashboard/bulk", data=form)
    assert answer.status_code == 303, answer.text
    return page(client, str(answer.location))


def test_chosen_ones_run_again_and_no_others_and_are_undone(client: FlaskClient) -> None:
    make(client, 5)
    ids = [job["id"] for job in client.get("/jobs").get_json()]
    html = page(client, choose(client, "/dashboard/?status=FAILED&type=res", *ids[1:4]) + "&action=retry")
    assert "3 jobs chosen in" in html
    assert "<b>3 jobs</b>: 3 <bdi>resize</bdi>" in html
    assert count(client, "pending") == 0
    done = send_all(client, html)
    assert "<b>3 jobs done</b>" in done
    assert 'href="/dashboard/?status=FAILED&amp;type=res">Back to the jobs' in done
    full = client.get("/jobs?status=PENDING&full=1").get_json()
    assert {job["retry_of"] for job in full} == set(ids[1:4])
    assert "<b>3 jobs done</b>" in send_all(client, done)
    assert count(client, "pending") == 0


def test_of_chosen_ones_those_are_skipped_to_which_it_cannot_be_done(client: FlaskClient) -> None:
    make(client, 1)
    make(client, 1, "PENDING")
    running, done = make_job(JobStatus.RUNNING), make_job(JobStatus.COMPLETED)
    ids = [job["id"] for job in client.get("/jobs").get_json()]
    address = choose(client, "/dashboard/", *ids)
    assert {running.id, done.id} < set(ids)
    for action, number in {"retry": 2, "fail": 1, "priority": 1}.items():
        html = page(client, f"{address}&action={action}")
        assert f"<b>{number} job" in html
        assert f"{4 - number} jobs skipped" in html
    assert "1 job done</b>, 3 skipped" in send_all(client, html, priority="7")
    priorities = {job["status"]: job["priority"] for job in client.get("/jobs").get_json()}
    assert priorities == {"FAILED": 0, "RUNNING": 0, "COMPLETED": 0, "PENDING": 7}
    assert "1 job done</b>, 3 skipped" in send_all(client, page(client, f"{address}&action=fail"), why="not now")
    assert (count(client, "pending"), count(client, "running"), count(client, "failed")) == (0, 1, 2)


def test_chosen_ones_that_are_sent_twice_run_again_once(client: FlaskClient) -> None:
    make(client, 2)
    ids = [job["id"] for job in client.get("/jobs").get_json()]
    html = page(client, choose(client, "/dashboard/", *ids) + "&action=retry")
    for _ in range(2):
        assert "<b>2 jobs done</b>" in send_all(client, html)
    assert count(client, "pending") == 2


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("", ["retry", "fail", "priority"]),
        ("?status=PENDING", ["fail", "priority"]),
        ("?status=FAILED", ["retry"]),
        ("?status=COMPLETED", ["retry"]),
        ("?status=RUNNING", []),
    ],
)
def test_a_list_offers_for_chosen_ones_what_goes_with_its_status(
    client: FlaskClient, query: str, actions: list[str]
) -> None:
    for status in JobStatus:
        make_job(status)
    html = page(client, f"/dashboard/{query}")
    assert 'type="checkbox" form="chosen"' not in html
    assert (">Choose<" in html) is bool(actions)
    html = page(client, f"/dashboard/{query}{'&' if query else '?'}choose=1")
    assert re.findall(r'<button name="action" value="(\w+)">', html) == actions
    assert ('type="checkbox" form="chosen"' in html) is bool(actions)


@pytest.mark.parametrize("seqs", [["x"], ["-1"], ["1_0"], ["9" * 19], [""], [str(each) for each in range(101)]])
def test_what_no_tick_box_sends_is_refused(client: FlaskClient, seqs: list[str]) -> None:
    make(client, 1)
    query = urlencode({"action": "retry", "seq": seqs}, doseq=True)
    assert client.get(f"/dashboard/bulk?{query}").status_code == 422
    assert client.post("/dashboard/bulk", data={"action": "retry", "seq": seqs}).status_code == 422


def test_a_viewer_chooses_nothing(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, USERS="vera:viewer:only-looks-on")
    client = app.test_client()
    client.post("/sign-in", data={"name": "vera", "password": "only-looks-on"})
    with app.app_context():
        make_job()
    assert rows(html := page(client, "/dashboard/?choose=1"))
    assert "checkbox" not in "".join(rows(html).values())
    assert 'id="chosen"' not in html
