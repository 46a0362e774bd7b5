"""Rows that are chosen: by a tick box each, by the keyboard, without JavaScript; a refresh takes no tick away."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support import http
from tests.support.fit import WIDTHS, misfits
from tests.support.pages import OpenPage, create, refreshes
from tests.support.server import Server

CHOOSE = "/dashboard/?choose=1"


@pytest.fixture
def failed(server: Server) -> Server:
    """Five jobs that failed, and one that waits with a long type."""
    with http.Client(base_url=server.url) as client:
        for number in range(5):
            job = client.post("/jobs", json={"type": f"send-{number}"}).json()
            client.post(f"/jobs/{job['id']}/fail?reason=broken")
        client.post("/jobs", json={"type": "w" * 60, "payload": {"to": "x" * 200}, "priority": 2_147_483_647})
    return server


def box(page: Page, type: str) -> Locator:  # noqa: A002
    return page.get_by_role("checkbox", name=re.compile(f"Choose .?{type}"))


def boxes(page: Page) -> list[bool]:
    ticked: list[bool] = page.locator("td.pick input").evaluate_all("all => all.map((each) => each.checked)")
    return ticked


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_chosen_rows_run_again(open_page: OpenPage, failed: Server, scripts: bool) -> None:
    page = open_page("/dashboard/?status=FAILED", java_script_enabled=scripts)
    page.get_by_role("link", name="Choose").click()
    box(page, "send-1").check()
    box(page, "send-3").check()
    page.get_by_role("button", name="Run again…").click()
    expect(page.locator("#bulk")).to_contain_text("2 jobs: 1 send-1, 1 send-3")
    page.get_by_role("button", name="Run again 2 jobs").click()
    expect(page.locator("#bulk")).to_contain_text("2 jobs done")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Undo chosen jobs")).to_be_visible()
    if not scripts:
        return
    expect(page.locator("#bulk")).to_contain_text("2 jobs done")
    page.get_by_role("link", name="Back to the jobs").click()
    page.wait_for_url("**/dashboard/?status=FAILED")


def test_all_on_the_page_are_chosen_by_the_keyboard_and_it_says_how_many(open_page: OpenPage, failed: Server) -> None:
    page = open_page(CHOOSE)
    bar = page.locator("#chosen")
    expect(bar).to_be_hidden()
    everything = page.get_by_role("checkbox", name="all on this page")
    everything.press("Space")
    assert boxes(page) == [True] * 6
    expect(bar).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="6 chosen")).to_be_attached()
    assert page.locator(".how-many").evaluate("(each) => getComputedStyle(each, '::before').content") != "none"
    box(page, "send-2").press("Space")
    expect(page.get_by_role("status").filter(has_text="5 chosen")).to_be_attached()
    assert everything.evaluate("(each) => each.indeterminate")
    everything.press("Space")
    everything.press("Space")
    assert boxes(page) == [False] * 6
    expect(bar).to_be_hidden()


def test_a_refresh_takes_no_tick_away_and_moves_no_row(open_page: OpenPage, failed: Server) -> None:
    page = open_page(CHOOSE)
    box(page, "send-4").check()
    page.mouse.move(1, 1)
    page.evaluate("document.activeElement.blur()")
    before = page.locator("#board tbody tr").evaluate_all("all => all.map((each) => each.id)")
    for number in range(2):
        create(failed, f"later-{number}")
        refreshes(page, 1)
    assert page.locator("#board tbody tr").evaluate_all("all => all.map((each) => each.id)") == before
    assert boxes(page) == [False, True, False, False, False, False]
    expect(page.locator(".arrived a")).to_contain_text("newer jobs")


def test_a_tick_box_is_a_target_of_24_pixels_and_covers_nothing(open_page: OpenPage, failed: Server) -> None:
    page = open_page(CHOOSE)
    heights = page.locator("#board tbody tr", has_text="send").evaluate_all(
        "all => all.map((each) => each.offsetHeight)"
    )
    assert all(36 <= height <= 44 for height in heights)
    page.get_by_role("checkbox", name="all on this page").check()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1600})  # so high that the bar is at its own place
        sizes = page.locator("td.pick input, #choose-all").evaluate_all(
            "all => all.map((each) => [each.offsetWidth, each.offsetHeight])"
        )
        assert all(min(size) >= 24 for size in sizes)
        assert misfits(page) == [], width
