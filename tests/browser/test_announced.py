"""What changes by itself is announced: by a region of the accessibility tree that was there before it had a text."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support import http
from tests.support.pages import OpenPage, create, refreshes
from tests.support.server import Server
from tests.support.waiting import eventually


def regions(page: Page) -> dict[int, str]:
    """The text of each live region that a screen reader has, by its element: what is inert or hidden is none."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}

    def text(node: dict[str, object]) -> str:
        if node.get("role", {}).get("value") == "StaticText":  # type: ignore[attr-defined]
            return str(node["name"]["value"])  # type: ignore[index]
        return "".join(text(by_id[child]) for child in node.get("childIds", ()) if child in by_id)  # type: ignore[attr-defined]

    return {
        node["backendDOMNodeId"]: text(node)
        for node in nodes
        if not node["ignored"]
        and any(each["name"] == "live" and each["value"]["value"] != "off" for each in node.get("properties", ()))
    }


def is_announced(page: Page, sentence: str, act: Callable[[], object]) -> None:
    """Fails unless, after act(), the sentence stands in a region that was there before, where it did not stand."""
    before = {element for element, text in regions(page).items() if sentence not in text}
    assert before, "there is no live region"
    act()
    eventually(
        lambda: any(element in before and sentence in text for element, text in regions(page).items()),
        f"a live region says: {sentence}",
    )


@pytest.fixture
def page(open_page: OpenPage, server: Server) -> Page:
    for number in range(3):
        create(server, f"send-{number}")
    return open_page()


def open_new(page: Page) -> None:
    page.locator("#new").click()
    expect(page.get_by_role("dialog").get_by_label("Type")).to_be_focused()


@pytest.mark.excuses("ERR_FAILED", "Failed to fetch")
@pytest.mark.parametrize("prepare", [lambda _: None, open_new], ids=["on the page", "in a dialog"])
def test_a_connection_that_is_lost_and_found(page: Page, prepare: Callable[[Page], None]) -> None:
    prepare(page)

    def refuse(route: Route) -> None:
        route.abort()

    is_announced(page, "Connection lost, retrying", lambda: page.route("**/fragments/board*", refuse))
    is_announced(page, "Connected again", lambda: page.unroute("**/fragments/board*"))


def test_newer_jobs(page: Page, server: Server) -> None:
    page.locator("#board tbody tr").first.hover()

    def arrive() -> None:
        create(server)
        refreshes(page, 1)

    is_announced(page, "There are newer jobs", arrive)


def test_how_many_match(page: Page) -> None:
    is_announced(page, "1 matches", lambda: page.get_by_label("Search").fill("send-1"))
    is_announced(page, "3 match", lambda: page.get_by_label("Search").fill("send"))


def test_json_that_is_not_valid(page: Page) -> None:
    open_new(page)
    is_announced(page, "Not valid JSON", lambda: page.get_by_label("Payload").fill('{"a": '))


def test_json_that_is_not_valid_on_a_page(open_page: OpenPage) -> None:
    page = open_page("/dashboard/jobs/new")
    is_announced(page, "Not valid JSON", lambda: page.get_by_label("Payload").fill('{"a": '))


def test_what_was_done_and_what_went_wrong(page: Page) -> None:
    for _ in range(3):
        is_announced(page, "Claimed send", lambda: page.locator("#claim").click())
        page.locator(".toast .close").click()
    is_announced(page, "No pending jobs", lambda: page.locator("#claim").click())


def test_what_went_wrong_in_a_dialog(page: Page, server: Server) -> None:
    page.locator("#board tr", has_text="send-2").get_by_role("link", name="Fail").click()
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    [job] = http.get(f"{server.url}/jobs?type=send-2").json()
    http.post(f"{server.url}/jobs/{job['id']}/fail")
    is_announced(page, "it is FAILED", lambda: page.get_by_role("button", name="Fail job").click())


def test_how_many_are_chosen(page: Page) -> None:
    page.goto("/dashboard/?choose=1")
    is_announced(page, "3 chosen", lambda: page.get_by_role("checkbox", name="all on this page").check())
    is_announced(page, "2 chosen", lambda: page.get_by_role("checkbox", name="Choose").first.uncheck())
