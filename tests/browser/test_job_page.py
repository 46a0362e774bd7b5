"""The page of one job in a browser: it follows the worker, and a person takes the job away and runs it again."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import http
from tests.support.server import Server

OpenPage = Callable[..., Page]


def post(server: Server, path: str, body: Any = None, **params: str) -> Any:
    return http.post(f"{server.url}/jobs{path}", json=body, params=params).raise_for_status().json()


def leased(server: Server) -> Any:
    """A job that mill-3 holds for ten minutes."""
    post(server, "", {"type": "resize"})
    return post(server, "/claim", lease="600", worker="mill-3", attempts="3")


def test_the_page_follows_the_worker_and_stops_when_it_is_done(open_page: OpenPage, server: Server) -> None:
    job = leased(server)
    page = open_page(f"/dashboard/jobs/{job['id']}")
    expect(page.get_by_text("Leased to mill-3: its worker completes it.")).to_be_visible()
    left = page.locator(".waiting [data-until]")
    expect(left).to_have_text(re.compile("9 min [0-9]+ s"))
    expect(left).not_to_have_text(left.inner_text())  # it ticks
    post(server, f"/{job['id']}/heartbeat", {"progress": 42, "message": "page 21 of 50"}, token=job["token"])
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("value", "42")
    expect(page.get_by_text("page 21 of 50")).to_be_visible()
    post(server, f"/{job['id']}/fail", token=job["token"], reason="connection refused", retry_in="600")
    expect(page.get_by_text(re.compile(r"Attempt 1 of 3, again in [\dmin ]+ s: connection refused"))).to_be_visible()
    expect(page.locator("#live")).to_be_visible()
    post(server, f"/{job['id']}/fail", reason="wrong customer")
    expect(page.locator(".heading .badge")).to_have_text("FAILED")
    expect(page.locator("#live")).to_be_hidden()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_person_takes_a_job_from_its_worker_and_runs_it_again(
    open_page: OpenPage, server: Server, javascript: bool
) -> None:
    job = leased(server)
    page = open_page(f"/dashboard/jobs/{job['id']}", java_script_enabled=javascript)
    expect(page.get_by_role("link", name="Complete")).to_have_count(0)
    page.get_by_role("link", name="Fail").click()
    expect(page.get_by_text("mill-3 holds this job until")).to_be_visible()
    page.get_by_label("Reason").fill("wrong customer")
    page.get_by_role("button", name="Fail job").click()
    expect(page.get_by_role("listitem").filter(has_text="Attempt 1 by mill-3")).to_contain_text("Taken away")
    page.get_by_role("button", name="Run again").click()
    if javascript:
        expect(page.get_by_text("Was run again")).to_be_visible()
        page.locator(".toast", has_text="Runs again as").get_by_role("link").click()
    expect(page.locator(".heading .badge")).to_have_text("PENDING")
    expect(page.locator("dt", has_text="Run again of")).to_be_visible()
    page.locator("dd a[title]").click()
    expect(page.locator(".heading .badge")).to_have_text("FAILED")
    expect(page.locator("dt", has_text="Was run again")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_job_for_later_is_created_when_its_time_is_whole(
    open_page: OpenPage, server: Server, javascript: bool
) -> None:
    page = open_page(java_script_enabled=javascript)
    page.locator("#new").click()
    form = page.locator("form.ask")
    form.get_by_label("Type").fill("nightly")
    form.get_by_label("Attempts").fill("5")
    at = form.get_by_label("Run at")
    at.fill("2000-01-01")
    page.get_by_role("button", name="Create job").click()
    expect(page.get_by_text("It must be a date and time")).to_be_visible()
    expect(at).to_have_value("2000-01-01")
    expect(form.get_by_label("Attempts")).to_have_value("5")
    year = datetime.now(UTC).year + 2
    at.fill(f"{year}-01-31 03:00+01:00")
    page.get_by_role("button", name="Create job").click()
    if javascript:
        page.locator(".toast a").click()
    expect(page.get_by_text(f"Scheduled: may start {year}-01-31 02:00:00 UTC")).to_be_visible()
    expect(page.get_by_text("Up to 5")).to_be_visible()


def test_a_deleted_job_s_page_says_that_it_is_gone(server: Server, open_page: OpenPage) -> None:
    job = http.post(f"{server.url}/jobs", json={"type": "report"}).json()["id"]
    http.post(f"{server.url}/jobs/{job}/fail")
    page = open_page(f"/dashboard/jobs/{job}")
    page.locator("#job").get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete job").click()
    expect(page.locator(".toast")).to_contain_text("The job is deleted")
    expect(page.locator("#job")).to_contain_text("This job is gone")
    assert http.get(f"{server.url}/jobs/{job}").status_code == 404
