"""The board: its counters and its table, page by page."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from dashboard.store import listing, selection, types
from tests.support.factory import make_job
from tests.support.html import counters, create, page, rows, walk


def test_an_empty_board_tells_how_to_create_the_first_job(client: FlaskClient) -> None:
    html = page(client, "/dashboard/")
    assert "No jobs yet" in html
    assert "http://localhost/jobs" in html


@pytest.mark.parametrize(("status", "says"), [("RUNNING", "All done"), ("FAILED", "Nothing matches")])
def test_a_filter_that_no_job_passes_says_so(client: FlaskClient, status: str, says: str) -> None:
    make_job()
    html = page(client, f"/dashboard/?status={status}")
    assert says in html
    assert not rows(html)


def test_the_counters_equal_the_table_and_the_summary(client: FlaskClient) -> None:
    for number, status in enumerate(JobStatus, start=1):
        for _ in range(number):
            make_job(status)
    html = page(client, "/dashboard/")
    shown = re.findall(r'class="badge \w+">(\w+)<', "".join(rows(html).values()))
    assert counters(html) == {status: shown.count(status) for status in JobStatus}
    assert counters(html) == {name.upper(): n for name, n in client.get("/jobs/summary").get_json().items()}


def test_the_counter_of_pending_jobs_tells_how_many_are_for_later(client: FlaskClient) -> None:
    assert "for later" not in page(client, "/dashboard/")
    for run_at in (None, 3_600, 7_200):
        create(client, run_at=run_at)
    html = page(client, "/dashboard/")
    assert counters(html)["PENDING"] == 3
    assert re.findall(r"([\d,]+) for later<", html) == ["2"]


@pytest.mark.parametrize("query", ["", "?status=PENDING", "?sort=oldest", "?status=PENDING&sort=oldest"])
def test_older_and_newer_lead_through_all_jobs_once_and_back(client: FlaskClient, query: str) -> None:
    jobs = [make_job(JobStatus.RUNNING if number % 9 == 0 else JobStatus.PENDING) for number in range(140)]
    wanted = [job.id for job in reversed(jobs) if "PENDING" not in query or job.status == "PENDING"]
    if "oldest" in query:
        wanted.reverse()
    there = list(walk(client, f"/dashboard/{query}", "next"))
    back = list(walk(client, there[-1][0], "prev"))
    assert [job_id for _, ids in there for job_id in ids] == wanted
    assert [ids for _, ids in back] == [ids for _, ids in reversed(there)]


def test_a_search_whose_window_ended_says_how_to_go_on(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "WINDOW", 20)
    jobs = [create(client, type="needle"), *(create(client) for _ in range(50)), create(client, type="needle")]
    for query, wanted in (("sort=oldest", [jobs[0], jobs[-1]]), ("", [jobs[-1], jobs[0]])):
        found, url = [], f"/dashboard/?q=needle&{query}"
        while url:
            html = page(client, url)
            found += list(rows(html))
            link = re.search(r'<a href="([^"]+)">search on|<a href="([^"]+)" rel="next">', html)
            url = unescape(link[1] or link[2]) if link else ""
        assert found == wanted


def test_a_refresh_that_holds_its_rows_gets_them_again_and_the_number_of_newer_ones(client: FlaskClient) -> None:
    job = make_job()
    html = page(client, "/dashboard/?status=PENDING")
    seq, known = re.search(r'data-seq="(\d+)"', html), re.search(r'data-known="(\d+)"', html)
    assert seq
    assert known
    for _ in range(3):
        make_job()
    client.post("/jobs/claim")
    html = page(client, f"/dashboard/fragments/board?status=PENDING&hold={seq[1]}&known={known[1]}")
    assert list(rows(html)) == [job.id]
    assert "RUNNING" in rows(html)[job.id]
    assert "3 newer jobs" in html


def searched(client: FlaskClient, query: str) -> str:
    found = re.search(r'<p class="hint matches">(.*?)</p>', page(client, f"/dashboard/{query}"), re.DOTALL)
    return " ".join(re.sub("<[^>]+>", "", unescape(found[1])).split()) if found else ""


def test_a_list_that_is_narrowed_tells_how_many_match_and_a_whole_one_nothing(client: FlaskClient) -> None:
    for name in ("needle", "hay", *["straw"] * 54):
        create(client, type=name)
    assert [searched(client, query) for query in ("", "?status=PENDING", "?status=PENDING&sort=oldest")] == [""] * 3
    shown = {query: searched(client, query) for query in ("?q=straw", "?type=STR", "?q=needle", "?q=no&sort=oldest")}
    assert list(shown.values()) == ["54 match", "54 match", "1 matches", "0 match"]
    assert searched(client, "?status=FAILED&q=straw") == "0 match"


def test_matches_are_counted_up_to_a_limit(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MATCHES_MAX", 3)
    for _ in range(4):
        create(client)
    assert searched(client, "?q=resize") == "At least 3 match"


@pytest.mark.parametrize(("jobs", "is_cut"), [(20, False), (21, True)])
def test_a_window_is_mentioned_only_where_it_left_jobs_out(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, jobs: int, is_cut: bool
) -> None:
    monkeypatch.setattr(selection, "WINDOW", 20)
    first = create(client, type="needle")
    for _ in range(jobs - 1):
        create(client)
    told = " · Searched the {} 20 of 21 · search {}"
    assert searched(client, "?q=resize") == f"{19 + is_cut} match{told.format('newest', 'older') if is_cut else ''}"
    oldest = told.format("oldest", "newer") if is_cut else ""
    assert searched(client, "?q=needle&sort=oldest") == f"1 matches{oldest}"
    link = re.search(r'<a href="([^"]+)">search older', page(client, "/dashboard/?q=needle"))
    assert bool(link) == is_cut
    if link:
        assert list(rows(page(client, unescape(link[1])))) == [first]


def test_the_jobs_of_a_type_are_found_among_all_jobs_and_no_window_is_mentioned(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "WINDOW", 20)
    needles = [create(client, type=name) for name in ("needle", "Needle_2")]
    for number in range(42):
        create(client, type=f"hay{number % 2}")
    client.post(f"/jobs/{needles[0]}/process")
    for query in ("?type=NEED", "?type=need&sort=oldest"):
        assert set(rows(page(client, f"/dashboard/{query}"))) == set(needles)
        assert searched(client, query) == "2 match"
    assert list(rows(page(client, "/dashboard/?type=need&status=PENDING"))) == [needles[1]]
    assert searched(client, "?type=need&status=PENDING") == "1 matches"
    assert searched(client, "?type=needle&q=needle") == "2 match"
    assert searched(client, "?type=hay") == "42 match"
    assert searched(client, "?type=hay&q=hay").endswith("Searched the newest 20 jobs · search older")
    assert searched(client, "?type=hay&status=PENDING").endswith("Searched the newest 20 jobs · search older")


def test_a_beginning_of_more_types_than_are_merged_is_looked_for_in_a_window(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(types, "MERGED_MAX", 2)
    monkeypatch.setattr(selection, "WINDOW", 3)
    for name in ("t1", "t2", "t3", "other", "t4"):
        create(client, type=name)
    assert searched(client, "?type=t") == "2 match · Searched the newest 3 jobs · search older"
    assert searched(client, "?type=t1") == "1 matches"


def test_counters_of_all_jobs_say_so_while_the_list_is_narrowed(client: FlaskClient) -> None:
    create(client)
    assert "all jobs" not in page(client, "/dashboard/?status=PENDING")
    for query in ("?q=nothing", "?type=nothing"):
        html = page(client, f"/dashboard/{query}")
        assert 'aria-label="All jobs by status"' in html
        assert ">all jobs<" in html
        assert counters(html)["PENDING"] == 1
