"""Saved views, the dialog that pauses claims, and the page of activity, with and without JavaScript."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support import http
from tests.support.fit import faults
from tests.support.pages import OpenPage, create, refreshes
from tests.support.server import Server

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])


@pytest.fixture
def failed(server: Server) -> Server:
    http.post(f"{server.url}/jobs/{create(server, 'send_email')}/fail?reason=broken")
    create(server, "resize")
    return server


@pytest.fixture
def resumed(server: Server) -> Iterator[Server]:
    yield server
    http.post(f"{server.url}/queue/resume")


def save(page: Page, name: str) -> None:
    page.get_by_role("link", name="Save view…").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save for all").click()


def view(page: Page, name: str) -> Locator:
    return page.get_by_role("navigation", name="Saved views").get_by_role("link", name=name)


@SCRIPTS
def test_a_list_is_saved_found_again_and_deleted(open_page: OpenPage, failed: Server, scripts: bool) -> None:
    page = open_page("/dashboard/?status=FAILED", java_script_enabled=scripts)
    save(page, "Broken")
    expect(view(page, "Broken")).to_have_attribute("aria-current", "true")
    if scripts:
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("#toasts")).to_contain_text("Saved the view Broken")
    page.goto("/dashboard/")
    page.get_by_role("link", name="Broken").click()
    page.wait_for_url("**/dashboard/?status=FAILED")
    expect(page.locator("#board tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Edit views").click()
    page.get_by_role("button", name=re.compile("Delete .?Broken")).click()
    expect(page.get_by_text("There are no saved views.")).to_be_visible()


def test_an_error_stands_in_the_dialog_and_what_one_types_into_the_filter_unmarks_the_view(
    open_page: OpenPage, failed: Server
) -> None:
    page = open_page("/dashboard/?status=FAILED")
    save(page, "  ")
    expect(page.get_by_role("dialog")).to_contain_text("A view needs a name")
    page.get_by_label("Name").fill("Broken")
    page.get_by_role("button", name="Save for all").click()
    marked = page.locator("#views [aria-current]")
    expect(marked).to_have_text("Broken")
    page.get_by_label("Search").fill("nothing like it")
    expect(marked).to_have_count(0)
    page.get_by_label("Search").fill("")
    expect(marked).to_have_count(1)
    link = page.get_by_role("link", name="Save view…")
    expect(link).to_have_attribute("href", "/dashboard/views/new?status=FAILED")


def test_nothing_is_covered_and_axe_finds_nothing_where_there_are_views(open_page: OpenPage, failed: Server) -> None:
    page = open_page("/dashboard/?status=FAILED")
    for name in ("Broken", "w" * 40, "x y " * 10):
        save(page, name)
        expect(page.locator("#views")).to_contain_text(name.strip())
    paths = ("/dashboard/?status=FAILED", "/dashboard/views", "/dashboard/views/new?status=FAILED")
    assert faults(page, {path: (path, None) for path in paths}, {}) == {}


@SCRIPTS
def test_claims_are_paused_by_a_form_and_go_on_by_a_button(open_page: OpenPage, resumed: Server, scripts: bool) -> None:
    page = open_page("/dashboard/queue", java_script_enabled=scripts)
    page.get_by_role("link", name="Pause claims…").click()
    expect(page.get_by_role("dialog")).to_have_count(1 if scripts else 0)
    page.get_by_label("Reason").fill("a deployment")
    page.get_by_role("button", name="Pause claims").click()
    expect(page.locator(".paused")).to_contain_text("a deployment")
    expect(page.get_by_role("link", name="Pause claims…")).to_be_hidden()
    page.get_by_role("button", name="Let claims go on").click()
    expect(page.locator(".paused")).to_have_count(0)
    expect(page.get_by_role("link", name="Pause claims…")).to_be_visible()


def test_the_activity_refreshes_and_moves_no_row_under_the_mouse(open_page: OpenPage, resumed: Server) -> None:
    for _ in range(2):
        http.post(f"{resumed.url}/dashboard/pause")
        http.post(f"{resumed.url}/dashboard/resume")
    page = open_page("/dashboard/activity")
    rows = page.locator(".activity tbody tr")
    expect(rows).to_have_count(4)
    rows.first.hover()
    http.post(f"{resumed.url}/dashboard/pause")
    refreshes(page, 1, "activity")
    expect(page.get_by_role("link", name="1 newer entry")).to_be_visible()
    expect(rows).to_have_count(4)
    page.mouse.move(5, 5)
    refreshes(page, 1, "activity")
    expect(rows).to_have_count(5)
    expect(page.locator(".arrived a")).to_have_count(0)
    expect(rows.first).to_contain_text("Paused claims")
