"""Times on a page: as the server writes them, going on, and local."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from dashboard.web.filters import age, lasted, left
from tests.support import http
from tests.support.pages import OpenPage, create
from tests.support.server import Server

SPANS = [0, 1, 84, 999, 1_000, 1_001, 3_299, 9_999, 10_000, 59_999, 60_000, 65_000, 3_599_999, 3_600_000, 9_060_000]
SPANS += [86_399_999, 86_400_000, 93_600_000, 10**9, 10**11]


@pytest.mark.parametrize("name", ["age", "lasted", "left"])
def test_the_script_and_the_server_write_a_span_alike(open_page: OpenPage, name: str) -> None:
    page = open_page()
    shown = page.evaluate(
        """async ([name, spans]) => {
            const clock = await import(document.querySelector("script[src$='clock.mjs']").src);
            return spans.map(clock[name]);
        }""",
        [name, SPANS],
    )
    write = {"age": age, "lasted": lasted, "left": left}[name]
    assert shown == [write(timedelta(milliseconds=span)) for span in SPANS]


def test_waiting_goes_on_until_the_job_runs_and_then_running_does(open_page: OpenPage, server: Server) -> None:
    job_id = create(server)
    page = open_page()
    waited, ran = (page.locator(f"#job-{job_id} .{name}") for name in ("waited", "ran"))
    expect(ran).to_have_text("")
    expect(waited).not_to_have_text(waited.inner_text())
    http.post(f"{server.url}/jobs/{job_id}/process")
    expect(ran).to_have_text(re.compile(r"\d m?s"))
    expect(ran).not_to_have_text(ran.inner_text())
    stays = waited.inner_text()
    http.post(f"{server.url}/jobs/{job_id}/complete")
    expect(page.locator(f"#job-{job_id}")).to_contain_text("COMPLETED")
    assert waited.inner_text() == stays
    assert page.locator(f"#job-{job_id} [data-since]").count() == 0


@pytest.mark.parametrize(
    ("zone", "ahead", "name"),
    [
        ("UTC", timedelta(), "UTC"),
        ("Asia/Kolkata", timedelta(hours=5, minutes=30), "UTC+5:30"),
        ("America/Phoenix", timedelta(hours=-7), "UTC-7"),
    ],
)
def test_a_time_is_local_to_the_millisecond_and_in_utc_in_its_title(
    open_page: OpenPage, server: Server, zone: str, ahead: timedelta, name: str
) -> None:
    job_id = create(server)
    created = datetime.fromisoformat(http.get(f"{server.url}/jobs/{job_id}").json()["created_at"])
    time = open_page(f"/dashboard/jobs/{job_id}", timezone_id=zone).locator(".timeline time").first
    milliseconds = f"{created.microsecond // 1_000:03}"
    expect(time).to_have_text(f"{created + ahead:%Y-%m-%d %H:%M:%S}.{milliseconds} {name}")
    expect(time).to_have_attribute("title", f"{created:%Y-%m-%d %H:%M:%S}.{milliseconds} UTC")


def test_without_javascript_a_time_is_in_utc(open_page: OpenPage, server: Server) -> None:
    page = open_page(f"/dashboard/jobs/{create(server)}", timezone_id="Asia/Kolkata", java_script_enabled=False)
    expect(page.locator(".timeline time").first).to_have_text(
        re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC$")
    )
