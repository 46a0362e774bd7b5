"""No word that one types is lost, and no message is missed."""

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.support import http
from tests.support.pages import OpenPage, create
from tests.support.server import Server


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


def new_job(page: Page, type: str) -> None:  # noqa: A002
    page.locator("#new").click()
    page.get_by_role("dialog").get_by_label("Type").fill(type)


def test_escape_asks_before_it_drops_what_was_typed(page: Page) -> None:
    answers, asked = [False, False, True], []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if answers[len(asked) - 1]:
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    new_job(page, "half a word")
    for _ in range(2):
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog").get_by_label("Type")).to_have_value("half a word")
        expect(page.get_by_role("dialog").get_by_label("Type")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert asked == ["Discard what you typed?"] * 3


def test_escape_closes_at_once_where_nothing_was_typed(page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    new_job(page, "half a word")
    page.get_by_role("link", name="Cancel").click()
    page.locator("#new").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_form_that_is_slow_to_come_does_not_replace_the_open_one(open_page: OpenPage, server: Server) -> None:
    job_id = create(server)
    page = open_page()
    held: list[Route] = []
    page.route(f"**/fragments/jobs/{job_id}/fail", lambda route: held.append(route))
    with page.expect_request("**/fail"):
        page.locator(f"#job-{job_id}").get_by_role("link", name="Fail").click()
    new_job(page, "half a word")
    with page.expect_response("**/fail"):
        held[0].continue_()
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect(page.get_by_role("dialog").get_by_label("Type")).to_have_value("half a word")


def test_json_is_checked_when_one_stops_typing_and_an_error_is_announced(page: Page) -> None:
    page.locator("#new").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.clock.install()
    payload, error = page.get_by_label("Payload"), page.locator("#payload-error")
    payload.press_sequentially('{"a": 1')
    expect(error).to_have_text("")
    page.clock.run_for(500)
    expect(error).to_contain_text("Not valid JSON")
    expect(error).to_have_attribute("role", "status")
    expect(payload).to_have_attribute("aria-invalid", "true")
    payload.press("}")
    page.clock.run_for(500)
    expect(error).to_have_text("")


def test_undo_lives_twenty_seconds_and_has_a_key(page: Page, server: Server) -> None:
    page.clock.install()
    new_job(page, "oops")
    page.get_by_role("button", name="Create job").click()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    page.mouse.move(1, 1)
    page.clock.run_for(19_000)
    expect(undo).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#toasts")).to_contain_text("Called off oops")
    assert [job["status"] for job in http.get(f"{server.url}/jobs").json()] == ["FAILED"]


def test_undo_waits_for_a_dialog_that_hides_it(page: Page) -> None:
    page.clock.install()
    new_job(page, "oops")
    page.get_by_role("button", name="Create job").click()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    page.locator("#new").click()
    expect(page.locator("#dialog")).to_be_visible()
    page.clock.run_for(30_000)
    page.get_by_role("link", name="Cancel").click()
    expect(undo).to_be_visible()
    page.clock.run_for(30_000)
    expect(undo).to_have_count(0)


def test_seven_letters_make_one_entry_in_the_history(open_page: OpenPage, server: Server) -> None:
    create(server, "picture")
    page = open_page()
    before = page.evaluate("history.length")
    search = page.get_by_label("Search")
    search.focus()
    for end in range(1, 8):
        page.keyboard.type("picture"[end - 1])
        page.wait_for_url(f"**/dashboard/?q={'picture'[:end]}")
    search.press("Enter")
    expect(page.locator("#board tbody tr")).to_have_count(1)
    assert page.evaluate("history.length") == before + 1
    page.get_by_label("Status", exact=True).focus()
    page.get_by_label("Status", exact=True).select_option("PENDING")
    page.wait_for_url("**/dashboard/?q=picture&status=PENDING")
    assert page.evaluate("history.length") == before + 2
    with page.expect_event("load"):  # htmx loads the page anew
        page.go_back()
    assert page.url.endswith("/dashboard/?q=picture")


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/dashboard/", "/ncujk?"),
        ("/dashboard/queue", "cjk?"),
        ("/dashboard/jobs/{failed}", "u?"),
        ("/dashboard/jobs/new", "?"),
    ],
)
def test_the_list_of_keys_has_those_that_work_on_this_page(
    open_page: OpenPage, server: Server, path: str, keys: str
) -> None:
    create(server)
    failed = create(server)
    http.post(f"{server.url}/jobs/{failed}/fail")
    page = open_page(path.format(failed=failed))
    page.locator("#help").click()
    shown = page.locator("#keys kbd").filter(visible=True).all_inner_texts()
    assert "".join(key for key in shown if key != "Enter") == keys
