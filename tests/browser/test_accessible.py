"""For everyone: axe finds nothing in any state at any width in either theme, and the keyboard can do everything."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.support import http
from tests.support.fit import States, faults
from tests.support.server import Server

OpenPage = Callable[..., Page]
HOSTILE = "<img src=x onerror=alert(1)> '\"& \u202e" + "w" * 60


# A viewer and an operator, and a script that makes their jobs
USERS = "vera:viewer:only-looks-on ada:operator:press-the-button"
SCRIPT = {"Authorization": "Bearer a-token-for-a-script"}


def make(server: Server, headers: dict[str, str] | None = None) -> dict[str, str]:
    """A job in each status, with hostile text in every field; their ids by status."""
    with http.Client(base_url=server.url, headers=headers) as client:
        ids = {}
        for status in ("PENDING", "RUNNING", "COMPLETED", "FAILED"):
            body = {"type": HOSTILE, "payload": {HOSTILE: HOSTILE * 30}, "priority": 2**31 - 1}
            ids[status] = client.post("/jobs", json=body).json()["id"]
            if status != "PENDING":
                client.post(f"/jobs/{ids[status]}/process")
        client.post(f"/jobs/{ids['COMPLETED']}/complete", json={"result": {HOSTILE: [1, None]}})
        client.post(f"/jobs/{ids['FAILED']}/fail", params={"reason": HOSTILE})
    return ids


def lease(server: Server) -> dict[str, str]:
    """A job that a worker holds, one that waits for its next attempt, and one that was run again; their ids."""
    with http.Client(base_url=server.url) as client:
        held, tried, again = (client.post("/jobs", json={"type": HOSTILE}).json()["id"] for _ in range(3))
        params = {"lease": "600", "worker": HOSTILE, "attempts": "3"}
        tokens = {
            job_id: client.post(f"/jobs/{job_id}/process", params=params).json()["token"] for job_id in (held, tried)
        }
        client.post(
            f"/jobs/{held}/heartbeat", params={"token": tokens[held]}, json={"progress": 42, "message": HOSTILE}
        )
        failed = {"token": tokens[tried], "retry_in": "600", "reason": f"{HOSTILE}\n{HOSTILE}"}
        client.post(f"/jobs/{tried}/fail", params=failed)
        client.post(f"/jobs/{again}/fail")
        client.post(f"/jobs/{again}/retry")
    return {"held": held, "tried": tried, "again": again}


def pause(server: Server) -> str:
    """Claims are paused, with hostile text as the reason; the id of a job that waits."""
    with http.Client(base_url=server.url) as client:
        client.post("/queue/pause", json={"reason": HOSTILE})
        job_id: str = client.post("/jobs", json={"type": HOSTILE}).json()["id"]
    return job_id


def choose_two(page: Page) -> None:
    for box in page.locator("td.pick input").all()[:2]:
        box.check()


def open_numbers(page: Page) -> None:
    page.get_by_text("The numbers of the charts").click()


def open_new(page: Page) -> None:
    page.locator("#new").click()
    page.get_by_role("button", name="Create job").click()
    expect(page.get_by_text("A job needs a type")).to_be_visible()


def create_nothing(page: Page) -> None:
    """Without JavaScript's dialog: the page itself is posted."""
    page.get_by_label("Payload").fill("[1]")
    page.get_by_label("Priority").fill("-1")
    page.evaluate("document.querySelector('main form').submit()")
    expect(page.get_by_text("A job needs a type")).to_be_visible()


def open_fail(page: Page) -> None:
    page.locator("#board tbody").get_by_role("link", name="Fail").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def open_fail_of_the_job(page: Page) -> None:
    page.locator("#job").get_by_role("link", name="Fail").click()
    expect(page.get_by_role("dialog")).to_contain_text("will be told that it lost it")


def run_again(page: Page) -> None:
    page.get_by_role("button", name="Run again").click()
    expect(page.locator(".toast")).to_contain_text("Runs again as")
    keep_the_toast(page)


def open_fail_and_be_refused(page: Page) -> None:
    open_fail(page)
    there = "'/dashboard/fragments/jobs/' + crypto.randomUUID() + '/fail'"
    page.evaluate(f"document.querySelector('#ask form').dataset.hxPost = {there}")
    page.get_by_role("button", name="Fail job").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Job not found")


def open_complete_with_an_error(page: Page) -> None:
    page.locator("#board tbody").get_by_role("link", name="Complete").first.click()
    page.get_by_role("dialog").get_by_label("Result").fill("[1]")
    page.get_by_role("button", name="Complete job").click()
    expect(page.get_by_role("dialog").locator("#result-error")).to_contain_text("must be a JSON object")


def open_keys(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def claim(page: Page) -> None:
    page.locator("#claim").click()
    expect(page.locator(".toast")).to_be_visible()
    keep_the_toast(page)


def keep_the_toast(page: Page) -> None:
    """One that has the focus does not disappear by itself."""
    page.locator(".toast .close").focus()


def lose(page: Page) -> None:
    """What a page shows whose job was deleted; the job itself is needed by other states."""
    gone = "{hxGet: '/dashboard/fragments/jobs/' + crypto.randomUUID(), tag: 'another'}"
    page.evaluate(f"Object.assign(document.getElementById('job').dataset, {gone})")
    expect(page.get_by_role("heading", name="This job is gone")).to_be_visible()


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in_wrongly(page: Page) -> None:
    sign_in(page, "vera", "wrong-password")
    expect(page.get_by_text("The name or the password is wrong")).to_be_visible()


def sign_in_as_a_viewer(page: Page) -> None:
    sign_in(page, "vera", "only-looks-on")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.locator("#claim, #new, #board td.actions > *")).to_have_count(0)


def sign_in_as_an_operator(page: Page) -> None:
    sign_in(page, "ada", "press-the-button")
    expect(page.locator("#new")).to_be_visible()


ON_THE_WAY = "action=retry&status=FAILED&key=0190a5d2-0000-7000-8000-000000000000&of=12345&done=678&skipped=9"

EMPTY_STATES: States = {
    "an empty overview": ("/dashboard/overview", None),
    "an empty database": ("/dashboard/", None),
    "an empty queue": ("/dashboard/queue", None),
    "no workers": ("/dashboard/workers", None),
    "no activity": ("/dashboard/activity", None),
    "nothing to run again": ("/dashboard/bulk?action=retry&status=FAILED", None),
    "a claim of nothing": ("/dashboard/queue", claim),
    "the API": ("/docs", None),
}
STATES: States = {
    "jobs": ("/dashboard/", None),
    "jobs of a status": ("/dashboard/?status=FAILED", None),
    "a search": ("/dashboard/?q=x&type=%3C", None),
    "a search that finds nothing": ("/dashboard/?q=nothing", None),
    "the end of the list": ("/dashboard/?before=1", None),
    "choosing jobs": ("/dashboard/?choose=1", choose_two),
    "the overview": ("/dashboard/overview", None),
    "the numbers of the overview's charts": ("/dashboard/overview?last=7d", open_numbers),
    "running all again": ("/dashboard/bulk?action=retry&status=FAILED", None),
    "changing the priority of all": ("/dashboard/bulk?action=priority&status=PENDING", None),
    "calling all off": ("/dashboard/bulk?action=fail&status=PENDING", None),
    "running all again, on the way": (f"/dashboard/bulk?{ON_THE_WAY}&after=1-99999", None),
    "all have run again": (f"/dashboard/bulk?{ON_THE_WAY}&is_done=1", None),
    "an unknown status": ("/dashboard/?status=BOGUS", None),
    "a new job with errors": ("/dashboard/", open_new),
    "failing a job": ("/dashboard/", open_fail),
    "failing a job in vain": ("/dashboard/", open_fail_and_be_refused),
    "completing a job with an error": ("/dashboard/", open_complete_with_an_error),
    "the keys": ("/dashboard/", open_keys),
    "a toast": ("/dashboard/", claim),
    "the form as a page": ("/dashboard/jobs/new", None),
    "the form as a page, with errors": ("/dashboard/jobs/new", create_nothing),
    "the question as a page": ("/dashboard/jobs/{RUNNING}/fail", None),
    "completing as a page": ("/dashboard/jobs/{RUNNING}/complete", None),
    "a question too late": ("/dashboard/jobs/{FAILED}/fail", None),
    "the queue": ("/dashboard/queue", None),
    "no such page": ("/dashboard/nope", None),
    "a deleted job": ("/dashboard/jobs/{RUNNING}", lose),
    "a PENDING job": ("/dashboard/jobs/{PENDING}", None),
    "a RUNNING job": ("/dashboard/jobs/{RUNNING}", None),
    "a COMPLETED job": ("/dashboard/jobs/{COMPLETED}", None),
    "a FAILED job": ("/dashboard/jobs/{FAILED}", None),
}

LEASED_STATES: States = {
    "jobs with leases": ("/dashboard/", None),
    "a queue with jobs for later": ("/dashboard/queue", None),
    "the workers": ("/dashboard/workers", None),
    "a leased job": ("/dashboard/jobs/{held}", None),
    "failing a leased job": ("/dashboard/jobs/{held}", open_fail_of_the_job),
    "completing a leased job": ("/dashboard/jobs/{held}/complete", None),
    "a job between two attempts": ("/dashboard/jobs/{tried}", None),
    "a job that was run again": ("/dashboard/jobs/{again}", None),
    "running a job again": ("/dashboard/jobs/{again}", run_again),
}

PAUSED_STATES: States = {
    name: (path, None)
    for name, path in {
        "paused jobs": "/dashboard/",
        "a paused overview": "/dashboard/overview",
        "a paused queue": "/dashboard/queue",
        "paused workers": "/dashboard/workers",
        "a job while claims are paused": "/dashboard/jobs/{job}",
        "a form while claims are paused": "/dashboard/jobs/new",
        "the form that pauses": "/dashboard/pause",
    }.items()
}

# Where people sign in. In this order: the viewer's pages need the viewer's session.
STATES_WITH_USERS: States = {
    "signing in": ("/sign-in", None),
    "signing in with an error": ("/sign-in", sign_in_wrongly),
    "a viewer's jobs": ("/sign-in", sign_in_as_a_viewer),
    "a viewer's queue": ("/dashboard/queue", None),
    "a viewer's workers": ("/dashboard/workers", None),
    "a viewer's activity": ("/dashboard/activity", None),
    "a viewer's overview": ("/dashboard/overview", None),
    "a viewer's RUNNING job": ("/dashboard/jobs/{RUNNING}", None),
    "what a viewer may not do": ("/dashboard/jobs/new", None),
    "an operator's jobs": ("/sign-in", sign_in_as_an_operator),
    "the activity": ("/dashboard/activity", None),
    "a part of the activity": ("/dashboard/activity?who=ada&action=sign_in", None),
    "no activity of this kind": ("/dashboard/activity?who=nobody", None),
}


@pytest.mark.parametrize(
    ("states", "make_jobs"),
    [(EMPTY_STATES, None), (STATES, make), (LEASED_STATES, lease)],
    ids=["without jobs", "with jobs", "with workers"],
)
def test_nothing_is_wrong_with_any_state_at_any_width_in_either_theme_or_on_paper(
    open_page: OpenPage, server: Server, states: States, make_jobs: Callable[[Server], dict[str, str]] | None
) -> None:
    ids = make_jobs(server) if make_jobs else {}
    assert faults(open_page(), states, ids) == {}


def test_nothing_is_wrong_while_claims_are_paused(open_page: OpenPage, server: Server) -> None:
    job_id = pause(server)
    try:
        assert faults(open_page(), PAUSED_STATES, {"job": job_id}) == {}
    finally:
        http.post(f"{server.url}/queue/resume")


def test_nothing_is_wrong_where_people_sign_in(
    start_server: Callable[..., Server], sqlite_url: str, open_page: OpenPage
) -> None:
    server = start_server(sqlite_url, USERS=USERS, TOKENS="script:operator:a-token-for-a-script")
    page = open_page(f"{server.url}/sign-in", base_url=server.url)
    assert faults(page, STATES_WITH_USERS, make(server, SCRIPT)) == {}


def test_what_one_can_press_is_at_least_24_pixels_in_each_direction(open_page: OpenPage, server: Server) -> None:
    ids = make(server) | lease(server)
    page = open_page(viewport={"width": 320, "height": 800})
    for path in ("/dashboard/", f"/dashboard/jobs/{ids['PENDING']}", "/dashboard/queue", "/dashboard/workers"):
        page.goto(path)
        small = page.evaluate(
            """() => [...document.querySelectorAll("a, button, input, select, summary")]
                .filter((element) => element.checkVisibility() && !element.matches(".skip, p a, dd a, li a"))
                .map((element) => [element.outerHTML.slice(0, 90), element.getBoundingClientRect()])
                .filter(([, box]) => box.width < 24 || box.height < 24)
                .map(([html]) => html)"""
        )
        assert small == [], path


def create_by_keys(page: Page) -> Locator:
    """The row of a job that the keyboard alone has made."""
    page.keyboard.press("n")
    expect(page.get_by_role("dialog").get_by_label("Type")).to_be_focused()
    page.keyboard.type("by_hand")
    page.keyboard.press("Enter")
    row = page.locator("#board tbody tr", has_text="by_hand")
    expect(row).to_contain_text("PENDING")
    return row


def test_the_keyboard_alone_takes_a_job_through_its_life(open_page: OpenPage) -> None:
    page = open_page()
    press = page.keyboard.press
    row = create_by_keys(page)
    expect(page.get_by_role("dialog")).to_be_hidden()
    press("c")
    expect(row).to_contain_text("RUNNING")
    press("j")
    expect(row.locator(".what a")).to_be_focused()
    press("Tab")
    expect(row.get_by_role("link", name="Complete")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Result")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(row).to_contain_text("COMPLETED")
    expect(row.locator(".what a")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("by_hand")


def test_the_keyboard_alone_starts_and_fails_a_job(open_page: OpenPage) -> None:
    page = open_page()
    press = page.keyboard.press
    row = create_by_keys(page)
    press("j")
    press("Tab")
    expect(row.get_by_role("button", name="Start")).to_be_focused()
    press("Enter")
    expect(row).to_contain_text("RUNNING")
    expect(row.locator(".what a")).to_be_focused()
    press("Tab")
    press("Tab")
    expect(row.get_by_role("link", name="Fail")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    page.keyboard.type("out of paper")
    press("Enter")
    expect(row).to_contain_text("FAILED")


def test_the_keys_search_walk_and_tell_of_themselves_but_not_while_one_types(
    open_page: OpenPage, server: Server
) -> None:
    make(server)
    page = open_page()
    links = page.locator("#board .what a")
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        expect(links.nth(place)).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("n?c")
    expect(page.get_by_label("Search")).to_have_value("n?c")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.locator("#help").click()
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_single_keys_are_switched_off_and_on_and_it_is_remembered(open_page: OpenPage, server: Server) -> None:
    make(server)
    page = open_page()
    switch = page.get_by_role("checkbox", name="Single-key shortcuts")
    page.keyboard.press("?")
    expect(switch).to_be_checked()
    switch.press("Space")
    page.keyboard.press("Escape")
    for _ in range(2):
        page.evaluate("document.activeElement.blur()")
        for key in ("?", "n", "c", "j", "/"):
            page.keyboard.press(key)
            expect(page.locator("dialog[open], .toast, #board :focus, .filter :focus")).to_have_count(0)
        page.reload()
    page.locator("#help").click()
    expect(switch).not_to_be_checked()
    switch.check()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator("#board .what a").first).to_be_focused()


def test_single_keys_are_switched_off_where_nothing_can_be_saved(open_page: OpenPage) -> None:
    page = open_page()
    page.add_init_script(
        "delete window.localStorage; Object.defineProperty(window, 'localStorage', {get() { throw 1 }})"
    )
    page.reload()
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("n")
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_key_claims_no_job_while_a_control_has_the_focus(open_page: OpenPage, server: Server) -> None:
    make(server)
    page = open_page()
    claims: list[Request] = []
    page.on("request", lambda request: claims.append(request) if request.method == "POST" else None)
    for control in ("#new", "#claim", "#board .what a", "#board th a", "#board td button", "#filter-status", "#theme"):
        page.locator(control).first.focus()
        page.keyboard.press("c")
    page.locator("#board .what a").first.focus()
    page.keyboard.press("n")  # which changes nothing yet
    expect(page.get_by_role("dialog").get_by_label("Type")).to_be_focused()
    assert claims == []


def test_one_who_wants_no_motion_gets_none(open_page: OpenPage, server: Server) -> None:
    make(server)
    page = open_page(reduced_motion="reduce")
    claim(page)
    assert page.evaluate("document.getAnimations().length") == 0


def test_nothing_but_the_theme_and_the_keys_is_saved_in_the_browser(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#theme").click()
    assert page.evaluate("Object.keys(localStorage)") == ["theme"]
    open_keys(page)
    page.get_by_label("Single-key shortcuts").uncheck()
    assert page.evaluate("Object.keys(localStorage).sort()") == ["keys", "theme"]
    assert page.context.cookies() == []


@pytest.mark.parametrize("javascript", [True, False])
def test_the_address_keeps_the_search(open_page: OpenPage, server: Server, javascript: bool) -> None:
    make(server)
    http.post(f"{server.url}/jobs", json={"type": "needle", "payload": {"hay": "stack"}})
    page = open_page(java_script_enabled=javascript)
    page.get_by_label("Search").fill("STACK")
    page.get_by_label("Search").press("Enter")
    rows = page.locator("#board tbody tr")
    expect(rows).to_have_count(1)
    assert "q=STACK" in page.url
    page.reload()
    expect(rows).to_have_count(1)
    page.go_back()
    expect(rows).to_have_count(5)


def test_copy_puts_the_curl_line_into_the_clipboard(open_page: OpenPage, server: Server) -> None:
    job_id = make(server)["RUNNING"]
    page = open_page(f"/dashboard/jobs/{job_id}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as curl: complete").click()
    expect(page.locator(".toast")).to_contain_text("Copied")
    line = page.evaluate("navigator.clipboard.readText()")
    assert line.startswith("curl -X POST -H 'Content-Type: application/json'")
    assert line.endswith(f"/jobs/{job_id}/complete")
