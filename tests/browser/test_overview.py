"""Three in the morning: eight questions, each answered on the first or the second screen, and as the table says."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import http
from tests.support.fit import States, faults
from tests.support.pages import busy, refreshes, watch_shifts
from tests.support.server import ROOT, Server, StartServer, environment
from tests.support.waiting import eventually

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def night(
    start_lasting_server: StartServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Server, Callable[[str], Any]]:
    """A server over the history that `flask jobs demo` makes, and a query of its database."""
    file = tmp_path_factory.mktemp("night") / "jobs.db"
    env = {**environment(), "DATABASE_URL": f"sqlite:///{file}"}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "jobs", "demo"]
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=60)
    server = start_lasting_server(env["DATABASE_URL"])

    def query(statement: str) -> Any:
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute(statement).fetchall()

    eventually(lambda: query('SELECT count(*) FROM uncounted WHERE "after" < "until"') == [(0,)], "all is counted")
    return server, query


@pytest.fixture
def overview(night: tuple[Server, Callable[[str], Any]], open_page: OpenPage) -> Page:
    server, _ = night
    return open_page(f"{server.url}/dashboard/overview", base_url=server.url)


@pytest.fixture
def query(night: tuple[Server, Callable[[str], Any]]) -> Callable[[str], Any]:
    return night[1]


def open_numbers(page: Page) -> None:
    page.get_by_text("The numbers of the charts").click()


NIGHT_STATES: States = {
    "the overview": ("/dashboard/overview", None),
    "the numbers of the charts": ("/dashboard/overview?last=24h", open_numbers),
    "the jobs": ("/dashboard/", None),
    "the failed ones": ("/dashboard/?status=FAILED", None),
    "those that run": ("/dashboard/?status=RUNNING", None),
    "the queue": ("/dashboard/queue", None),
    "running many again": ("/dashboard/bulk?action=retry&status=FAILED", None),
}


def number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def test_is_it_healthy(overview: Page) -> None:
    verdict = overview.locator(".verdict")
    expect(verdict).to_contain_text("Needs attention")
    expect(verdict.get_by_role("link")).to_contain_text(
        [re.compile("5 jobs run far longer"), re.compile("webhook_deliver fails since"), re.compile("backlog grows")]
    )


def test_what_runs_too_long_and_who_holds_it(overview: Page, query: Callable[[str], Any]) -> None:
    rows = overview.get_by_role("region", name="Running too long").locator("tbody tr")
    expect(rows).to_have_count(5)
    oldest = query("SELECT id FROM jobs WHERE status = 'RUNNING' ORDER BY started_at LIMIT 1")[0][0]
    expect(rows.first.get_by_role("link").first).to_have_attribute("href", f"/dashboard/jobs/{oldest}")
    told = rows.evaluate_all("all => all.map((row) => row.querySelector('a').href.split('/').pop())")
    overview.get_by_role("link", name="5 jobs run far longer").click()
    marked = overview.locator("#board tbody tr:has(.late)")
    expect(marked).to_have_count(5)
    assert marked.evaluate_all("all => all.map((row) => row.id.replace('job-', ''))") == told
    assert re.fullmatch(r"usual \d+ s", marked.first.locator(".late").inner_text())


def test_who_holds_it(overview: Page, night: tuple[Server, Callable[[str], Any]]) -> None:
    server, _ = night
    held = http.post(f"{server.url}/jobs/claim?lease=600&worker=mill-3").json()
    overview.get_by_role("link", name="Running", exact=True).click()
    row = overview.locator(f"#job-{held['id']}")
    expect(row).to_contain_text("mill-3, attempt 1 of 1")
    overview.get_by_role("link", name="Workers").click()
    expect(overview.locator("tbody.worker, tbody:has(th)").filter(has_text="mill-3").first).to_be_visible()
    http.post(f"{server.url}/jobs/{held['id']}/complete", params={"token": held["token"]})


@pytest.mark.parametrize(("last", "hours"), [("1 h", 1), ("24 h", 24)])
def test_what_failed_how_often_why_and_since_when(
    overview: Page, query: Callable[[str], Any], last: str, hours: int
) -> None:
    overview.get_by_role("link", name=last).click()
    rows = overview.get_by_role("region", name="Failing").locator("tbody tr")
    first = rows.first
    expect(first).to_contain_text("webhook_deliver")
    told = number(first.locator("td").nth(2).inner_text())
    href = first.get_by_role("link").first.get_attribute("href")
    assert href
    first.get_by_role("link").first.click()
    expect(overview.get_by_role("status").filter(has_text="match")).to_contain_text(f"{told} match")
    key = query(
        "SELECT reason_key, count(*) FROM jobs WHERE status = 'FAILED' AND type = 'webhook_deliver' "
        f"AND completed_at > datetime('now', '-{hours} hours') GROUP BY reason_key ORDER BY 2 DESC LIMIT 1"
    )[0]
    assert told == key[1]


def test_which_type_is_slow(overview: Page) -> None:
    overview.get_by_role("link", name="24 h").click()
    rows = overview.get_by_role("region", name="By type").locator("tbody tr")
    expect(rows.filter(has_text="build_report")).to_contain_text("min")


def test_what_is_next_and_when(overview: Page) -> None:
    first = overview.get_by_role("region", name="Next").locator("tbody tr").first
    expect(first).to_contain_text("in about")
    job = (first.get_by_role("link").first.get_attribute("href") or "").rpartition("/")[2]
    server_url = overview.url.partition("/dashboard")[0]
    assert http.get(f"{server_url}/jobs/queue").json()[0]["job_id"] == job


def test_run_one_that_failed_again(overview: Page) -> None:
    overview.get_by_role("region", name="Failing").locator("tbody tr").first.get_by_role("link").first.click()
    overview.locator("#board tbody tr").first.get_by_role("button", name="Run again").click()
    expect(overview.locator(".toast")).to_contain_text("Runs again as")


def test_throughput_and_waiting_of_the_last_hour(overview: Page, query: Callable[[str], Any]) -> None:
    chart = overview.get_by_role("img", name=re.compile("In the last 1 h .* completed"))
    told = number(re.findall(r"h ([\d,]+) jobs", chart.get_attribute("aria-label") or "")[0])
    [(counted,)] = query(
        "SELECT count(*) FROM jobs WHERE status = 'COMPLETED' AND completed_at >= "
        "strftime('%Y-%m-%d %H:%M:00', 'now', '-59 minutes')"
    )
    assert abs(told - counted) <= counted / 20  # a minute may have begun between the two
    expect(overview.get_by_role("img", name=re.compile("95 % less than"))).to_be_visible()
    overview.get_by_text("The numbers of the charts").click()
    expect(overview.locator(".numbers tbody tr").first).to_be_visible()


def test_nothing_is_wrong_with_what_shows_a_night(overview: Page) -> None:
    assert faults(overview, NIGHT_STATES, {}) == {}


PHONE = {"has_touch": True, "is_mobile": True, "viewport": {"width": 390, "height": 800}}


@pytest.mark.parametrize(("options", "place"), [({}, 0), (PHONE, 500)], ids=["at a desk", "scrolled on a phone"])
def test_it_never_moves_and_takes_nothing_from_one_who_reads_it(
    night: tuple[Server, Callable[[str], Any]], open_page: OpenPage, options: dict[str, Any], place: int
) -> None:
    server, _ = night
    page = open_page(f"{server.url}/dashboard/overview?last=24h", base_url=server.url, **options)
    page.evaluate(f"scrollTo(0, {place})")
    link = page.get_by_role("region", name="Next").get_by_role("link").first
    page.get_by_role("region", name="Failing").locator("th").first.select_text()
    link.evaluate("(each) => each.focus({preventScroll: true})")
    watch_shifts(page)
    with busy(server):
        refreshes(page, 3, "overview")
    assert page.evaluate("window.shifts") == []
    assert page.evaluate("scrollY") == place
    assert page.evaluate("getSelection().toString()") == "Reason"
    expect(link).to_be_focused()


def test_the_overview_works_without_javascript(night: tuple[Server, Callable[[str], Any]], open_page: OpenPage) -> None:
    server, _ = night
    page = open_page(f"{server.url}/", base_url=server.url, java_script_enabled=False)
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    page.get_by_role("link", name="7 d").click()
    expect(page.get_by_role("region", name="Failing").locator("tbody tr").first).to_be_visible()


def test_what_runs_too_long_is_failed_from_there(overview: Page) -> None:
    rows = overview.get_by_role("region", name="Running too long").locator("tbody tr")
    last = rows.last.get_by_role("link").first.get_attribute("href")
    rows.last.get_by_role("link", name=re.compile("Fail.*image_resize")).click()
    dialog = overview.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("it hangs")
    dialog.get_by_role("button", name="Fail").click()
    expect(rows).to_have_count(4)
    overview.goto(last or "")
    expect(overview.locator(".reason")).to_contain_text("it hangs")
