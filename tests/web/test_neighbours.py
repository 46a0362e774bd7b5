"""From a job back to the list that one came from, and to the jobs before and after it there."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from tests.support.html import create, page

NAMES = ("Back to the list", "Previous", "Next")


def links(html: str) -> dict[str, str]:
    return {
        name: unescape(found[1])
        for name in NAMES
        if (found := re.search(rf'<a href="([^"]+)"[^>]*>(?:&larr; )?{name}</a>', html))
    }


def come(client: FlaskClient, job_id: str, query: str) -> dict[str, str]:
    """What the job's page leads to when one came from the list with this query."""
    referer = f"http://localhost/dashboard/{query}"
    return links(client.get(f"/dashboard/jobs/{job_id}", headers={"Referer": referer}).text)


@pytest.fixture
def ids(client: FlaskClient) -> list[str]:
    """Of four jobs, of which the second is of another type."""
    return [create(client, type=name) for name in ("send", "resize", "send", "send")]


def leads_to(link: str) -> str:
    return link.partition("?")[0].rpartition("/")[2]


def test_the_neighbours_are_those_of_the_list_in_its_order(client: FlaskClient, ids: list[str]) -> None:
    newest_first = come(client, ids[2], "?type=SEND")
    assert newest_first["Back to the list"] == "/dashboard/?type=SEND"
    assert [leads_to(newest_first[name]) for name in ("Previous", "Next")] == [ids[3], ids[0]]
    oldest_first = come(client, ids[2], "?sort=oldest")
    assert [leads_to(oldest_first[name]) for name in ("Previous", "Next")] == [ids[1], ids[3]]


def test_those_that_run_are_in_the_order_of_their_starts(client: FlaskClient, ids: list[str]) -> None:
    for job_id in (ids[2], ids[0], ids[3]):
        client.post(f"/jobs/{job_id}/process")
    found = come(client, ids[0], "?status=RUNNING")
    assert [leads_to(found[name]) for name in ("Previous", "Next")] == [ids[2], ids[3]]
    assert {"Previous", "Next"}.isdisjoint(come(client, ids[1], "?status=RUNNING"))


def test_at_an_end_of_the_list_there_is_nothing_beyond(client: FlaskClient, ids: list[str]) -> None:
    assert "Previous" not in come(client, ids[3], "")
    assert "Next" not in come(client, ids[0], "")
    assert "Next" not in come(client, ids[3], "?sort=oldest")


def test_the_list_is_known_all_along_the_way(client: FlaskClient, ids: list[str]) -> None:
    link, seen = come(client, ids[3], "?type=send&status=PENDING")["Next"], []
    while link:
        seen.append(leads_to(link))
        found = links(page(client, link))
        assert found["Back to the list"] == "/dashboard/?status=PENDING&type=send"
        link = found.get("Next", "")
    assert seen == [ids[2], ids[0]]


def test_the_way_back_is_to_the_page_of_the_list_and_to_what_was_chosen(client: FlaskClient, ids: list[str]) -> None:
    assert come(client, ids[0], "?before=4&choose=1")["Back to the list"] == "/dashboard/?choose=1&before=4"


@pytest.mark.parametrize("query", ["?status=BOGUS", "?before=x", "queue", "jobs/new", "overview?status=PENDING"])
def test_what_is_no_list_leads_nowhere(client: FlaskClient, ids: list[str], query: str) -> None:
    assert come(client, ids[1], query) == {}
    assert links(page(client, f"/dashboard/jobs/{ids[1]}?{urlencode({'list': 'status=BOGUS'})}")) == {}


def test_text_from_the_address_leads_to_this_site_alone(client: FlaskClient, ids: list[str]) -> None:
    evil = 'q="><script>&type=//evil.example/&next=https://evil.example/'
    html = page(client, f"/dashboard/jobs/{ids[1]}?{urlencode({'list': evil})}")
    assert links(html) == {"Back to the list": "/dashboard/?type=%2F%2Fevil.example%2F&q=%22%3E%3Cscript%3E"}
    assert "<script>&" not in html
