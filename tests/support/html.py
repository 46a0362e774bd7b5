"""What a test reads off a page."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from flask.testing import FlaskClient

TICKING = re.compile(r'(data-age|data-(?:since|until)="[^"]+")>[^<]*<')  # the text that depends on when one asks
NOW = re.compile(r'data-now="[^"]*"|<time data-now[^>]*>[^<]*</time>')  # the server's time, and that of a print-out


def create(client: FlaskClient, **body: Any) -> str:
    job_id: str = client.post("/jobs", json={"type": "resize", **body}).get_json()["id"]
    return job_id


def page(client: FlaskClient, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert (answer.status_code, answer.mimetype) == (status, "text/html"), url
    return answer.text


def still(html: str) -> str:
    return TICKING.sub(r"\1><", html)


def timeless(html: str) -> str:
    """The page without what it tells of the time of the request."""
    return NOW.sub("", still(html))


def rows(html: str) -> dict[str, str]:
    """The rows of the jobs' table by their jobs' ids, in the order shown."""
    return dict(re.findall(r'<tr id="job-([^"]+)">(.*?)</tr>', html, re.DOTALL))


def counters(html: str) -> dict[str, int]:
    found = re.findall(r'<span class="badge \w+">(\w+)</span> <b>([\d,]+)</b>', html)
    return {status: int(number.replace(",", "")) for status, number in found}


def walk(client: FlaskClient, url: str, rel: str) -> Iterator[tuple[str, list[str]]]:
    """Each page's URL and jobs, along its links of one kind."""
    while url:
        html = page(client, url)
        yield url, list(rows(html))
        link = re.search(rf'<a href="([^"]+)" rel="{rel}">', html)
        url = unescape(link[1]) if link else ""
