"""How pages fit: nothing covers anything else at any width or on paper, and a row stays a row to a screen reader."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support import http
from tests.support.fit import misfits_at_any_width, misfits_on_paper
from tests.support.pages import OpenPage, create
from tests.support.server import Server


@pytest.fixture
def jobs(server: Server) -> Server:
    """One of each status, with a long type, a long payload and the highest priority."""
    with http.Client(base_url=server.url) as client:
        for name in ("send_email", "w" * 60, "image_resize", "build_report", "purge_cache"):
            body = {"type": name, "payload": {"to": "x" * 200}, "priority": 2_147_483_647}
            client.post("/jobs", json=body)
        client.post("/jobs", json={"type": "later", "run_at": 3_600})
        for end in ("", "/complete", "/fail"):
            job_id = client.post("/jobs/claim").json()["id"]
            if end:
                client.post(f"/jobs/{job_id}{end}")
        client.post("/jobs/claim?lease=600&worker=mill-3")
    return server


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/?q=x", "/dashboard/queue", "/dashboard/workers"])
def test_nothing_covers_anything_else_at_any_width_or_on_paper(open_page: OpenPage, jobs: Server, path: str) -> None:
    page = open_page(path)
    assert misfits_at_any_width(page) == {}
    assert misfits_on_paper(page) == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/dashboard/", "All jobs, the newest first"),
        (
            "/dashboard/?status=FAILED&type=send&q=a+%E2%80%AEb&sort=oldest",
            "The jobs that are FAILED, with a type that begins with send, with the text a \\u202eb, the oldest first",
        ),
        ("/dashboard/?type=send", "The jobs that are of any status, with a type that begins with send"),
        ("/dashboard/queue", ""),
        ("/dashboard/overview", ""),
        ("/dashboard/bulk?action=retry&status=FAILED", "The jobs that are FAILED"),
    ],
)
def test_paper_tells_the_filter_and_when_it_was_printed_and_has_no_button(
    open_page: OpenPage, jobs: Server, path: str, says: str
) -> None:
    page = open_page(path)
    assert not page.locator(".on-paper").first.is_visible()
    page.emulate_media(media="print")
    expect(page.locator("main")).to_contain_text(says, use_inner_text=True)
    expect(page.locator(".on-paper").first).to_have_text(re.compile(r"As of 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"))
    printed = page.locator("time[data-now]").get_attribute("datetime")
    expect(page.locator("time[data-now]")).not_to_have_attribute("datetime", printed or "")
    pressable = page.locator("button, .button, input, select, textarea")
    assert not pressable.evaluate_all("all => all.some((each) => each.checkVisibility())")


@pytest.mark.parametrize("query", ["", "?q=send"])
def test_the_first_row_begins_at_180_pixels(open_page: OpenPage, jobs: Server, query: str) -> None:
    page = open_page(f"/dashboard/{query}", viewport={"width": 1440, "height": 900})
    box = page.locator("#board tbody tr").first.bounding_box()
    assert box
    assert (box["y"], 36 <= box["height"] <= 44) == (180, True)


def test_a_long_type_is_cut_at_two_lines_and_its_row_is_as_high_as_others(open_page: OpenPage, server: Server) -> None:
    for kind in ("t" * 100, "two words " * 9, "short"):
        create(server, kind)
    page = open_page(viewport={"width": 1440, "height": 900})
    rows = page.locator("#board tbody tr")
    boxes = [row.bounding_box() for row in rows.all()]
    assert all(box and 36 <= box["height"] <= 44 for box in boxes)
    expect(rows.locator("td.what code")).to_have_count(3)
    assert all(code.is_visible() for code in rows.locator("td.what code").all())


def test_what_stands_in_a_row_stands_on_one_baseline(open_page: OpenPage, jobs: Server) -> None:
    page = open_page(viewport={"width": 1440, "height": 900})
    baselines = page.locator("#board tbody tr:not(:has(.note))").first.evaluate(
        """(row) => [...row.querySelectorAll("td.what b, td.what code, td.preview code, td.priority, td.age time")]
            .map((element) => {
                const mark = document.createElement("span");
                mark.style.display = "inline-block";
                element.prepend(mark);
                const {bottom} = mark.getBoundingClientRect();
                mark.remove();
                return bottom;
            })"""
    )
    assert len(baselines) == 5
    assert max(baselines) - min(baselines) <= 1


@pytest.mark.parametrize("query", ["", "?status=FAILED"])
def test_a_row_has_two_lines_on_a_phone(open_page: OpenPage, jobs: Server, query: str) -> None:
    for width in (320, 390):
        page = open_page(f"/dashboard/{query}", viewport={"width": width, "height": 800})
        heights = page.locator("#board tbody tr").evaluate_all("all => all.map((each) => each.offsetHeight)")
        assert max(heights) <= 76


def names(page: Page, role: str) -> list[str]:
    """The names of all elements of this role in the tree that the browser gives to a screen reader."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return [
        node["name"]["value"]
        for node in nodes
        if not node["ignored"] and node.get("role", {}).get("value") == role and "name" in node
    ]


@pytest.mark.parametrize("width", [1440, 960, 768, 390, 320])
def test_a_screen_reader_has_the_headers_and_the_cells_at_every_width(
    open_page: OpenPage, jobs: Server, width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    headers = ["Status", "Type", "Payload", "Priority", "Age ↑", "Waited", "Ran", "Actions"]
    assert names(page, "columnheader") == headers
    rows = page.locator("#board tbody tr").count()
    assert len(names(page, "row")) == rows + 1
    page.goto("/dashboard/?status=FAILED")
    assert names(page, "columnheader") == [*headers[:2], "Reason", *headers[3:5], "Failed", *headers[6:]]
    page.goto("/dashboard/queue")
    expected = ["Place", "Job", "Payload", "Priority", "Waited", "Turn in about"]
    assert names(page, "columnheader")[: len(expected)] == expected
    page.goto("/dashboard/workers")
    assert names(page, "columnheader") == ["Job", "Progress", "Runs", "Last heard", "Lease holds"]
    http.post(f"{jobs.url}/dashboard/claim")  # by a person
    page.goto("/dashboard/activity")
    assert names(page, "columnheader") == ["When", "Who", "Did", "What", "By way of"]


def test_each_action_is_named_for_its_job_and_the_sorted_column_says_so(open_page: OpenPage, jobs: Server) -> None:
    page = open_page()
    actions = page.locator("td.actions :is(a, button)").evaluate_all("all => all.map((each) => each.ariaLabel)")
    assert len(actions) == len(set(actions)) > 5
    assert all(label.split()[0] in ("Start", "Fail", "Complete", "Run") for label in actions)
    age = page.locator("#board th", has_text="Age")
    assert age.get_attribute("aria-sort") == "ascending"
    age.get_by_role("link").click()
    page.wait_for_url("**/*sort=oldest*")
    assert page.locator("#board th", has_text="Age").get_attribute("aria-sort") == "descending"


def test_without_colours_what_is_current_can_be_told(open_page: OpenPage, jobs: Server) -> None:
    page = open_page("/dashboard/?status=PENDING", forced_colors="active")
    look = "(each) => getComputedStyle(each).backgroundColor"
    for group in (".counters a", ".topbar nav a"):
        current = page.locator(f"{group}[aria-current]").evaluate(look)
        others = page.locator(f"{group}:not([aria-current])").evaluate_all(f"all => all.map({look})")
        assert current not in others
    dot = "getComputedStyle(document.getElementById('live'), '::before').backgroundColor"
    assert page.evaluate(dot) != page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_placeholder_can_be_read(open_page: OpenPage, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    ratio = page.evaluate(
        """() => {
            const field = document.querySelector("input[type=search]");
            const light = (colour) => {
                const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
                    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const pair = [getComputedStyle(field, "::placeholder").color, getComputedStyle(field).backgroundColor];
            const [low, high] = pair.map(light).sort((a, b) => a - b);
            return (high + 0.05) / (low + 0.05);
        }"""
    )
    assert ratio >= 4.5


def test_a_page_has_one_first_heading_also_under_a_dialog(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#new").click()
    page.get_by_role("dialog").wait_for()
    assert page.locator("h1").count() == 1


def test_a_type_in_arabic_leaves_the_id_beside_it_as_it_is(open_page: OpenPage, server: Server) -> None:
    job_id = http.post(f"{server.url}/jobs", json={"type": "\u0639\u0631\u0628\u064a 1-2"}).json()["id"]
    page = open_page(f"/dashboard/jobs/{job_id}")
    places = page.locator("h1").evaluate(
        """(title) => {
            const left = (node, at) => {
                const range = document.createRange();
                range.setStart(node, at);
                range.setEnd(node, at + 1);
                return range.getBoundingClientRect().left;
            };
            const id = title.querySelector("code").firstChild;
            return [title.querySelector("bdi").getBoundingClientRect().right - 1,
                ...[...id.data].map((_, at) => left(id, at))];
        }"""
    )
    assert places == sorted(places)
    assert page.title().startswith("\u2068\u0639\u0631\u0628\u064a 1-2\u2069 " + job_id[-8:])


def test_a_control_that_turns_text_around_is_seen_and_turns_nothing(open_page: OpenPage, server: Server) -> None:
    job_id = http.post(f"{server.url}/jobs", json={"type": "\u202eevil"}).json()["id"]
    for path in ("/dashboard/", f"/dashboard/jobs/{job_id}", "/dashboard/queue"):
        page = open_page(path)
        expect(page.locator("bdi").first).to_have_text("\\u202eevil")


@pytest.mark.parametrize(
    "path", ["/dashboard/jobs/{}", "/dashboard/workers", "/dashboard/overview", "/dashboard/activity"]
)
def test_without_colours_dots_marks_and_the_current_page_are_to_be_seen(
    open_page: OpenPage, jobs: Server, path: str
) -> None:
    page = open_page(path.format(http.get(f"{jobs.url}/jobs?status=FAILED").json()[0]["id"]), forced_colors="active")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    dots = page.locator(".timeline li, .key, #live:not([hidden])").evaluate_all(
        """all => all.map((each) => getComputedStyle(each, "::before"))
            .map((dot) => [dot.backgroundColor, dot.borderTopColor, dot.backgroundImage])"""
    )
    assert [ground, ground, "none"] not in dots
    look = "all => all.map((each) => getComputedStyle(each).backgroundColor)"
    assert ground not in page.locator("[aria-current]").evaluate_all(look)


def test_each_text_that_can_be_scrolled_has_a_role_for_its_name(open_page: OpenPage, jobs: Server) -> None:
    job_id = http.get(f"{jobs.url}/jobs?status=PENDING").json()[-1]["id"]
    page = open_page(f"/dashboard/jobs/{job_id}")
    expect(page.get_by_role("group", name="Payload").locator("code")).to_be_visible()
    assert page.locator("pre[aria-labelledby]:not([role])").count() == 0
