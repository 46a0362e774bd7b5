"""What a person sees and does: a real Chromium before a real gunicorn."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.support import http
from tests.support.server import Server, StartServer

OpenPage = Callable[..., Page]


def post(server: Server, path: str, **body: Any) -> Any:
    """What a script does, and what it is told."""
    return http.post(f"{server.url}/jobs{path}", json=body or None).raise_for_status().json()


def create(server: Server, type: str = "resize", **body: Any) -> str:  # noqa: A002
    job_id: str = post(server, "", type=type, **body)["id"]
    return job_id


def row(page: Page, text: str, include_hidden: bool = False) -> Locator:
    return page.get_by_role("row", include_hidden=include_hidden).filter(has_text=text)


def counter(page: Page, status: str) -> Locator:
    return page.get_by_role("navigation", name="Jobs by status").get_by_role("link", name=status)


def toast(page: Page) -> Locator:
    return page.locator("#toasts")


def error(page: Page) -> Locator:
    """What is announced in the open dialog."""
    return page.get_by_role("dialog").get_by_role("alert").locator(".toast")


def expect_seen_and_reachable(page: Page) -> None:
    """The error in the dialog is on top of everything, and the keyboard gets to it."""
    seen = """(box) => {
        const {x, y, width, height} = box.getBoundingClientRect();
        return box.contains(document.elementFromPoint(x + width / 2, y + height / 2));
    }"""
    assert error(page).evaluate(seen)
    dismiss = error(page).get_by_role("button", name="Dismiss")
    while not page.evaluate("document.activeElement.matches('dialog .close:not(.toast *)')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(dismiss).to_be_focused()


# ---- By clicking


def test_a_person_takes_jobs_through_their_lives(open_page: OpenPage) -> None:
    page = open_page()
    dialog = page.get_by_role("dialog")
    for name, priority in (("first", "1"), ("second", "9"), ("third", "0")):
        page.locator("#new").click()
        dialog.get_by_label("Type").fill(name)
        dialog.get_by_label("Payload").fill('{"to": "ada"}')
        dialog.get_by_label("Priority").fill(priority)
        dialog.get_by_role("button", name="Create job").click()
        expect(row(page, name)).to_contain_text("PENDING")
        expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Claim next").click()
    expect(row(page, "second")).to_contain_text("RUNNING")
    expect(toast(page)).to_contain_text("Claimed second")
    row(page, "first").get_by_role("button", name="Start").click()
    expect(row(page, "first")).to_contain_text("RUNNING")
    row(page, "first").get_by_role("link", name="Complete").click()
    dialog.get_by_label("Result").fill('{"ok": true}')
    dialog.get_by_role("button", name="Complete job").click()
    expect(row(page, "first")).to_contain_text("COMPLETED")
    row(page, "third").get_by_role("link", name="Fail").click()
    dialog.get_by_label("Reason").fill("out of paper")
    dialog.get_by_role("button", name="Fail job").click()
    expect(row(page, "third")).to_contain_text("FAILED")
    for status, number in (("PENDING", "0"), ("RUNNING", "1"), ("COMPLETED", "1"), ("FAILED", "1")):
        expect(counter(page, status)).to_have_text(f"{status} {number}")
    row(page, "third").get_by_role("link", name="third").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("out of paper")


def test_a_person_takes_jobs_through_their_lives_without_javascript(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    badge = page.get_by_role("main").locator(".badge")
    for name, priority in (("first", "1"), ("second", "9")):
        page.goto("/dashboard/")
        page.locator("#new").click()
        page.get_by_label("Type").fill(name)
        page.get_by_label("Payload").fill('{"to": "ada"}')
        page.get_by_label("Priority").fill(priority)
        page.get_by_role("button", name="Create job").click()
        expect(badge).to_have_text("PENDING")
    page.goto("/dashboard/")
    page.get_by_role("button", name="Claim next").click()
    expect(page.get_by_role("heading", name="second")).to_be_visible()
    expect(badge).to_have_text("RUNNING")
    page.get_by_role("link", name="Complete").click()
    page.get_by_label("Result").fill('{"ok": true}')
    page.get_by_role("button", name="Complete job").click()
    expect(badge).to_have_text("COMPLETED")
    expect(page.get_by_role("region", name="Result")).to_contain_text('"ok": true')
    page.goto("/dashboard/?status=PENDING")
    row(page, "first").get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/dashboard/\?status=PENDING#job-"))
    page.goto("/dashboard/?status=RUNNING")
    row(page, "first").get_by_role("link", name="Fail").click()
    page.get_by_label("Reason").fill("out of paper")
    page.get_by_role("button", name="Fail job").click()
    expect(badge).to_have_text("FAILED")
    expect(page.get_by_role("region", name="Result")).to_contain_text("out of paper")


def test_the_filter_works_with_and_without_javascript(open_page: OpenPage, server: Server) -> None:
    create(server, "waits")
    post(server, f"/{create(server, 'runs')}/process")
    for page in (open_page(), open_page(java_script_enabled=False)):
        page.get_by_label("Status", exact=True).select_option("RUNNING")
        if page.get_by_role("button", name="Filter").is_visible():
            page.get_by_role("button", name="Filter").click()
        expect(page).to_have_url(re.compile("status=RUNNING"))
        expect(row(page, "runs")).to_be_visible()
        expect(row(page, "waits")).to_have_count(0)
        page.go_back()
        expect(row(page, "waits")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_claim_of_an_empty_queue_says_so(open_page: OpenPage, javascript: bool) -> None:
    page = open_page(java_script_enabled=javascript)
    page.get_by_role("button", name="Claim next").click()
    expect(page.get_by_text("No pending jobs")).to_be_visible()


def test_a_double_click_creates_one_job(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill("resize")
    page.get_by_role("button", name="Create job").dblclick()
    expect(page.get_by_role("dialog")).to_be_hidden()
    for _ in range(2):  # the refresh that follows a change, and the next one by the clock
        page.wait_for_event("response", lambda answer: "/fragments/board" in answer.url)
    assert len(http.get(f"{server.url}/jobs").json()) == 1


# ---- What goes wrong


def test_a_wrong_field_is_told_in_the_dialog_and_what_was_typed_stays(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#new").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Payload").fill("[1]")
    dialog.get_by_label("Priority").fill("-1")
    dialog.get_by_role("button", name="Create job").click()
    expect(dialog.locator("#type-error")).to_contain_text("needs a type")
    expect(dialog.locator("#payload-error")).to_contain_text("must be a JSON object")
    expect(dialog.locator("#priority-error")).to_contain_text("From 0 to")
    expect(dialog.get_by_label("Payload")).to_have_value("[1]")
    expect(dialog.get_by_label("Priority")).to_have_value("-1")


@pytest.mark.parametrize("javascript", [True, False])
def test_the_focus_goes_to_the_first_wrong_field(open_page: OpenPage, javascript: bool) -> None:
    page = open_page(java_script_enabled=javascript)
    page.locator("#new").click()
    page.locator("#type").fill("resize")
    page.get_by_label("Payload").fill("[1]")
    page.get_by_label("Priority").fill("-1")
    page.get_by_role("button", name="Create job").click()
    expect(page.locator("#priority-error")).to_contain_text("From 0 to")
    expect(page.get_by_label("Payload")).to_be_focused()


def test_json_is_checked_while_one_types(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#new").click()
    page.get_by_label("Payload").fill('{"a": ')
    expect(page.locator("#payload-error")).to_contain_text("Not valid JSON")
    page.get_by_label("Payload").fill('{"a": 1}')
    expect(page.locator("#payload-error")).to_have_text("")


def test_when_a_colleague_was_faster_the_dialog_says_it_and_the_row_shows_the_truth(
    open_page: OpenPage, server: Server
) -> None:
    job_id = create(server)
    post(server, f"/{job_id}/process")
    page = open_page()
    row(page, "resize").get_by_role("link", name="Complete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Result").fill('{"pages": 3}')
    post(server, f"/{job_id}/complete")
    dialog.get_by_role("button", name="Complete job").click()
    expect(error(page)).to_contain_text("Cannot complete the job: it is COMPLETED, not RUNNING")
    expect_seen_and_reachable(page)
    expect(dialog.get_by_label("Result")).to_have_value('{"pages": 3}')
    expect(row(page, "resize", include_hidden=True)).to_contain_text("COMPLETED")


@pytest.mark.excuses("ERR_CONNECTION_REFUSED", "Failed to fetch", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
def test_an_open_dialog_says_that_the_server_cannot_be_reached_until_it_can(
    open_page: OpenPage, server: Server
) -> None:
    page = open_page()
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill("patient")
    server.stop()
    page.get_by_role("button", name="Create job").click()
    expect(error(page)).to_contain_text("The server cannot be reached")
    expect_seen_and_reachable(page)
    server.start()
    page.get_by_role("button", name="Create job").click()
    expect(row(page, "patient")).to_contain_text("PENDING")
    expect(error(page)).to_have_count(0)


def test_an_error_stays_until_it_is_dismissed_and_stands_there_once(open_page: OpenPage) -> None:
    page = open_page()
    page.clock.install()
    for _ in range(2):
        with page.expect_request_finished(lambda request: request.url.endswith("/claim")):
            page.get_by_role("button", name="Claim next").click()
        expect(toast(page)).to_contain_text("No pending jobs")
        expect(page.locator(".htmx-request")).to_have_count(0)
    page.clock.run_for(20_000)
    expect(toast(page).get_by_text("No pending jobs")).to_have_count(1)
    toast(page).get_by_role("button", name="Dismiss").click()
    expect(toast(page)).to_have_text("")


def test_the_answer_to_another_action_leaves_the_dialog_open_and_is_said_in_it(open_page: OpenPage) -> None:
    page = open_page()
    answers: list[Route] = []
    page.route("**/fragments/claim", lambda answer: answers.append(answer))
    with page.expect_request("**/fragments/claim"):
        page.get_by_role("button", name="Claim next").click()
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill("half a word")
    answers[0].continue_()
    expect(error(page)).to_contain_text("No pending jobs")
    expect(page.get_by_role("dialog").get_by_label("Type")).to_have_value("half a word")
    page.get_by_role("link", name="Cancel").click()
    expect(toast(page)).to_contain_text("No pending jobs")


# ---- Live


def test_open_pages_follow_the_jobs_of_a_script(open_page: OpenPage, server: Server) -> None:
    first = create(server, "first")
    board, queue, job = open_page(), open_page("/dashboard/queue"), open_page(f"/dashboard/jobs/{first}")
    create(server, "second", priority=9)
    expect(row(board, "second")).to_contain_text("PENDING")
    expect(counter(board, "PENDING")).to_have_text("PENDING 2")
    expect(row(queue, "second").locator(".place")).to_have_text("1")
    post(server, "/claim")
    post(server, f"/{first}/process")
    post(server, f"/{first}/complete", result={"pages": 3})
    expect(row(board, "second")).to_contain_text("RUNNING")
    expect(row(board, "first")).to_contain_text("COMPLETED")
    for status, number in (("PENDING", "0"), ("RUNNING", "1"), ("COMPLETED", "1")):
        expect(counter(board, status)).to_have_text(f"{status} {number}")
    expect(queue.get_by_text("No job is waiting.")).to_be_visible()
    expect(job.get_by_role("region", name="Result")).to_contain_text('"pages": 3')
    expect(job.locator("#live")).to_be_hidden()  # nothing more can happen to it


def test_polls_take_nothing_from_one_who_types(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill("half a wo")
    create(server, "made-meanwhile")
    expect(row(page, "made-meanwhile", include_hidden=True)).to_have_count(1)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_label("Type")).to_be_focused()
    page.keyboard.type("rd")
    expect(page.get_by_role("dialog").get_by_label("Type")).to_have_value("half a word")


def test_coming_back_to_the_tab_takes_nothing_from_one_who_types(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill("half a wo")
    create(server, "made-meanwhile")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(row(page, "made-meanwhile", include_hidden=True)).to_have_count(1)
    expect(page.get_by_role("dialog").get_by_label("Type")).to_have_value("half a wo")


def test_the_live_indicator_pauses_and_resumes_the_refresh(open_page: OpenPage, server: Server) -> None:
    page, other = open_page(), open_page()
    live = page.locator("#live")
    expect(live).to_have_text("Live")
    live.click()
    expect(live).to_have_text("Paused")
    expect(live).to_have_attribute("aria-pressed", "true")
    create(server)
    for _ in range(2):  # between two of its refreshes the paused page would have had one
        other.wait_for_event("response")
    expect(row(other, "resize")).to_be_visible()
    assert row(page, "resize").count() == 0
    live.click()
    expect(live).to_have_text("Live")
    expect(row(page, "resize")).to_be_visible()


@pytest.mark.excuses("status of 503")
def test_a_database_that_fails_is_not_stormed_and_what_was_typed_stays(
    start_server: StartServer, sqlite_url: str, open_page: OpenPage
) -> None:
    page = open_page(f"{start_server(sqlite_url).url}/dashboard/")
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill("half a word")
    failed: list[Request] = []
    page.on("response", lambda answer: failed.append(answer.request) if answer.status == 503 else None)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
        database.execute("ALTER TABLE tally RENAME TO gone")
        database.execute("ALTER TABLE jobs RENAME TO gone_too")
    with page.expect_response(lambda answer: len(failed) >= 3):
        pass
    times = [request.timing["startTime"] for request in failed[:3]]
    assert min(times[1] - times[0], times[2] - times[1]) > 1_000
    page.get_by_role("button", name="Create job").click()
    expect(error(page)).to_contain_text("The server answered 503")
    expect_seen_and_reachable(page)
    expect(page.get_by_role("dialog").get_by_text("Connection lost, retrying")).to_be_attached()
    expect(page.get_by_role("dialog").get_by_label("Type")).to_have_value("half a word")


# ---- Looks


def test_the_theme_switch_is_remembered(open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Switch between light and dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.goto("/dashboard/queue")
    assert page.evaluate(ground) == dark


def test_the_docs_follow_the_theme(open_page: OpenPage) -> None:
    surface = "getComputedStyle(document.querySelector('.panel, .empty')).backgroundColor"
    found = []
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        found.append(page.evaluate(surface))
        page.goto("/docs")
        assert page.evaluate(surface) == found[-1]
    assert found[0] != found[1]


@pytest.mark.parametrize("script", [True, False])
def test_the_list_of_the_docs_leads_to_each_call(open_page: OpenPage, script: bool) -> None:
    page = open_page("/docs", java_script_enabled=script)
    page.get_by_role("navigation", name="Calls").get_by_role("link", name="POST /jobs/claim").click()
    expect(page).to_have_url(re.compile("#claim_job$"))
    claim = page.get_by_role("region", name="POST /jobs/claim")
    expect(claim.get_by_role("heading", name="POST /jobs/claim")).to_be_in_viewport()
    expect(claim).to_contain_text("Seconds that the job is held")
    expect(claim.get_by_role("button", name="Copy")).to_have_count(2 if script else 0)


def test_the_browser_gets_html_compressed_and_of_what_it_has_only_that_it_is_current(
    open_page: OpenPage, server: Server
) -> None:
    for number in range(50):
        create(server, f"first-{number}")
    page = open_page()
    sent = page.evaluate(
        "performance.getEntriesByType('navigation').map((each) => [each.encodedBodySize, each.decodedBodySize])"
    )
    [(encoded, decoded)] = sent
    assert encoded < decoded / 5
    with page.expect_response(lambda answer: "/fragments/board" in answer.url) as poll:
        pass
    assert (poll.value.status, poll.value.request.sizes()["responseBodySize"]) == (304, 0)


def test_the_queue_is_one_list_without_jargon_and_its_first_is_the_next_claim(
    open_page: OpenPage, server: Server
) -> None:
    ids = [create(server, f"first-{number}") for number in range(3)]
    page = open_page("/dashboard/queue")
    expect(page.get_by_role("row")).to_have_count(4)
    post(server, f"/{ids[0]}/process")  # which the queue of the process does not know yet
    expect(page.get_by_role("row")).to_have_count(3)
    assert page.get_by_role("table").count() == 1
    assert page.get_by_role("heading").all_inner_texts() == ["Queue"]
    place = page.get_by_role("row").filter(has=page.get_by_role("cell", name="1", exact=True))
    expect(place.get_by_role("link")).to_have_attribute("href", re.compile(ids[1]))
    assert post(server, "/claim")["id"] == ids[1]
    said = page.get_by_role("main").inner_text().lower()
    assert [word for word in ("heap", "cursor", "stale", "entries", "entry", "seq", "pid") if word in said] == []


def test_the_docs_are_light_enough_and_ask_for_nothing(open_page: OpenPage) -> None:
    page = open_page("/docs")
    loaded = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map((each) => each.encodedBodySize)"
    )
    assert sum(loaded) < 100_000
    expect(page.get_by_text("Authorization")).to_have_count(0)
