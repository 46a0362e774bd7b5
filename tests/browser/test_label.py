"""The label tells how old is what one sees, so a server that hangs never looks alive."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.pages import OpenPage, create
from tests.support.server import Server


@contextmanager
def hanging(server: Server) -> Iterator[None]:
    """Its workers take requests and answer none."""
    workers = server.workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def age(page: Page) -> str:
    return page.locator("#board tbody time").first.inner_text()


def test_a_server_that_hangs_does_not_look_alive(open_page: OpenPage, server: Server) -> None:
    create(server)
    page = open_page()
    label = page.locator("#live")
    page.clock.install()
    page.reload()
    expect(label).to_have_text("Live")
    with hanging(server):
        page.clock.run_for(7_500)
        expect(label).to_have_text(re.compile("Updated [78] s ago"))
        expect(label).to_have_attribute("data-state", "old")
        expect(page.get_by_text("Connection lost, retrying")).to_be_attached()
        page.clock.run_for(10_000)
        expect(label).to_have_attribute("data-state", "lost")
        stopped = age(page)
        page.clock.run_for(60_000)
        expect(label).to_have_text("Updated 1 min ago")
        assert age(page) == stopped
    page.clock.run_for(10_000)
    page.clock.resume()
    expect(label).to_have_text("Live")
    expect(page.get_by_text("Connected again")).to_be_attached()


def test_ages_do_not_depend_on_the_browser_s_clock(open_page: OpenPage, server: Server) -> None:
    create(server)
    page = open_page()
    page.clock.install()
    page.reload()
    page.clock.run_for(3_000)
    assert age(page).endswith(" s")
    page.clock.set_system_time("2040-01-01T00:00:00Z")
    page.clock.run_for(3_000)
    assert age(page).endswith(" s")


@pytest.mark.excuses("ERR_FAILED", "Failed to fetch")
def test_what_is_shown_on_a_page_that_does_not_refresh_gets_older_all_the_same(
    open_page: OpenPage, server: Server
) -> None:
    create(server)
    page = open_page()
    page.clock.install()
    page.reload()
    page.evaluate("delete document.getElementById('board').dataset.hxTrigger")
    page.route("**/fragments/board*", lambda route: route.abort())
    page.clock.run_for(120_000)
    assert age(page) == "2 min"


def test_a_button_that_was_pressed_is_busy_until_it_is_answered(open_page: OpenPage, server: Server) -> None:
    create(server)
    page = open_page()
    held: list[Route] = []
    page.route("**/fragments/claim", lambda route: held.append(route))
    claim = page.locator("#claim")
    with page.expect_request("**/fragments/claim"):
        claim.click()
    expect(claim).to_have_attribute("aria-busy", "true")
    expect(claim).to_have_text("Claiming…")
    held[0].continue_()
    expect(claim).to_have_text("Claim next")
    expect(claim).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#toasts")).to_contain_text("Claimed resize")


def test_a_busy_button_stays_busy_while_its_row_is_refreshed(open_page: OpenPage, server: Server) -> None:
    create(server)
    page = open_page()
    held: list[Route] = []
    page.route("**/process", lambda route: held.append(route))
    start = page.locator("#board tbody button").last
    start.click()
    expect(start).to_have_text("Starting…")
    with page.expect_response(lambda answer: "/fragments/board" in answer.url and answer.status == 200):
        create(server)
    expect(page.locator("#board tbody tr")).to_have_count(1)  # the mouse is on it
    expect(page.locator(".arrived")).to_have_text("1 newer job")
    expect(start).to_have_text("Starting…")
    held[0].continue_()
    expect(page.locator("#board tbody tr")).to_contain_text("RUNNING")
