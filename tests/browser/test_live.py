"""A refresh never gets in the way: what one types, marks, opens or points at stays while jobs come and go."""

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Page, Request, expect

from tests.support import http
from tests.support.pages import OpenPage, busy, create, refreshes
from tests.support.server import Server, StartServer
from tests.support.waiting import eventually


@pytest.fixture
def page(open_page: OpenPage, server: Server) -> Page:
    with http.Client(base_url=server.url) as client:
        for number in range(60):
            client.post("/jobs", json={"type": f"first-{number}"})
    return open_page()


def test_what_is_typed_and_the_focus_stay(page: Page, server: Server) -> None:
    with busy(server):
        search = page.get_by_label("Search")
        search.focus()
        page.keyboard.type("first")
        refreshes(page)
        expect(search).to_have_value("first")
        expect(search).to_be_focused()


def test_an_open_form_stays_with_what_is_typed_in_it(page: Page, server: Server) -> None:
    page.locator("#board tbody").get_by_role("link", name="Fail").first.click()
    reason = page.get_by_role("dialog").get_by_label("Reason")
    reason.fill("out of")
    with busy(server):
        refreshes(page)
        page.keyboard.type(" paper")
        expect(reason).to_have_value("out of paper")
        expect(reason).to_be_focused()


def test_marked_text_stays_marked(page: Page, server: Server) -> None:
    page.locator("#board tbody tr .what b").nth(3).select_text()
    marked = page.evaluate("getSelection().toString()")
    with busy(server):
        refreshes(page)
        assert page.evaluate("getSelection().toString()") == marked


def test_the_focus_stays_on_a_row(page: Page, server: Server) -> None:
    link = page.locator("#board tbody tr .what a").nth(4)
    link.focus()
    name = link.get_attribute("href")
    with busy(server):
        refreshes(page)
        assert page.evaluate("document.activeElement.getAttribute('href')") == name


def test_on_a_later_page_nothing_moves_and_new_jobs_are_announced(page: Page, server: Server) -> None:
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#board tbody tr")).to_have_count(10)
    page.mouse.move(0, 0)
    with busy(server):
        refreshes(page)
        expect(page.locator("#board tbody tr")).to_have_count(10)
        expect(page.locator(".arrived a")).to_contain_text("newer jobs")


def test_a_fold_stays_folded(open_page: OpenPage, server: Server) -> None:
    job_id = create(server, payload={"a": 1})
    page = open_page(f"/dashboard/jobs/{job_id}")
    page.locator("#payload-fold summary").click()
    http.post(f"{server.url}/jobs/{job_id}/process")
    expect(page.locator("h1 + .badge")).to_have_text("RUNNING")
    expect(page.locator("#payload-fold")).not_to_have_attribute("open", "")


def test_an_idle_page_polls_by_304_and_a_hidden_one_not_at_all(page: Page) -> None:
    with page.expect_response(lambda answer: "/fragments/board" in answer.url and answer.status == 304):
        pass
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", {get: () => true, configurable: true});
            window.polls = 0;
            document.addEventListener("htmx:before:request", (event) => event.defaultPrevented || window.polls++);
            window.ticks = 0;
            document.getElementById("board").addEventListener("every", () => window.ticks++);
        }"""
    )
    eventually(lambda: page.evaluate("window.ticks >= 2"), "two polls would have been due")
    assert page.evaluate("window.polls") == 0


def test_the_page_of_a_deleted_job_says_so_and_asks_no_more(open_page: OpenPage, server: Server) -> None:
    page, other = open_page(f"/dashboard/jobs/{create(server)}"), open_page()
    refused: list[Request] = []
    page.on("response", lambda answer: refused.append(answer.request) if answer.status == 404 else None)
    with closing(sqlite3.connect(server.env["DATABASE_URL"].removeprefix("sqlite:///"))) as database, database:
        database.execute("DELETE FROM jobs")
    expect(page.get_by_role("alert")).to_contain_text("This job is gone")
    expect(page.locator("#live")).to_be_hidden()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    for _ in range(2):  # between two polls of another page this one would have had one
        other.wait_for_event("response")
    assert len(refused) == 1
    page.get_by_role("link", name="To the jobs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")


@pytest.mark.excuses("ERR_CONNECTION_REFUSED", "Failed to fetch", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
def test_a_lost_connection_shows_and_heals_by_itself(page: Page, server: Server) -> None:
    server.stop()
    expect(page.get_by_text("Connection lost, retrying")).to_be_attached()
    expect(page.locator("#live")).to_have_text(re.compile(r"Updated \d+ s ago"))
    server.start()
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.get_by_text("Connected again")).to_be_attached()
    eventually(lambda: page.locator("#board tbody tr").count() == 50, "the table is still there")


def test_a_poll_that_is_refused_says_why_once_and_goes_on(page: Page) -> None:
    page.evaluate("document.getElementById('board').dataset.hxGet += '?status=BOGUS'")
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.status == 422)
    expect(page.locator("#live")).to_have_text("Refused, retrying")
    expect(page.locator("#toasts .toast")).to_have_count(1)
    expect(page.locator("#toasts")).to_contain_text("There is no status BOGUS")
    page.evaluate("document.getElementById('board').dataset.hxGet = '/dashboard/fragments/board'")
    expect(page.locator("#live")).to_have_text("Live")


@pytest.fixture
def signed_in(start_server: StartServer, sqlite_url: str, open_page: OpenPage) -> Page:
    page = open_page(f"{start_server(sqlite_url, USERS='ada:operator:press-the-button').url}/sign-in")
    sign_in(page)
    expect(page.locator("#new")).to_be_visible()
    return page


def sign_in(page: Page) -> None:
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("press-the-button")
    page.get_by_role("button", name="Sign in").click()


def test_a_session_that_ends_takes_nothing_from_one_who_types(signed_in: Page) -> None:
    page, refused = signed_in, []
    page.on("response", lambda answer: refused.append(answer.request.method) if answer.status == 401 else None)
    place = page.url
    page.locator("#new").click()
    name = page.get_by_role("dialog").get_by_label("Type")
    name.fill("half a word")
    page.context.clear_cookies()
    told = page.get_by_role("dialog").get_by_role("alert")
    expect(told).to_contain_text("Signed out: sign in again")
    expect(page.locator("#live")).to_have_text("Signed out")
    page.evaluate("window.ticks = 0, document.getElementById('board').addEventListener('every', () => ticks++)")
    eventually(lambda: page.evaluate("ticks >= 2"), "two polls would have been due")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Create job").click()
    assert refused == ["GET", "POST"]
    expect(told).to_contain_text("Signed out: sign in again")
    with page.expect_popup() as popup:
        told.get_by_role("link", name="sign in again").click()
    sign_in(popup.value)
    expect(popup.value.locator("#new")).to_be_visible()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(told).to_have_text("")
    expect(page.locator("#live")).to_have_text("Live")
    expect(name).to_have_value("half a word")
    expect(name).to_be_focused()
    page.get_by_role("button", name="Create job").click()
    expect(page.locator("#board tbody tr")).to_contain_text("half a word")
    assert page.url == place


def test_a_search_after_the_session_has_ended_leaves_the_page_as_it_is(signed_in: Page) -> None:
    page, place = signed_in, signed_in.url
    page.context.clear_cookies()
    with page.expect_response(lambda answer: "q=half" in answer.url and answer.status == 401):
        page.get_by_label("Search").fill("half")
    expect(page.locator("#toasts")).to_contain_text("Signed out: sign in again")
    expect(page.locator("#board")).to_be_visible()
    expect(page.get_by_label("Search")).to_have_value("half")
    assert page.url == place


def test_the_slower_of_two_browsers_sees_what_happened(open_page: OpenPage, server: Server) -> None:
    job_id = create(server, "contested")
    slow, fast = open_page(), open_page()
    slow.locator(f"#job-{job_id}").get_by_role("link", name="Fail").click()
    expect(slow.get_by_role("dialog")).to_be_visible()
    fast.locator(f"#job-{job_id}").get_by_role("link", name="Fail").click()
    fast.get_by_role("button", name="Fail job").click()
    expect(fast.locator(f"#job-{job_id}")).to_contain_text("FAILED")
    slow.get_by_role("button", name="Fail job").click()
    expect(slow.get_by_role("alert")).to_contain_text("it is FAILED, not PENDING or RUNNING (failed 20")
    expect(slow.locator(f"#job-{job_id}")).to_contain_text("FAILED")


def test_a_job_that_somebody_has_taken_is_not_undone(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill("oops")
    page.get_by_role("button", name="Create job").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    http.post(f"{server.url}/jobs/claim")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("it is RUNNING, not PENDING")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    expect(page.locator("#board tbody tr", has_text="oops")).to_contain_text("RUNNING")


def test_a_job_created_by_mistake_is_undone_from_its_toast(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill("oops")
    page.get_by_role("button", name="Create job").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#board tbody tr", has_text="oops")).to_contain_text("FAILED")
    expect(page.locator("#toasts")).to_contain_text("Called off oops")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    expect(page.locator("main")).to_be_focused()


def test_a_span_of_time_is_chosen_and_stands_in_the_address(open_page: OpenPage, server: Server) -> None:
    create(server)
    page = open_page()
    row, since = page.locator("#board tbody tr"), page.get_by_label("Since")
    expect(since).to_be_hidden()
    page.get_by_label("Time").select_option("Last hour")
    page.wait_for_url("**/dashboard/?when=1h")
    expect(row).to_have_count(1)
    page.get_by_label("Time").select_option("Between…")
    since.fill("2000-01-01T00:00")
    page.get_by_label("Until").fill("2000-01-02T00:00")
    page.wait_for_url("**since=2000-01-01T00%3A00&until=2000-01-02T00%3A00")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.reload()
    expect(since).to_have_value("2000-01-01T00:00")
    page.get_by_label("Time").select_option("Any time")
    page.wait_for_url("**/dashboard/")
    expect(row).to_have_count(1)


def test_a_span_of_time_is_chosen_without_javascript(open_page: OpenPage, server: Server) -> None:
    create(server)
    page = open_page(java_script_enabled=False)
    expect(page.get_by_label("Since")).to_be_hidden()
    page.get_by_label("Time").select_option("Between…")
    page.get_by_label("Since").fill("2000-01-01T00:00")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("since=2000-01-01T00%3A00"))
    expect(page.locator("#board tbody tr")).to_have_count(1)
    page.get_by_label("Time").select_option("Any time")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("Since")).to_be_hidden()
