"""The queue inspector."""

import re
from collections.abc import Callable
from html import unescape

from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.claim_queue import ClaimQueue
from dashboard.web.pace import TOLD_FROM
from dashboard.web.queue import LATER_SIZE
from tests.support.app import MakeApp
from tests.support.html import create, page
from tests.support.leases import TOKEN, leased


def text(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", "", html)).split())


def rows(html: str) -> dict[str, list[str]]:
    """The cells of each job's row, as text, in the order of the list."""
    found = re.findall(r'<tr id="place-([^"]+)">(.*?)</tr>', html, re.DOTALL)
    return {job_id: [text(cell) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)] for job_id, row in found}


def test_the_queue_is_one_list_in_the_order_of_claims(client: FlaskClient) -> None:
    last, first = create(client), create(client, type="send", priority=9, payload={"to": "ada"})
    html = page(client, "/dashboard/queue")
    assert list(rows(html)) == [first, last]
    place, job, payload, priority, _, turn = rows(html)[first]
    assert (place, job, payload, priority, turn) == ("1", f"send {first[-8:]}", '{"to":"ada"}', "9", "")
    assert rows(html)[last][0] == "2"
    assert "2 waiting" in text(html)
    assert "in the database" not in html.lower()


def test_the_turn_of_each_is_told_where_enough_were_started(client: FlaskClient) -> None:
    for _ in range(TOLD_FROM + 3):
        create(client)
    for _ in range(TOLD_FROM - 1):
        client.post("/jobs/claim")
    html = page(client, "/dashboard/queue")
    assert {row[-1] for row in rows(html).values()} == {""}
    assert "9 jobs were started in the last 5 minutes: too few to tell a turn." in html
    client.post("/jobs/claim")
    assert [row[-1] for row in rows(page(client, "/dashboard/queue")).values()] == ["30 s", "1 min", "1 min"]


def test_the_next_job_is_in_place_1_whatever_a_claim_will_pass_over(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    client = make_app(sqlite_url).test_client()
    _, called_off, live = create(client), create(client), create(client)
    client.post("/jobs/claim")  # takes the first, and the others into the queue
    assert "pass over" not in page(client, "/dashboard/queue")
    client.post(f"/jobs/{called_off}/fail")
    html = page(client, "/dashboard/queue")
    assert {job_id: row[0] for job_id, row in rows(html).items()} == {live: "1"}
    assert "1 waiting" in text(html)
    assert "It will pass over 1 that was taken or called off meanwhile." in html


def test_where_the_database_has_another_order_the_difference_is_marked(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    app = make_app(sqlite_url)
    client = app.test_client()
    _, first, second, third = (create(client) for _ in range(4))
    client.post("/jobs/claim")  # which fills the queue
    queue: ClaimQueue = app.extensions["claim_queue"]
    snapshot = queue.snapshot(10)
    assert snapshot
    a, b, _ = (entry.seq for entry in snapshot.entries)
    queue.refill([(a, 0), (b, 1)], snapshot.cursor, 2, queue.woken)  # as it should never be
    html = page(client, "/dashboard/queue")
    assert {job_id: row[:2] for job_id, row in rows(html).items()} == {
        second: ["1", "2"],
        first: ["2", "1"],
        third: ["None", "3"],
    }
    assert "The database has another order, and the database decides." in html
    assert re.findall(r"<mark>(.*?)</mark>", html) == ["2", "1", "3"]


def test_the_queue_page_tells_the_jobs_for_later_apart(client: FlaskClient) -> None:
    assert "for later" not in page(client, "/dashboard/queue")
    now = create(client)
    later = [create(client, run_at=seconds) for seconds in (7_200, 3_600)]
    html = page(client, "/dashboard/queue")
    assert re.findall(r'<tr id="place-([^"]+)"', html) == [now]
    assert re.findall(r'<tr id="later-([^"]+)"', html) == later[::-1]
    assert "1 waiting, 2 more are for later" in text(html)
    assert 'id="later"' in html


def test_of_many_jobs_for_later_the_first_are_shown(client: FlaskClient) -> None:
    client.post("/jobs/batch", json=[{"type": "t", "run_at": 3_600 - n} for n in range(LATER_SIZE + 1)])
    html = page(client, "/dashboard/queue")
    assert html.count('<tr id="later-') == LATER_SIZE
    assert f"The first {LATER_SIZE} are shown" in html
    assert f"For later: {LATER_SIZE + 1} jobs" in html


def test_a_job_that_was_given_back_until_later_leaves_the_queue_of_each_process(
    make_app: MakeApp, database_url: str
) -> None:
    """Also of one that knew it before another process claimed it."""
    client, other = (make_app(database_url).test_client() for _ in range(2))
    _, known = create(client), create(client)
    client.post("/jobs/claim")  # now its queue knows the other one
    assert leased(other)["id"] == known
    other.post(f"/jobs/{known}/release?token={TOKEN}&in=3600")
    new = create(client)
    for each in (client, other):
        html = page(each, "/dashboard/queue")
        assert re.findall(r'<tr id="place-([^"]+)"', html) == [new]
        assert "another order" not in html
        answer = each.get("/jobs/queue")
        assert ([entry["job_id"] for entry in answer.get_json()], answer.headers["X-Total-Count"]) == ([new], "1")
