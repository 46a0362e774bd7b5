"""The workers in a browser: who holds what, followed by heartbeats, and how high the rows of leased jobs are."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import http
from tests.support.server import Server

OpenPage = Callable[..., Page]


def post(server: Server, path: str, body: Any = None, **params: str) -> Any:
    return http.post(f"{server.url}/jobs{path}", json=body, params=params).raise_for_status().json()


def leased(server: Server, worker: str = "mill-3") -> Any:
    """A job that this worker holds for ten minutes."""
    post(server, "", {"type": "resize", "payload": {"width": 300}})
    return post(server, "/claim", lease="600", worker=worker, attempts="3")


def test_the_page_follows_heartbeats_until_the_last_job_is_done(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    page.get_by_role("link", name="Workers").click()
    expect(page.get_by_text("No worker holds a job by a lease")).to_be_visible()
    job = leased(server)
    row = page.get_by_role("row").filter(has_text="attempt 1 of 3")
    left = row.locator("[data-until]")
    expect(left).to_have_text(re.compile("9 min [0-9]+ s"))
    expect(left).not_to_have_text(left.inner_text())  # it ticks
    for progress in (10, 42):
        beat = {"progress": progress, "message": f"page {progress} of 100"}
        post(server, f"/{job['id']}/heartbeat", beat, token=job["token"])
        expect(row.get_by_role("progressbar")).to_have_attribute("value", str(progress))
        expect(row).to_contain_text(f"page {progress} of 100")
    row.get_by_role("link").click()
    expect(page.get_by_text("Leased to mill-3")).to_be_visible()
    page.go_back()
    post(server, f"/{job['id']}/complete", token=job["token"])
    expect(page.get_by_text("No worker holds a job by a lease")).to_be_visible()


def test_the_page_needs_no_javascript(open_page: OpenPage, server: Server) -> None:
    leased(server)
    page = open_page("/dashboard/workers", java_script_enabled=False)
    expect(page.get_by_role("rowheader", name="mill-3")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="attempt 1 of 3").get_by_role("link")).to_be_visible()


def test_heartbeats_fetch_no_list_anew(open_page: OpenPage, server: Server) -> None:
    job = leased(server)
    page = open_page()
    expect(page.locator(".note")).to_have_text("mill-3, attempt 1 of 3")
    for progress in range(2):
        post(server, f"/{job['id']}/heartbeat", {"progress": progress}, token=job["token"])
        with page.expect_response(lambda answer: "/fragments/board" in answer.url) as answer:
            pass
        assert answer.value.status == 304


@pytest.mark.parametrize("width", [1280, 1024])
def test_rows_are_no_higher_for_what_leases_add(open_page: OpenPage, server: Server, width: int) -> None:
    post(server, "", {"type": "later", "payload": {"width": 300}, "run_at": 3_600})
    for number in range(3):
        job = leased(server, "a worker with a long name " * 3)
        if number:
            post(server, f"/{job['id']}/fail", token=job["token"], reason="connection refused " * 9, retry_in="600")
    page = open_page(viewport={"width": width, "height": 800})
    expect(page.locator(".note")).to_have_count(4)
    heights = page.evaluate("[...document.querySelectorAll('#board tbody tr')].map((row) => row.offsetHeight)")
    assert max(heights) <= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    left = page.locator(".note [data-until]").first
    expect(left).not_to_have_text(left.inner_text())  # it ticks
