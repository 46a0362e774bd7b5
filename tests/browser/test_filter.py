"""The filter as one types in it: what it finds, and what the numbers beside it count."""

import pytest
from playwright.sync_api import Page, expect

from tests.support import http
from tests.support.pages import OpenPage
from tests.support.server import Server


@pytest.fixture
def page(open_page: OpenPage, server: Server) -> Page:
    with http.Client(base_url=server.url) as client:
        for name in ("send_email", "send_fax", "resize"):
            client.post("/jobs", json={"type": name})
        failed = client.post("/jobs/claim").json()["id"]
        client.post(f"/jobs/{failed}/fail?reason=the mailbox is full")
    return open_page()


def found(page: Page, number: int) -> None:
    expect(page.locator("#board tbody tr")).to_have_count(number)
    said = f"{number} {'matches' if number == 1 else 'match'}"
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()


def test_a_type_is_found_by_how_it_begins_in_any_case_while_one_types(page: Page) -> None:
    field = page.get_by_label("Type")
    for typed, number in (("S", 2), ("SEND_", 2), ("SEND_F", 1)):
        field.fill(typed)
        found(page, number)


def test_a_search_finds_a_reason(page: Page) -> None:
    page.get_by_label("Search").fill("MAILBOX")
    found(page, 1)
    expect(page.locator("#board tbody tr")).to_contain_text("the mailbox is full")


def test_the_counters_say_what_they_count_while_the_list_is_narrowed(page: Page) -> None:
    counters = page.get_by_role("navigation", name="Jobs by status", exact=True)
    expect(counters).to_be_visible()
    expect(counters.get_by_text("all jobs")).to_have_count(0)
    for label in ("Search", "Type"):
        page.get_by_label(label).fill("send_f")
        narrowed = page.get_by_role("navigation", name="All jobs by status")
        expect(narrowed.get_by_text("all jobs")).to_be_visible()
        found(page, 1)
        page.get_by_label(label).fill("")
        expect(counters).to_be_visible()
