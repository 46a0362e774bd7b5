"""Nothing moves under what one works with: layout shift 0 while jobs are created and finished at 50 a second."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.support import http
from tests.support.pages import OpenPage, busy, create, refreshes, watch_shifts
from tests.support.server import Server

PHONE = {"has_touch": True, "is_mobile": True, "viewport": {"width": 390, "height": 800}}


@pytest.fixture
def page(open_page: OpenPage, full: Server) -> Page:
    return open_page()


@pytest.fixture
def full(server: Server) -> Server:
    """More jobs than a page has."""
    with http.Client(base_url=server.url) as client:
        for number in range(60):
            client.post("/jobs", json={"type": f"first-{number}"})
    return server


def point(page: Page) -> None:
    page.locator("#board tbody tr").nth(2).hover()


def touch(_page: Page) -> None:
    """Nothing: where a finger will come down is not known before."""


def focus(page: Page) -> None:
    page.locator("#board tbody tr .what a").nth(4).focus()


def select(page: Page) -> None:
    page.locator("#board tbody tr .what b").nth(3).select_text()


def scroll(page: Page) -> None:
    page.evaluate("scrollTo(0, 120)")


def scroll_far(page: Page) -> None:
    page.evaluate("scrollTo(0, 600)")


@pytest.mark.parametrize("use", [point, touch, focus, select, scroll, scroll_far], ids=lambda use: use.__name__)
def test_nothing_shifts_while_one_uses_the_page(open_page: OpenPage, full: Server, use: Callable[[Page], None]) -> None:
    page = open_page(**(PHONE if use is touch else {}))
    page.mouse.move(1, 1)
    use(page)
    rows = "[...document.querySelectorAll('#board tbody tr')].map((row) => [row.id, row.getBoundingClientRect().top])"
    before = page.evaluate(rows)
    watch_shifts(page)
    with busy(full):
        refreshes(page, 3)
        expect(page.locator(".arrived a")).to_contain_text("newer jobs")
        expect(page.locator(".arrived a")).to_be_in_viewport()
    assert page.evaluate("window.shifts") == []
    assert page.evaluate(rows) == before


def test_a_tap_hits_the_job_that_was_seen(open_page: OpenPage, full: Server) -> None:
    page = open_page(**PHONE)
    button = page.locator("#board tbody tr").nth(2).get_by_role("button", name="Start")
    row = page.locator("#board tbody tr").nth(2).get_attribute("id")
    box = button.bounding_box()
    assert box
    for number in range(2):
        create(full, f"later-{number}")
        refreshes(page, 1)
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(f"#{row}")).to_contain_text("RUNNING")
    expect(page.get_by_text("RUNNING", exact=True)).to_have_count(2)  # the counter, and one row


def test_newer_jobs_are_announced_once_and_a_click_leads_to_them(page: Page, server: Server) -> None:
    page.locator("#board tbody tr").nth(5).hover()
    spoken = page.locator("#board p[role=status]")
    expect(spoken).to_have_text("")
    for number in range(2):
        create(server, f"later-{number}")
        refreshes(page, 1)
        expect(spoken).to_have_text("There are newer jobs")
    expect(page.locator(".arrived a")).to_have_text("2 newer jobs")
    page.locator(".arrived a").hover()
    create(server, "later-2")
    refreshes(page, 1)
    page.locator(".arrived a").click()
    expect(page.locator("#board tbody tr").first).to_contain_text("later-2")


@pytest.mark.parametrize("element", ["board", "jobs", "queue"])
def test_a_refresh_leaves_no_node_behind(open_page: OpenPage, full: Server, element: str) -> None:
    running = [http.post(f"{full.url}/jobs/claim").json()["id"] for _ in range(4)]  # too old to be on the page
    paths = {"board": "/dashboard/", "jobs": f"/dashboard/jobs/{create(full)}", "queue": "/dashboard/queue"}
    page = open_page(paths[element])
    nodes = "document.evaluate('count(//node())', document, null, XPathResult.NUMBER_TYPE).numberValue"
    before = page.evaluate(nodes)
    for job_id in running:
        http.post(f"{full.url}/jobs/{job_id}/complete")
        refreshes(page, 1, element)
    assert page.evaluate(nodes) == before


@pytest.mark.parametrize("width", [1440, 390])
def test_the_verdict_changes_with_a_refresh_and_moves_nothing(open_page: OpenPage, server: Server, width: int) -> None:
    create(server)
    page = open_page(viewport={"width": width, "height": 900})
    expect(page.locator("#verdict")).to_contain_text("Healthy")
    watch_shifts(page)
    path = server.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO jobs (id, type, priority, status, created_at, started_at) WITH RECURSIVE n (n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20) SELECT 'overdue-' || n, 'resize', 0, 'RUNNING', "
            "datetime('now', '-1 day') || '.000000', datetime('now', '-1 day') || '.000000' FROM n"
        )
    expect(page.locator("#verdict")).to_contain_text("20 jobs run far longer than usual")
    verdict = [shift for shift in page.evaluate("window.shifts") if "verdict" in str(shift)]
    assert verdict == []
    assert page.locator("#verdict").evaluate("element => element.clientHeight") == 32
