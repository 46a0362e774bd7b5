"""Pages in a real Chromium while jobs come and go."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from tests.support import http
from tests.support.server import Server

OpenPage = Callable[..., Page]


def create(server: Server, type: str = "resize", **body: object) -> str:  # noqa: A002
    job_id: str = http.post(f"{server.url}/jobs", json={"type": type, **body}).json()["id"]
    return job_id


@contextmanager
def busy(server: Server) -> Iterator[None]:
    """Jobs are created and finished at 50 a second."""
    stop = threading.Event()

    def run() -> None:
        with http.Client(base_url=server.url) as client:
            while not stop.wait(1 / 50):
                client.post("/jobs", json={"type": "busy"})
                job = client.post("/jobs/claim").json()
                client.post(f"/jobs/{job['id']}/complete")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def refreshes(page: Page, times: int = 2, element: str = "board") -> None:
    """Have the element refresh itself with something new, so often, sooner than it would by itself."""
    for _ in range(times):
        with page.expect_response(lambda answer: f"/fragments/{element}" in answer.url and answer.status == 200):
            page.evaluate("htmx.trigger(document.querySelector('.live'), 'every', {}, false)")
    expect(page.locator(".live")).not_to_have_class("htmx-request")


def watch_shifts(page: Page) -> None:
    """Have the page keep each layout shift from now on in window.shifts, also those after a key or a click."""
    page.evaluate(
        """() => {
            window.shifts = [];
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries())
                    window.shifts.push([entry.value, entry.hadRecentInput, ...entry.sources.map(({node}) =>
                        (node?.parentElement ?? node)?.outerHTML.slice(0, 80))]);
            }).observe({type: "layout-shift"});
        }"""
    )
